"""`resample`: larger bars from smaller ones, never across a session's boundary; equal to the larger bars IB makes.

A session's first bar starts at its open, every other one on the clock's grid (an hour of New York's regular session
starts 09:30, then 10:00). A daily bar is its session, whatever midnights lie in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ingest.calendars import calendar_of
from ingest.domain.bar_size import BarSize
from ingest.domain.bars import BAR_SCHEMA
from ingest.domain.calendar import SessionCalendar
from ingest.domain.instrument import Instrument
from ingest.domain.window import Window
from ingest.errors import UsageError
from ingest.feed import frames
from ingest.feed.frames import FEED_SCHEMA

Frame = TypeVar("Frame")
Micros = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DAY_MICROS = 86_400_000_000
_AVERAGES = ("BID_ASK", "YIELD_BID_ASK")


def resample(frame: Frame, bar_size: str | BarSize, *, like: Any = None) -> Frame:
    """The frame's bars put together to `bar_size` (up to `1d`), in the same engine, session by session.

    Open, high, low, close are the first, greatest, least, last; volume and bar count are sums, and null where a part
    is; `wap` is weighted by volume. Bars that are missing are missing in the sum: `attrs["missing"]` is carried over.
    A frame that has lost its notes (from Polars, or put together) needs `like`, one of `feed.bars` that has them.

    Raises UsageError for a size that the frame's does not divide, weeks, months, and BID_ASK, whose averages over time
    cannot be put together.

    Example:

        >>> hours = feed.resample(feed.bars("AAPL", "1m", "2024-01-02"), "1h")
    """
    try:
        size = BarSize.parse(str(bar_size))
    except ValueError as error:
        raise UsageError(f"{error}.") from None
    notes = frames.notes_of(frame if like is None else like)
    told = {record["symbol"]: record for record in notes.get("series", [])}
    table, engine = frames.arrow_of(frame)
    bars = _as_bars(table)
    names = pc.unique(bars["symbol"]).to_pylist()
    parts = [(name, _larger(bars.filter(pc.equal(bars["symbol"], name)), _record(told, name), size)) for name in names]
    notes["series"] = [{**record, "bar_size": size.value} for record in notes.get("series", [])]
    return frames.deliver(frames.tidy(parts, notes), engine)  # type: ignore[no-any-return]


def _as_bars(table: pa.Table) -> pa.Table:
    lacking = [name for name in FEED_SCHEMA.names if name not in table.column_names]
    if lacking:
        raise UsageError(f"The frame has no {', '.join(lacking)}.", hint="Give what `feed.bars` returned.")
    try:
        return table.select(FEED_SCHEMA.names).cast(FEED_SCHEMA)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as problem:
        raise UsageError(f"The frame does not hold bars: {problem}.", hint="Give what `feed.bars` returned.") from None


def _record(told: Mapping[str, Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    if name not in told:
        raise UsageError(
            f"The frame does not say which series {name} is, so its sessions are unknown.",
            hint="Give `like=` the frame that `feed.bars` returned.",
        )
    return told[name]


def _larger(table: pa.Table, record: Mapping[str, Any], size: BarSize) -> pa.Table:
    """One series, without the symbol."""
    bars = table.drop_columns("symbol").sort_by("ts")
    given = BarSize(record["bar_size"])
    if size is given or not bars.num_rows:
        return bars
    if size.is_period or given.is_daily or size.seconds % given.seconds:
        raise UsageError(f"Bars of {size.alias} cannot be put together from bars of {given.alias}.")
    if record["what_to_show"] in _AVERAGES:
        raise UsageError(
            f"Bars of {record['what_to_show']} hold averages over time, which cannot be put together.",
            hint=f"Ask for {size.alias} bars themselves.",
        )
    ts: Micros = bars["ts"].cast(pa.int64()).to_numpy()
    day = _Sessions.around(_calendar(record), ts)
    labels = day.dates(ts) if size.is_daily else day.starts(ts, size)
    order = np.argsort(labels, kind="stable")  # dates alone may step back, and only for bars outside every session
    return _summed(bars.take(order), labels[order])


def _calendar(record: Mapping[str, Any]) -> SessionCalendar:
    facts = ("con_id", "symbol", "sec_type", "exchange", "currency", "primary_exchange", "time_zone_id")
    return calendar_of(Instrument(**{fact: record[fact] for fact in facts}), use_rth=record["use_rth"])


@dataclass(frozen=True, slots=True)
class _Sessions:
    """Parallel arrays of the sessions around some bars, ascending: hours, and the date at 00:00Z; in microseconds."""

    opens: Micros
    closes: Micros
    days: Micros

    @classmethod
    def around(cls, calendar: SessionCalendar, ts: Micros) -> "_Sessions":
        first, last = (_EPOCH + int(moment) * _MICROSECOND for moment in (ts[0], ts[-1]))
        near = calendar.overlapping(Window(first - timedelta(days=10), last + timedelta(days=10)))
        far = -(2**62)  # a session before all others, so that every bar has one before it
        opens = [far, *((session.hours.start - _EPOCH) // _MICROSECOND for session in near)]
        closes = [far, *((session.hours.end - _EPOCH) // _MICROSECOND for session in near)]
        days = [far, *((session.day - _EPOCH.date()).days * _DAY_MICROS for session in near)]
        return cls(*(np.array(column, dtype=np.int64) for column in (opens, closes, days)))

    def starts(self, ts: Micros, size: BarSize) -> Micros:
        """The start of each bar's larger bar: on the grid, but not before its session's open (or the last close)."""
        at, inside = self._of(ts)
        grid = size.seconds * 1_000_000
        return np.maximum(ts // grid * grid, np.where(inside, self.opens[at], self.closes[at]))

    def dates(self, ts: Micros) -> Micros:
        """The date of each bar's session; for a bar outside every session the date in UTC."""
        at, inside = self._of(ts)
        return np.where(inside, self.days[at], ts // _DAY_MICROS * _DAY_MICROS)

    def _of(self, ts: Micros) -> tuple[Micros, Flags]:
        """The last session that had opened at each bar's start, and whether it was still open."""
        at = np.searchsorted(self.opens, ts, side="right") - 1
        return at, ts < self.closes[at]


def _summed(bars: pa.Table, labels: Micros) -> pa.Table:
    """One bar for each run of equal labels. The columns' nulls are NaN below, which no sum loses."""
    begins = np.flatnonzero(np.diff(labels, prepend=labels[0] - 1))
    ends = np.append(begins[1:], len(labels)) - 1
    column = {name: bars[name].cast(pa.float64()).to_numpy() for name in BAR_SCHEMA.names if name != "ts"}
    volume = np.add.reduceat(column["volume"], begins)
    turnover = np.where(column["volume"] == 0, 0.0, column["wap"] * column["volume"])
    plain = np.add.reduceat(column["wap"], begins) / (ends - begins + 1)
    with np.errstate(invalid="ignore"):
        weighted = np.add.reduceat(turnover, begins) / volume
    count = np.add.reduceat(column["bar_count"], begins)  # exact: sums stay far below 2**53
    made = {
        "ts": labels[begins],
        "open": column["open"][begins],
        "high": np.maximum.reduceat(column["high"], begins),
        "low": np.minimum.reduceat(column["low"], begins),
        "close": column["close"][ends],
        "volume": volume,
        "wap": np.where(volume == 0, plain, weighted),  # an index has no volume to weigh by, and IB says 0
        "bar_count": count,
    }
    return pa.table([_column(field, made[field.name]) for field in BAR_SCHEMA], BAR_SCHEMA)


def _column(field: pa.Field, values: Any) -> pa.Array:
    if field.name == "ts":
        return pa.array(values).cast(field.type)
    nulls = np.isnan(values) if field.nullable else None
    return pa.array(values, pa.float64(), mask=nulls).cast(field.type)
