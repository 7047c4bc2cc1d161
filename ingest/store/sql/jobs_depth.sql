-- How many jobs are where, and about how many requests those that are not done still stand for.
SELECT coalesce(job.args ->> 'lane', 'control') AS lane,
       CASE WHEN job.status = 'failed' AND job.abort_requested THEN 'aborted' ELSE job.status::text END AS status,
       CASE WHEN job.queue_name = 'paused' THEN 'paused' ELSE 'open' END AS queue,
       count(*) AS jobs,
       coalesce(sum(CASE WHEN progress.slices > 0 THEN progress.remaining
                         ELSE CAST(job.args ->> 'estimate' AS integer) END), 0) AS requests
FROM ingest_queue.procrastinate_jobs job
LEFT JOIN ingest.job_progress progress ON progress.job_id = job.id
WHERE job.task_name IN ('fill', 'expand', 'conclude')
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3
