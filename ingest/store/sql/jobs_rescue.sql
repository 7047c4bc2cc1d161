-- Give back what a worker holds that has not been heard of for so many seconds, or is no longer known.
-- Who else is rescuing right now has locked the rows, and does it. What was paused meanwhile is put aside.
WITH orphans AS (
    SELECT job.id FROM ingest_queue.procrastinate_jobs job
    LEFT JOIN ingest_queue.procrastinate_workers worker ON worker.id = job.worker_id
    WHERE job.status = 'doing'
      AND (worker.id IS NULL OR worker.last_heartbeat < now() - make_interval(secs => :seconds))
    FOR UPDATE OF job SKIP LOCKED
)
UPDATE ingest_queue.procrastinate_jobs job
SET status = CASE WHEN job.abort_requested THEN 'aborted' ELSE 'todo' END::ingest_queue.procrastinate_job_status,
    queue_name = CASE
        WHEN job.task_name <> 'conclude' AND job.args ->> 'wish' = ANY (CAST(:paused AS text[])) THEN 'paused'
        ELSE job.queue_name
    END,
    abort_requested = false,
    attempts = job.attempts + 1,
    scheduled_at = NULL,
    worker_id = NULL
FROM orphans WHERE job.id = orphans.id
RETURNING job.id
