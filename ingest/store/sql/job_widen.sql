-- A job that waits wants more, and is as urgent as the more urgent of the two. It is wanted now, so that it does not wait
-- for the next round of what it wanted before, and its rounds begin anew.
WITH anew AS (
    UPDATE ingest.job_progress SET rounds = 0 WHERE job_id = :id
)
UPDATE ingest_queue.procrastinate_jobs SET args = :args, priority = greatest(priority, :priority), scheduled_at = NULL
WHERE id = :id AND status = 'todo'
