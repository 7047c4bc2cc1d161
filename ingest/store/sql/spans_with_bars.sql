-- Which of several spans (one array element each) already hold a bar of their series and epoch.
-- LATERAL with LIMIT 1 keeps it one index probe per span; the outer bounds let whole partitions be left out.
SELECT span.number
FROM unnest(
    CAST(:series_ids AS integer[]), CAST(:epochs AS integer[]),
    CAST(:firsts AS timestamptz[]), CAST(:lasts AS timestamptz[])
) WITH ORDINALITY AS span (series_id, epoch, first, last, number)
CROSS JOIN LATERAL (
    SELECT FROM {bars} b
    WHERE b.series_id = span.series_id AND b.epoch = span.epoch
      AND b.ts BETWEEN span.first AND span.last AND b.ts BETWEEN :first AND :last
    LIMIT 1
) AS stored
