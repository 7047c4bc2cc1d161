-- Ended jobs that are to be tried again: their rounds begin anew, and where wished they ask for what IB refused.
-- Those that were cancelled are put in as new jobs by the caller (Procrastinate revives only failed ones).
-- One that failed when it was asked to stop is not asked any more; no waiting job may be.
WITH chosen AS (
    SELECT id FROM ingest_queue.procrastinate_jobs
    WHERE id = ANY (CAST(:job_ids AS bigint[])) AND status IN ('failed', 'cancelled', 'aborted')
    FOR UPDATE
), forgotten AS (
    UPDATE ingest.job_progress SET rounds = 0, tried = '[]', note = '' WHERE job_id IN (SELECT id FROM chosen)
)
UPDATE ingest_queue.procrastinate_jobs job
SET args = CASE WHEN :retry_failed AND job.task_name = 'fill' THEN job.args || '{"retry_failed": true}' ELSE job.args END,
    abort_requested = false
FROM chosen WHERE job.id = chosen.id
RETURNING job.id, job.status::text, job.args ->> 'lane' AS queue_name, job.task_name, job.priority, job.lock, job.args
