-- For each stretch of a series' time (by its place): where its settled part ends (null: nothing of it is settled), what of
-- it is not settled, and what of that IB refused for good, as starts and ends.
WITH asked AS (
    SELECT a.place, a.series_id, tstzrange(a.starts, a.ends) AS stretch
    FROM unnest(
        CAST(:series_ids AS integer[]), CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[])
    ) WITH ORDINALITY AS a (series_id, starts, ends, place)
), known AS (
    SELECT asked.place,
           range_agg(l.held * asked.stretch) FILTER (WHERE NOT l.permanent) AS settled,
           range_agg(l.held * asked.stretch) FILTER (WHERE l.permanent) AS refused
    FROM asked JOIN ingest.ledger l ON l.series_id = asked.series_id AND l.held && asked.stretch
    WHERE l.state IN ('covered', 'empty_confirmed') OR l.permanent
    GROUP BY asked.place
), lacking AS (
    SELECT asked.place, upper(known.settled) AS settled_until,
           tstzmultirange(asked.stretch) - coalesce(known.settled, '{}') AS rest,
           coalesce(known.refused, '{}') AS refused
    FROM asked LEFT JOIN known USING (place)
)
SELECT settled_until,
       ARRAY(SELECT lower(piece) FROM unnest(rest) AS piece ORDER BY piece) AS starts,
       ARRAY(SELECT upper(piece) FROM unnest(rest) AS piece ORDER BY piece) AS ends,
       ARRAY(SELECT lower(piece) FROM unnest(refused) AS piece ORDER BY piece) AS refused_starts,
       ARRAY(SELECT upper(piece) FROM unnest(refused) AS piece ORDER BY piece) AS refused_ends
FROM lacking
ORDER BY place
