"""The bars of a series, drawn when asked for; what is kept are courses and the sums of whole sessions.

Minutes are not kept: drawing them is faster than their memory would be worth. Daily bars over decades would draw
millions of them each time, so those sums are kept, in blocks whose limits do not depend on the question.
"""

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from ingest.simulator.market.arrays import Ints
from ingest.simulator.market.grid import bar_day, bar_start
from ingest.simulator.market.synthetic import bars as fold
from ingest.simulator.market.synthetic.bars import Ticks
from ingest.simulator.market.synthetic.course import Course, course, measure
from ingest.simulator.market.synthetic.dividends import factors
from ingest.simulator.market.synthetic.listing import Listing
from ingest.simulator.market.synthetic.minutes import Prints, quotes, trades, walk
from ingest.simulator.market.synthetic.series import FIGURES, Series, first_day, is_traded
from ingest.simulator.market.timetable import DAY_SECONDS, Timetable, day_number
from ingest.simulator.market.types import Bars, BarSize

#: Sessions whose sums are kept together.
_BLOCK = 64

#: A block is some 5 kB and a course some 1 MB, so that a process keeps at most 20 MB of the one and 64 MB of the other.
_BLOCKS_KEPT = 4096
_COURSES_KEPT = 64

#: One set of rows, or two for BID_ASK: the bid's and the ask's.
Sides = tuple[Ticks, ...]


class Archive:
    """Draws bars of the listings from a seed."""

    def __init__(self, seed: int, listings: Mapping[int, Listing]) -> None:
        self._seed = seed
        self._listings = listings
        self._course = lru_cache(_COURSES_KEPT)(self._new_course)
        self._block = lru_cache(_BLOCKS_KEPT)(self._new_block)

    def timetable(self, series: Series) -> Timetable:
        """The sessions in which the series can have bars."""
        return self._course(series.con_id, series.what).timetable

    def first_minute(self, series: Series) -> int | None:
        """Where the series begins."""
        for session in range(len(self.timetable(series).day)):
            prints = self._prints(series, session, session + 1)[0]
            if len(prints.start):
                return int(prints.start[0])
        return None

    def bars(self, series: Series, size: BarSize, start: int, end: int) -> Bars:
        """See `Market.bars`."""
        seconds = size.unit == "seconds"
        sides = self._intraday(series, size, start, end) if seconds else self._daily(series, size, start, end)
        listing = self._listings[series.con_id]
        scale = self._course(series.con_id, series.what).ticks
        if series.what == "BID_ASK":
            return fold.both_sides(sides[0], sides[1], scale)
        if is_traded(listing, series.what):
            return fold.traded_bars(sides[0], scale, listing.volume_units)
        missing = 0.0 if series.what == "TRADES" else -1.0
        return fold.bare_bars(sides[0], scale * 2 if series.what == "MIDPOINT" else scale, missing)

    def _intraday(self, series: Series, size: BarSize, start: int, end: int) -> Sides:
        opens, closes = self.timetable(series).bounds(use_rth=series.use_rth)
        low, high = int(np.searchsorted(closes, start, side="right")), int(np.searchsorted(opens, end))
        sides = []
        for prints in self._prints(series, low, high):
            rows = _seconds(prints, start, end) if size.seconds < 60 else fold.minute_ticks(fold.cut(prints, end))
            if size.seconds not in (1, 60):
                rows = fold.merged(rows, bar_start(rows.start, opens[rows.session], size))
            ends = np.minimum(rows.start // size.seconds * size.seconds + size.seconds, closes[rows.session])
            sides.append(rows.between(int(np.searchsorted(ends, start, side="right")), len(ends)))
        return tuple(sides)

    def _daily(self, series: Series, size: BarSize, start: int, end: int) -> Sides:
        """Bars of a day, week or month. Of all sessions only the last can be one that `end` cuts."""
        table = self.timetable(series)
        opens, closes = table.bounds(use_rth=series.use_rth)
        dates = bar_day(table.day, size)
        low = int(np.searchsorted(dates, start // DAY_SECONDS))
        high = max(low, int(np.searchsorted(opens, end)))
        whole = high - 1 if high > low and closes[high - 1] > end else high
        blocks = [self._block(series, number) for number in range(low // _BLOCK, -(-whole // _BLOCK))]
        sides = []
        for side, prints in enumerate(self._prints(series, whole, high)):
            kept = [_sessions(block[side], low, whole) for block in blocks]
            forming = fold.minute_ticks(fold.cut(prints, end))
            rows = fold.stacked([*kept, fold.merged(forming, table.day[forming.session])])
            sides.append(_dated(rows, dates))
        return tuple(sides)

    def _new_block(self, series: Series, number: int) -> Sides:
        """Sums of whole sessions."""
        day = self.timetable(series).day
        sides = self._prints(series, number * _BLOCK, min((number + 1) * _BLOCK, len(day)))
        minutes = [fold.minute_ticks(prints) for prints in sides]
        return tuple(fold.merged(rows, day[rows.session]) for rows in minutes)

    def _prints(self, series: Series, low: int, high: int) -> tuple[Prints, ...]:
        """Every minute of the sessions: one set, or the two sides of BID_ASK."""
        listing = self._listings[series.con_id]
        run = self._course(series.con_id, series.what)
        path = walk(run, low, max(low, high), use_rth=series.use_rth)
        if series.what == "BID_ASK":
            return quotes(path, listing.spread, "BID"), quotes(path, listing.spread, "ASK")
        if is_traded(listing, series.what):
            factor = factors(self._seed, listing, run.timetable.day, series.paid) if series.paid else None
            return (trades(path, run, listing.liquidity, factor),)
        return (quotes(path, listing.spread, series.what),)

    def _new_course(self, con_id: int, what: str) -> Course:
        listing = self._listings[con_id]
        first = day_number(first_day(listing, what))
        if what in FIGURES:
            return measure(self._seed, listing, what, first)
        return course(self._seed, listing, first)


def _seconds(prints: Prints, start: int, end: int) -> Ticks:
    """Only the minutes around `[start, end)` are taken apart: sixty rows each."""
    rows = fold.second_ticks(prints.only((prints.start > start - 60) & (prints.start < end)))
    return rows.between(0, int(np.searchsorted(rows.start, end)))


def _sessions(rows: Ticks, low: int, high: int) -> Ticks:
    first, last = np.searchsorted(rows.session, [low, high])
    return rows.between(int(first), int(last))


def _dated(rows: Ticks, dates: Ints) -> Ticks:
    """Days with one date become one bar. `merged` keeps sessions apart, so they are given the date for a session."""
    date = dates[rows.session]
    together = Ticks(rows.start, date, *(getattr(rows, name) for name in Ticks.__slots__[2:]))
    return fold.merged(together, date * DAY_SECONDS)
