-- Queue jobs by Procrastinate's own function, in the order given; their ids in that order.
SELECT unnest(ingest_queue.procrastinate_defer_jobs_v1((
    SELECT array_agg(
        ROW(queue_name, task_name, priority, lock, NULL, args, NULL)::ingest_queue.procrastinate_job_to_defer_v1
        ORDER BY place
    )
    FROM ROWS FROM (
        jsonb_to_recordset(CAST(:jobs AS jsonb)) AS (queue_name text, task_name text, priority integer, lock text, args jsonb)
    ) WITH ORDINALITY AS job (queue_name, task_name, priority, lock, args, place)
)))
