"""Which bar a moment or a session belongs to, and what date that bar carries.

Intraday bars start on the grid of UTC (every size up to an hour is the same in any zone that is whole hours away),
never before their session's open and never across two sessions. A week runs from Saturday to Friday, so that a market
that never closes is also dated by the Friday on which its week ends; a month is dated by its last session.
"""

import numpy as np

from ingest.simulator.market.arrays import Ints
from ingest.simulator.market.timetable import DAY_SECONDS, weekday
from ingest.simulator.market.types import BarSize


def bar_start(start: Ints, session_open: Ints, size: BarSize) -> Ints:
    """The start of the intraday bar that holds each `start`; `session_open` is parallel to it."""
    return np.maximum(start // size.seconds * size.seconds, session_open)


def bar_day(day: Ints, size: BarSize) -> Ints:
    """The day number that the daily, weekly or monthly bar of each session carries. `day` is the whole timetable's."""
    match size.unit:
        case "week":
            return day + (4 - weekday(day)) % 7
        case "month":
            month = (day * DAY_SECONDS).astype("datetime64[s]").astype("datetime64[M]").astype(np.int64)
            return day[np.searchsorted(month, month, side="right") - 1]
        case _:
            return day


def runs(*keys: Ints) -> Ints:
    """Where a new run of equal keys begins, for `np.ufunc.reduceat`. Empty for empty keys."""
    length = len(keys[0])
    new = np.zeros(length, dtype=bool)
    new[:1] = True
    for key in keys:
        new[1:] |= key[1:] != key[:-1]
    return np.flatnonzero(new)
