-- Write news into the ledger: what they say replaces what was known of their time, and neighbours that say the same
-- become one row. The news (one array element each) are disjoint within a series; the caller holds the series' row.
-- Old rows that overlap or touch a piece of news are taken out, cut around all news of their series, put together with
-- the news, merged over gaps-and-islands and put back. The sort below needs every deleted row before the first insert,
-- so the exclusion constraint never sees old and new at once.
WITH news AS MATERIALIZED (
    SELECT n.series_id, tstzrange(n.starts, n.ends) AS held, n.state, n.reason, n.permanent, n.request_id,
           tstzrange(n.starts - interval '1 microsecond', n.ends + interval '1 microsecond') AS reach
    FROM unnest(
        CAST(:series_ids AS integer[]), CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[]),
        CAST(:states AS text[]), CAST(:reasons AS text[]), CAST(:permanents AS boolean[]),
        CAST(:request_ids AS bigint[])
    ) AS n (series_id, starts, ends, state, reason, permanent, request_id)
), taken AS (
    SELECT series_id, range_agg(held) AS held FROM news GROUP BY series_id
), old AS (
    DELETE FROM ingest.ledger l USING news n
    WHERE int4range(l.series_id, l.series_id, '[]') && int4range(n.series_id, n.series_id, '[]') AND l.held && n.reach
    RETURNING l.series_id, l.held, l.state, l.reason, l.permanent, l.request_id
), parts AS (
    SELECT series_id, held, state, reason, permanent, request_id FROM news
    UNION ALL
    SELECT old.series_id, unnest(tstzmultirange(old.held) - taken.held), state, reason, permanent, request_id
    FROM old JOIN taken USING (series_id)
), edges AS (
    SELECT *, lag(upper(held)) OVER neighbours IS DISTINCT FROM lower(held) AS opens
    FROM parts
    WINDOW neighbours AS (PARTITION BY series_id, state, reason, permanent ORDER BY lower(held))
), islands AS (
    SELECT *, count(*) FILTER (WHERE opens) OVER (
        PARTITION BY series_id, state, reason, permanent ORDER BY lower(held)
    ) AS island
    FROM edges
)
INSERT INTO ingest.ledger (series_id, held, state, reason, permanent, request_id)
SELECT series_id, tstzrange(min(lower(held)), max(upper(held))), state, reason, permanent, max(request_id)
FROM islands
GROUP BY series_id, state, reason, permanent, island
