-- Jobs with what was noted of them. The few that are shown are chosen first; only their events are looked at.
-- A job that was asked to stop while it gave itself back counts as stopped (Procrastinate says that it failed).
WITH chosen AS (
    SELECT job.*, stands.status AS stands, job.status = 'todo' AND job.scheduled_at > now() AS is_later,
           array_position(ARRAY['doing', 'todo']::text[], job.status::text) AS rank
    FROM ingest_queue.procrastinate_jobs job
    CROSS JOIN LATERAL (
        SELECT CASE WHEN job.status = 'failed' AND job.abort_requested THEN 'aborted' ELSE job.status::text END AS status
    ) stands
    WHERE (CAST(:job_ids AS bigint[]) IS NULL OR job.id = ANY (CAST(:job_ids AS bigint[])))
      AND (CAST(:statuses AS text[]) IS NULL OR stands.status = ANY (CAST(:statuses AS text[])))
      AND (job.status <> 'todo' OR CASE WHEN job.queue_name = 'paused' THEN :paused ELSE :waiting END)
      AND (CAST(:wish AS text) IS NULL OR job.args ->> 'wish' = :wish)
      AND (CAST(:locks AS text[]) IS NULL OR job.lock = ANY (CAST(:locks AS text[])))
      AND (CAST(:firing AS text) IS NULL OR job.args ->> 'firing' = :firing)
      AND (CAST(:ended_seconds AS float8) IS NULL OR job.status IN ('todo', 'doing') OR EXISTS (
          SELECT FROM ingest_queue.procrastinate_events event
          WHERE event.job_id = job.id AND event.at > now() - make_interval(secs => :ended_seconds)
      ))
      AND job.task_name IN ('fill', 'expand', 'conclude')
    ORDER BY rank NULLS LAST,
             CASE WHEN job.status IN ('doing', 'todo') THEN job.priority END DESC,
             CASE WHEN job.status IN ('doing', 'todo') THEN job.id ELSE -job.id END
    LIMIT :limit
)
SELECT chosen.*, progress.*, events.*
FROM chosen
LEFT JOIN ingest.job_progress progress ON progress.job_id = chosen.id
LEFT JOIN LATERAL (
    SELECT min(at) FILTER (WHERE type = 'deferred') AS queued_at,
           min(at) FILTER (WHERE type = 'started') AS began_at,
           max(at) FILTER (WHERE type IN ('succeeded', 'failed', 'cancelled', 'aborted') AND chosen.rank IS NULL) AS ended_at
    FROM ingest_queue.procrastinate_events event WHERE event.job_id = chosen.id
) events ON true
ORDER BY chosen.rank NULLS LAST,
         CASE WHEN chosen.rank IS NOT NULL THEN chosen.priority END DESC,
         CASE WHEN chosen.rank IS NOT NULL THEN chosen.id ELSE -chosen.id END
