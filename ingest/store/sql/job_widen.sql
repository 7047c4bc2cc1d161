-- A job that waits wants more, and is as urgent as the more urgent of the two.
UPDATE ingest_queue.procrastinate_jobs SET args = :args, priority = greatest(priority, :priority)
WHERE id = :id AND status = 'todo'
