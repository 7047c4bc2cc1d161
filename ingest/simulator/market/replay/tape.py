"""One recorded series at its own bar size, and what can be told from it.

A recorded bar cannot be cut. Until it has ended only its opening print is told (with no volume), which is all that is
known to have happened; once it has ended it is told as recorded, to the last bit.
"""

from dataclasses import dataclass

import numpy as np

from ingest.simulator.market.arrays import Flags, Floats, Ints
from ingest.simulator.market.grid import bar_day, bar_start, runs
from ingest.simulator.market.timetable import DAY_SECONDS, Timetable
from ingest.simulator.market.types import Bars, BarSize


@dataclass(frozen=True, slots=True)
class Tape:
    """`session` is each bar's place in the timetable; `begins` and `ends` are the instants that bound its time."""

    size: BarSize
    bars: Bars
    session: Ints
    begins: Ints
    ends: Ints
    regular: Flags


def tape(size: BarSize, bars: Bars, table: Timetable) -> Tape:
    """Places recorded bars in their sessions. A week or month is taken to be the day whose date it carries.

    An intraday bar is over when the next one starts, if that is sooner than its size says: the first hour of a session
    may be half an hour.
    """
    start = bars.start
    if size.unit == "seconds":
        session = np.searchsorted(table.edges[:, 0], start, side="right") - 1
        ends = np.minimum(start + size.seconds, np.append(start[1:], start[-1:] + size.seconds))
        regular = (start >= table.edges[session, 1]) & (start < table.edges[session, 2])
        return Tape(size, bars, session, start, ends, regular)
    session = np.minimum(np.searchsorted(table.day, start // DAY_SECONDS), len(table.day) - 1)
    everywhere = np.ones(len(start), dtype=bool)
    if size.unit == "day":
        return Tape(size, bars, session, table.edges[session, 1], table.edges[session, 2], everywhere)
    return Tape(size, bars, session, start, start + DAY_SECONDS, everywhere)


def serves(native: BarSize, wanted: BarSize) -> bool:
    """Whether bars of one size can be added up to the other."""
    if wanted.unit == "seconds":
        return native.unit == "seconds" and wanted.seconds % native.seconds == 0
    return native.unit in ("seconds", "day", wanted.unit)


def play(one: Tape, table: Timetable, size: BarSize, start: int, end: int, *, use_rth: bool) -> Bars:
    """See `Market.bars`."""
    label, over = _labels(one, table, size, use_rth=use_rth)
    low = int(np.searchsorted(over, start, side="right"))
    high = int(np.searchsorted(one.begins, end))
    chosen = np.arange(low, high)
    if use_rth:
        chosen = chosen[one.regular[chosen]]
    rows = _known(_rows(one.bars, chosen), one.ends[chosen] > end)
    return rows if size == one.size else _added(rows, label[chosen])


def _labels(one: Tape, table: Timetable, size: BarSize, *, use_rth: bool) -> tuple[Ints, Ints]:
    """For each recorded bar: the start of the wanted bar it belongs to, and the instant at which that one is over."""
    if size == one.size:
        return one.bars.start, one.ends if size.unit == "seconds" else one.bars.start + DAY_SECONDS
    if size.unit != "seconds":
        date = bar_day(table.day, size)[one.session] * DAY_SECONDS
        return date, date + DAY_SECONDS
    opens, closes = table.bounds(use_rth=use_rth)
    grid = one.bars.start // size.seconds * size.seconds
    over = np.minimum(grid + size.seconds, closes[one.session])
    return bar_start(one.bars.start, opens[one.session], size), over


def _rows(bars: Bars, chosen: Ints) -> Bars:
    return Bars(*(getattr(bars, name)[chosen] for name in Bars.__slots__))


def _known(bars: Bars, forming: Flags) -> Bars:
    """What is known of the bars, some of which are still forming."""
    if not forming.any():
        return bars

    def first(column: Floats) -> Floats:
        return np.where(forming, bars.open, column)

    return Bars(
        bars.start,
        bars.open,
        first(bars.high),
        first(bars.low),
        first(bars.close),
        np.where(forming, np.minimum(bars.volume, 0.0), bars.volume),
        np.where(forming & (bars.wap >= 0), bars.open, bars.wap),
        np.where(forming, np.minimum(bars.count, 0), bars.count).astype(np.int32),
    )


def _added(bars: Bars, label: Ints) -> Bars:
    """Bars with one label are one bar. No two sessions share a label, as none begins before the session's open."""
    begin = runs(label)
    if len(begin) == 0:
        return bars
    last = np.append(begin[1:], len(label)) - 1
    volume = np.add.reduceat(bars.volume, begin)
    silent = np.minimum.reduceat(bars.volume, begin) < 0
    weighed = np.add.reduceat(bars.wap * bars.volume, begin) / np.where(volume > 0, volume, 1.0)
    no_wap = silent | (np.minimum.reduceat(bars.wap, begin) < 0) | (volume <= 0)
    uncounted = np.minimum.reduceat(bars.count, begin) < 0
    return Bars(
        label[begin],
        bars.open[begin],
        np.maximum.reduceat(bars.high, begin),
        np.minimum.reduceat(bars.low, begin),
        bars.close[last],
        np.where(silent, -1.0, volume),
        np.where(no_wap, -1.0, weighed),
        np.where(uncounted, -1, np.add.reduceat(bars.count, begin)).astype(np.int32),
    )
