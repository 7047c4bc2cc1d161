-- Forget jobs whose last event is older than so many days; their events go with them.
WITH old AS (
    SELECT job.id FROM ingest_queue.procrastinate_jobs job
    WHERE job.status IN ('succeeded', 'failed', 'cancelled', 'aborted') AND NOT EXISTS (
        SELECT FROM ingest_queue.procrastinate_events event
        WHERE event.job_id = job.id AND event.at > now() - make_interval(secs => :days * 86400)
    )
), noted AS (
    DELETE FROM ingest.job_progress WHERE job_id IN (SELECT id FROM old)
)
DELETE FROM ingest_queue.procrastinate_jobs WHERE id IN (SELECT id FROM old)
