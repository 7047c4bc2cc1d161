-- What was asked for of some series and is in no state: nobody has got to it, or it was cut short before.
SELECT a.series_id, lower(piece) AS starts, upper(piece) AS ends
FROM ingest.asked a
LEFT JOIN LATERAL (
    SELECT range_agg(l.held) AS windows FROM ingest.ledger l WHERE l.series_id = a.series_id
) known ON true,
unnest(a.windows - coalesce(known.windows, '{}'::tstzmultirange)) AS piece
WHERE a.series_id = ANY (CAST(:series_ids AS integer[]))
ORDER BY a.series_id, starts
