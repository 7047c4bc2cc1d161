-- What a login booked in the last seconds, and how long ago by the server's clock (below 0 within its grace).
SELECT id, extract(epoch FROM clock_timestamp() - booked_at)::float8 AS age
FROM ingest.requests
WHERE login = :login AND booked_at > clock_timestamp() - make_interval(secs => :seconds)
