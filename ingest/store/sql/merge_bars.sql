-- Merge one answer into a span that already holds bars: bars that came back the same are left alone, changed ones move
-- their old values to the revisions first, new ones are added. Comparison is by value and null-safe; NaN equals NaN.
-- In the arrays NaN, or the least integer, stands for null. The caller holds the series' row, so nobody else writes it.
WITH answer AS MATERIALIZED (
    SELECT a.ts, a.open, a.high, a.low, a.close,
           nullif(a.volume, 'NaN') AS volume, nullif(a.wap, 'NaN') AS wap, nullif(a.bar_count, :no_count) AS bar_count
    FROM unnest(:ts, :open, :high, :low, :close, :volume, :wap, :bar_count)
        AS a (ts, open, high, low, close, volume, wap, bar_count)
), judged AS MATERIALIZED (
    SELECT a.*, b.ts IS NOT NULL AS stored,
           (a.open, a.high, a.low, a.close, a.volume, a.wap, a.bar_count)
               IS DISTINCT FROM (b.open, b.high, b.low, b.close, b.volume, b.wap, b.bar_count) AS differs
    FROM answer a
    LEFT JOIN {bars} b
        ON b.series_id = :series_id AND b.epoch = :epoch AND b.ts = a.ts AND b.ts BETWEEN :first AND :last
), kept AS (
    INSERT INTO ingest.revisions
        (series_id, epoch, ts, open, high, low, close, volume, wap, bar_count, request_id, replaced_at, replaced_by)
    SELECT b.series_id, b.epoch, b.ts, b.open, b.high, b.low, b.close, b.volume, b.wap, b.bar_count, b.request_id,
           now(), :request_id
    FROM judged j
    JOIN {bars} b ON b.series_id = :series_id AND b.epoch = :epoch AND b.ts = j.ts AND b.ts BETWEEN :first AND :last
    WHERE j.stored AND j.differs
), replaced AS (
    UPDATE {bars} b
    SET open = j.open, high = j.high, low = j.low, close = j.close,
        volume = j.volume, wap = j.wap, bar_count = j.bar_count, request_id = :request_id
    FROM judged j
    WHERE j.stored AND j.differs
      AND b.series_id = :series_id AND b.epoch = :epoch AND b.ts = j.ts AND b.ts BETWEEN :first AND :last
), added AS (
    INSERT INTO {bars} (series_id, epoch, ts, open, high, low, close, volume, wap, bar_count, request_id)
    SELECT :series_id, :epoch, ts, open, high, low, close, volume, wap, bar_count, :request_id
    FROM judged
    WHERE NOT stored
)
SELECT count(*) FILTER (WHERE NOT stored) AS inserted,
       count(*) FILTER (WHERE stored AND NOT differs) AS unchanged,
       count(*) FILTER (WHERE stored AND differs) AS revised
FROM judged
