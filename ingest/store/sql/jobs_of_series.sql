-- The fills of some series that wait or run. Those that wait are held until the transaction ends, so that no worker
-- claims one while it is widened; one that is claimed meanwhile has become 'doing' when its row is seen.
WITH held AS (
    SELECT id, status::text, args FROM ingest_queue.procrastinate_jobs
    WHERE lock = ANY (CAST(:locks AS text[])) AND status = 'todo' AND task_name = 'fill'
    ORDER BY id
    FOR UPDATE
)
SELECT id, status, args FROM held
UNION ALL
SELECT id, status::text, args FROM ingest_queue.procrastinate_jobs
WHERE lock = ANY (CAST(:locks AS text[])) AND status = 'doing' AND task_name = 'fill'
