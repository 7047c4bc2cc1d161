-- Whether something of a higher priority than a job waits, runs, or is scheduled, that needs IB's budget for small bars.
-- What is done by hand, beside the queue, counts as a job of the usual priority.
WITH mine AS (
    SELECT coalesce((SELECT priority FROM ingest_queue.procrastinate_jobs WHERE id = CAST(:job AS bigint)), 0) AS priority
)
SELECT EXISTS (
    SELECT FROM ingest_queue.procrastinate_jobs other
    WHERE other.status IN ('todo', 'doing') AND other.queue_name = 'small' AND other.priority > mine.priority
) OR EXISTS (
    SELECT FROM ingest.wishes w
    WHERE w.next_due IS NOT NULL AND CAST(w.document ->> 'priority' AS integer) > mine.priority
      AND EXISTS (SELECT FROM jsonb_array_elements(w.document -> 'series') s WHERE s ->> 'bar_size' = ANY (:small))
) AS is_outranked
FROM mine
