-- The jobs that a worker holds, as the queue has it (in Procrastinate's own words and parameters).
SELECT id FROM procrastinate_jobs WHERE status = 'doing' AND worker_id = %(worker_id)s
