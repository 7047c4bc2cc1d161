-- Which of these partitions a table lacks. None on TimescaleDB, where the table is not partitioned but a hypertable.
SELECT wanted.name
FROM unnest(CAST(:names AS text[])) AS wanted (name)
JOIN pg_class root ON root.oid = to_regclass(:root) AND root.relkind = 'p'
WHERE to_regclass('ingest.' || quote_ident(wanted.name)) IS NULL
ORDER BY wanted.name
