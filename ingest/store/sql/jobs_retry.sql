-- Ended jobs that are to be tried again: their rounds begin anew, and where wished they ask for what IB refused.
-- Those that were cancelled are put in as new jobs by the caller (Procrastinate revives only failed ones).
-- A fill whose firing has ended is no part of it any more: what becomes of it is told by itself.
-- One that failed when it was asked to stop is not asked any more; no waiting job may be.
WITH chosen AS (
    SELECT id FROM ingest_queue.procrastinate_jobs
    WHERE id = ANY (CAST(:job_ids AS bigint[])) AND status IN ('failed', 'cancelled', 'aborted')
    FOR UPDATE
), forgotten AS (
    UPDATE ingest.job_progress SET rounds = 0, tried = '[]', note = '' WHERE job_id IN (SELECT id FROM chosen)
)
UPDATE ingest_queue.procrastinate_jobs job
SET args = job.args
        || CASE WHEN :retry_failed AND job.task_name = 'fill' THEN '{"retry_failed": true}'::jsonb ELSE '{}' END
        || CASE WHEN job.task_name = 'fill' AND EXISTS (
               SELECT FROM ingest.firings f WHERE CAST(f.id AS text) = job.args ->> 'firing' AND f.ended_at IS NOT NULL
           ) THEN '{"firing": null}'::jsonb ELSE '{}' END,
    abort_requested = false
FROM chosen WHERE job.id = chosen.id
RETURNING job.id, job.status::text, job.args ->> 'lane' AS queue_name, job.task_name, job.priority, job.lock, job.args
