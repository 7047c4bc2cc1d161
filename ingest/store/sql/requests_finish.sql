-- Close requests that are in the log as sent: when and how each ended. The series and origin must be those it was sent
-- for; the caller counts the rows.
UPDATE ingest.requests r
SET ended_at = f.ended_at, outcome = f.outcome, code = f.code, text = f.text, bar_count = f.bar_count
FROM unnest(
    CAST(:ids AS bigint[]), CAST(:series_ids AS integer[]), CAST(:origins AS text[]), CAST(:ended_ats AS timestamptz[]),
    CAST(:outcomes AS text[]), CAST(:codes AS integer[]), CAST(:texts AS text[]), CAST(:bar_counts AS integer[])
) AS f (id, series_id, origin, ended_at, outcome, code, text, bar_count)
WHERE r.id = f.id AND r.series_id = f.series_id AND r.origin = f.origin
