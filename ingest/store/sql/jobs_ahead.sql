-- Every fill that runs or waits, with about how many requests are left of it; for looking ahead, so no events are read.
SELECT job.id, job.args ->> 'lane' AS lane, job.priority, CAST(job.args ->> 'series' AS integer) AS series_id,
       series.what_to_show AS what, job.status = 'doing' AS runs, job.queue_name = 'paused' AS is_paused,
       greatest(1, CASE WHEN progress.slices > 0 THEN progress.remaining
                        ELSE CAST(job.args ->> 'estimate' AS integer) END) AS requests,
       CASE WHEN job.status = 'todo' THEN extract(epoch FROM job.scheduled_at - now())::float8 END AS seconds_until
FROM ingest_queue.procrastinate_jobs job
JOIN ingest.series ON series.id = CAST(job.args ->> 'series' AS integer)
LEFT JOIN ingest.job_progress progress ON progress.job_id = job.id
WHERE job.status IN ('todo', 'doing') AND job.task_name = 'fill'
