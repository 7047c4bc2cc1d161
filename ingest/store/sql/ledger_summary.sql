-- For each series and state: how much time is held, in how many stretches, from when to when.
SELECT series_id, state, sum(upper(held) - lower(held)) AS held, count(*) AS stretches,
       min(lower(held)) AS first, max(upper(held)) AS last
FROM ingest.ledger
WHERE CAST(:series_ids AS integer[]) IS NULL OR series_id = ANY (CAST(:series_ids AS integer[]))
GROUP BY series_id, state
ORDER BY series_id, state
