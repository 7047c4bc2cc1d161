-- The parts of a wish that the ledger does not hold as settled: wish − held, by PostgreSQL's multiranges.
-- Settled is covered, confirmed empty and, unless failures are to be tried again, permanently refused.
WITH wish AS (
    SELECT range_agg(tstzrange(w.starts, w.ends)) AS windows
    FROM unnest(CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[])) AS w (starts, ends)
), settled AS (
    SELECT coalesce(range_agg(held), '{}'::tstzmultirange) AS windows
    FROM ingest.ledger
    WHERE series_id = :series_id
      AND (state IN ('covered', 'empty_confirmed') OR (permanent AND NOT :retry_failed))
)
SELECT lower(piece), upper(piece)
FROM wish, settled, unnest(wish.windows - settled.windows) AS piece
ORDER BY 1
