-- Whether a whole new answer only adds to what an epoch holds: every stored bar came back with the same values.
WITH answer AS MATERIALIZED (
    SELECT a.ts, a.open, a.high, a.low, a.close,
           nullif(a.volume, 'NaN') AS volume, nullif(a.wap, 'NaN') AS wap, nullif(a.bar_count, :no_count) AS bar_count
    FROM unnest(:ts, :open, :high, :low, :close, :volume, :wap, :bar_count)
        AS a (ts, open, high, low, close, volume, wap, bar_count)
)
SELECT NOT EXISTS (
    SELECT FROM {bars} b
    LEFT JOIN answer a ON a.ts = b.ts
    WHERE b.series_id = :series_id AND b.epoch = :epoch
      AND (a.ts IS NULL
           OR (a.open, a.high, a.low, a.close, a.volume, a.wap, a.bar_count)
               IS DISTINCT FROM (b.open, b.high, b.low, b.close, b.volume, b.wap, b.bar_count))
)
