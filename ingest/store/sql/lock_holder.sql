-- The session that holds a series' advisory lock (two-key form: objsubid 2) in this database.
SELECT l.pid, a.application_name, a.backend_start
FROM pg_locks l
JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory'
  AND l.granted
  AND l.objsubid = 2
  AND l.classid = CAST(CAST(:space AS bigint) AS oid)
  AND l.objid = CAST(CAST(:series_id AS bigint) AS oid)
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
LIMIT 1
