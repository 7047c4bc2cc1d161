-- End the firings that have no fill waiting or running and have been expanded, or that nobody will expand any more (a firing
-- and the job for it are put in together); exactly one caller gets each.
-- The lock makes the choice: who comes second skips the row, and then finds it ended.
WITH ready AS (
    SELECT f.id
    FROM ingest.firings AS f
    WHERE f.ended_at IS NULL
      AND NOT EXISTS (
          SELECT
          FROM ingest_queue.procrastinate_jobs AS j
          WHERE j.args ->> 'firing' = CAST(f.id AS text) AND j.status IN ('todo', 'doing')
            AND (j.task_name = 'fill' OR (j.task_name = 'expand' AND f.expanded_at IS NULL))
      )
    FOR UPDATE OF f SKIP LOCKED
)
UPDATE ingest.firings AS f
SET ended_at = now()
FROM ready
WHERE f.id = ready.id AND f.ended_at IS NULL
RETURNING
    f.id, f.wish, f.due_at, f.cause, f.document, f.fired_at, f.expanded_at, f.unmet, f.ended_at, f.outcome
