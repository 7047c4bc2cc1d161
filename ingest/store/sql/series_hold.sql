-- Take the rows of series for the rest of the transaction, always in the same order, so that loaders of the same series
-- follow one another and none waits for another in a circle. Foreign keys may still look at the rows meanwhile.
SELECT id, epoch
FROM ingest.series
WHERE id = ANY (CAST(:series_ids AS integer[]))
ORDER BY id
FOR NO KEY UPDATE
