-- Whether a worker still has a job that it claimed (in Procrastinate's own words and parameters).
SELECT EXISTS (
    SELECT FROM procrastinate_jobs WHERE id = %(job_id)s AND status = 'doing' AND worker_id = %(worker_id)s
) AS is_held
