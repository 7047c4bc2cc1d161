-- Say of some jobs that the worker does not hold them after all; whoever looks after the queue gives them to others.
UPDATE procrastinate_jobs SET worker_id = NULL
WHERE id = ANY (%(job_ids)s) AND status = 'doing' AND worker_id = %(worker_id)s
RETURNING id
