-- A booked request that did not leave in time leaves within another grace.
UPDATE ingest.requests
SET sent_at = :sent_at, booked_at = clock_timestamp() + make_interval(secs => :grace)
WHERE id = :id
