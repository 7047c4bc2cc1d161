-- Take out of their lanes what waits for a wish, or for any wish of a named universe. (A conclusion still comes.)
UPDATE ingest_queue.procrastinate_jobs SET queue_name = 'paused'
WHERE status = 'todo' AND queue_name <> 'paused' AND task_name IN ('fill', 'expand') AND args ->> 'wish' IN (
    SELECT CAST(:name AS text) UNION SELECT name FROM ingest.wishes WHERE document -> 'universe' ->> 'name' = :name
)
