-- How fast some logins were answered lately, larger and small bars apart: requests that ended, the seconds in which at
-- least one was open (so that idle time does not count), and units of the budget for small ones that were booked.
WITH lately AS (
    SELECT request.login, series.bar_size = ANY (CAST(:small AS text[])) AS small,
           request.kind = 'bars' AND request.ended_at IS NOT NULL AS counts,
           tstzrange(request.sent_at, greatest(request.ended_at, request.sent_at)) AS was_open,
           CASE WHEN request.booked_at IS NULL THEN 0 WHEN series.what_to_show = 'BID_ASK' THEN 2 ELSE 1 END AS units
    FROM ingest.requests request
    JOIN ingest.series ON series.id = request.series_id
    WHERE request.login = ANY (CAST(:logins AS text[])) AND request.sent_at > :since
), summed AS (
    SELECT login, small, count(*) FILTER (WHERE counts) AS requests, sum(units) AS units,
           range_agg(was_open) FILTER (WHERE counts) AS open
    FROM lately
    GROUP BY login, small
)
SELECT login, small, requests, units,
       (SELECT coalesce(extract(epoch FROM sum(upper(each) - lower(each))), 0)::float8 FROM unnest(open) each) AS busy
FROM summed
