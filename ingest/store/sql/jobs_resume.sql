-- Put back into their lanes all whose wish is no longer paused.
UPDATE ingest_queue.procrastinate_jobs SET queue_name = args ->> 'lane'
WHERE status = 'todo' AND queue_name = 'paused' AND args ->> 'wish' NOT IN (
    SELECT name FROM ingest.pauses WHERE scope = 'universe'
    UNION
    SELECT w.name FROM ingest.wishes w
    JOIN ingest.pauses p ON p.scope = 'universe' AND p.name = w.document -> 'universe' ->> 'name'
)
