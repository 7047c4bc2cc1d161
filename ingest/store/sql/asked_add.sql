-- Remember that this time was asked for, beside what was asked for of the series before.
INSERT INTO ingest.asked AS a (series_id, windows)
SELECT :series_id, range_agg(tstzrange(w.starts, w.ends))
FROM unnest(CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[])) AS w (starts, ends)
HAVING count(*) > 0
ON CONFLICT (series_id) DO UPDATE SET windows = a.windows + excluded.windows
