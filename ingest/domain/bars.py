"""`BarBatch`: bars as one Arrow table in the one bar schema, sorted and unique by `ts`; the unit that moves.

`ts` is the bar's start in UTC (for bars of a day and longer: the session date at 00:00Z), microseconds. `volume`, `wap`
and `bar_count` are null where IB sends −1 ("not available").
"""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from ingest.domain.window import Window

BAR_SCHEMA: pa.Schema = pa.schema(
    [
        pa.field("ts", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("open", pa.float64(), nullable=False),
        pa.field("high", pa.float64(), nullable=False),
        pa.field("low", pa.float64(), nullable=False),
        pa.field("close", pa.float64(), nullable=False),
        pa.field("volume", pa.float64()),
        pa.field("wap", pa.float64()),
        pa.field("bar_count", pa.int32()),
    ]
)


@dataclass(frozen=True, slots=True)
class BarBatch:
    """A table in `BAR_SCHEMA`, `ts` strictly ascending. Raises ValueError when it is not."""

    table: pa.Table

    def __post_init__(self) -> None:
        if not self.table.schema.equals(BAR_SCHEMA):
            raise ValueError(f"not a bar table: {self.table.schema}")
        ts = self.table["ts"].combine_chunks() if self.table.num_rows else None
        if ts is not None and len(ts) > 1 and not pc.all(pc.less(ts[:-1], ts[1:])).as_py():
            raise ValueError("bars are not strictly ascending in ts")

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @classmethod
    def empty(cls) -> "BarBatch":
        return cls(BAR_SCHEMA.empty_table())

    @property
    def first_ts(self) -> pa.Scalar:
        return self.table["ts"][0]

    def followed_by(self, later: "BarBatch") -> "BarBatch":
        """Both as one. Raises ValueError where the other does not begin after this one's end."""
        return BarBatch(pa.concat_tables([self.table, later.table]))

    def within(self, window: Window) -> "BarBatch":
        """The bars whose `ts` lies in the window."""
        ts = self.table["ts"]
        kind = ts.type
        inside = pc.and_(
            pc.greater_equal(ts, pa.scalar(window.start, kind)),
            pc.less(ts, pa.scalar(window.end, kind)),
        )
        return BarBatch(self.table.filter(inside))
