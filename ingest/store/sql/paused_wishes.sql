-- Wishes that are paused: by their own name, or by that of their universe.
SELECT name FROM ingest.pauses WHERE scope = 'universe'
UNION
SELECT w.name FROM ingest.wishes w
JOIN ingest.pauses p ON p.scope = 'universe' AND p.name = w.document -> 'universe' ->> 'name'
