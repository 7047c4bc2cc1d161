-- For each stretch of a series' time (by its place): where its settled part ends (null: nothing of it is settled), and
-- what of it is not settled, as starts and ends.
WITH asked AS (
    SELECT a.place, a.series_id, tstzrange(a.starts, a.ends) AS stretch
    FROM unnest(
        CAST(:series_ids AS integer[]), CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[])
    ) WITH ORDINALITY AS a (series_id, starts, ends, place)
), settled AS (
    SELECT asked.place, range_agg(l.held * asked.stretch) AS held
    FROM asked JOIN ingest.ledger l ON l.series_id = asked.series_id AND l.held && asked.stretch
    WHERE l.state IN ('covered', 'empty_confirmed')
    GROUP BY asked.place
), lacking AS (
    SELECT asked.place, upper(settled.held) AS settled_until,
           tstzmultirange(asked.stretch) - coalesce(settled.held, '{}') AS rest
    FROM asked LEFT JOIN settled USING (place)
)
SELECT settled_until,
       ARRAY(SELECT lower(piece) FROM unnest(rest) AS piece ORDER BY piece) AS starts,
       ARRAY(SELECT upper(piece) FROM unnest(rest) AS piece ORDER BY piece) AS ends
FROM lacking
ORDER BY place
