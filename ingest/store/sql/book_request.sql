-- Enter a request in the log before it leaves; by the server's clock it will have left within the grace.
INSERT INTO ingest.requests (
    series_id, origin, kind, login, accounts, client_id, server_version, connection_time, client_package,
    sent_at, asked, end_text, duration, outcome, booked_at
) VALUES (
    :series_id, :origin, :kind, :login, :accounts, :client_id, :server_version, :connection_time, :client_package,
    :sent_at, CAST(:asked AS tstzrange), :end_text, :duration, :outcome,
    clock_timestamp() + make_interval(secs => :grace)
) RETURNING id
