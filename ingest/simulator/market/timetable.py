"""When each venue trades, 1990 to 2030: one table per venue, from `exchange_calendars`, built once.

A session is told by four edges: opening, regular opening, regular close, close. The stretches between them are what
comes before, during and after regular hours; any of them may be empty (an index has only the middle one). Wall-clock
rules become instants in the venue's own zone, so the weeks in which daylight saving changes need no rule here.
"""

import warnings
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Literal

import exchange_calendars
import numpy as np
import pandas as pd

from ingest.simulator.market.arrays import Ints
from ingest.simulator.market.types import Session

Venue = Literal["US", "US_REGULAR", "TORONTO", "CME", "FOREX", "CRYPTO"]

FIRST_DAY = date(1990, 1, 1)
LAST_DAY = date(2030, 12, 31)
DAY_SECONDS = 86_400

NEW_YORK = "America/New_York"
CHICAGO = "America/Chicago"
TORONTO = "America/Toronto"

_EPOCH = date(1970, 1, 1)


#: The four edges of a usual session as hours after the midnight that begins its date, and the zone of that clock.
_USUAL: dict[Venue, tuple[str, tuple[float, float, float, float]]] = {
    "US": (NEW_YORK, (4, 9.5, 16, 20)),
    "US_REGULAR": (NEW_YORK, (9.5, 9.5, 16, 16)),
    "TORONTO": (TORONTO, (9.5, 9.5, 16, 16)),
    "CME": (CHICAGO, (-7, 8.5, 16, 16)),
    "FOREX": (NEW_YORK, (-6.75, -6.75, 17, 17)),
    "CRYPTO": ("UTC", (0, 0, 24, 24)),
}


@dataclass(frozen=True, slots=True)
class Timetable:
    """`day` is days since 1970-01-01, ascending; `edges` is `[sessions, 4]` in epoch seconds, ascending in each row."""

    day: Ints
    edges: Ints

    def bounds(self, *, use_rth: bool) -> tuple[Ints, Ints]:
        """Opening and closing instants of every session in the hours asked for; equal where there are none."""
        first, last = (1, 2) if use_rth else (0, 3)
        return self.edges[:, first], self.edges[:, last]

    def between(self, first: int, last: int) -> "Timetable":
        """The sessions with `first <= day <= last`."""
        low, high = np.searchsorted(self.day, [first, last + 1])
        return Timetable(self.day[low:high], self.edges[low:high])

    def sessions(self, *, use_rth: bool) -> tuple[Session, ...]:
        """As values, without the sessions that have no such hours."""
        opens, closes = self.bounds(use_rth=use_rth)
        rows = zip(self.day.tolist(), opens.tolist(), closes.tolist(), strict=True)
        return tuple(
            Session(date_of(day), opens_at, closes_at) for day, opens_at, closes_at in rows if closes_at > opens_at
        )


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - _EPOCH).days


def date_of(number: int) -> date:
    """The inverse of `day_number`."""
    return _EPOCH + timedelta(days=number)


def wall(day: Ints, hours: float, zone: str) -> Ints:
    """When the wall clock in `zone` stands `hours` after midnight of each day (negative: the day before)."""
    local = pd.DatetimeIndex((day * DAY_SECONDS + round(hours * 3600)).astype("datetime64[s]"))
    return seconds_of(local.tz_localize(zone))


def seconds_of(instants: pd.DatetimeIndex) -> Ints:
    """Epoch seconds of an aware index."""
    naive = instants.tz_convert("UTC").tz_localize(None).to_numpy()
    return naive.astype("datetime64[s]").astype(np.int64)


def usual(venue: Venue, day: Ints) -> Timetable:
    """Sessions of the usual hours on these days, whatever any calendar says of them."""
    zone, hours = _USUAL[venue]
    return Timetable(day, np.stack([wall(day, hour, zone) for hour in hours], axis=1))


def zone_of(venue: Venue) -> str:
    """The zone whose dates name the venue's sessions."""
    return _USUAL[venue][0]


@cache
def timetable(venue: Venue) -> Timetable:
    """The venue's sessions from `FIRST_DAY` to `LAST_DAY`."""
    match venue:
        case "US":
            return _us_stocks()
        case "US_REGULAR":
            return _regular_only(*_calendar("XNYS"))
        case "TORONTO":
            return _regular_only(*_calendar("XTSE"))
        case "CME":
            return _cme()
        case "FOREX":  # Monday to Friday, holidays included
            day = _every_day()
            return usual(venue, day[weekday(day) < 5])
        case "CRYPTO":
            return usual(venue, _every_day())


def _every_day() -> Ints:
    return np.arange(day_number(FIRST_DAY), day_number(LAST_DAY) + 1, dtype=np.int64)


def _calendar(name: str) -> tuple[Ints, Ints, Ints]:
    """Day, open and close of a named calendar. Without explicit bounds the package covers only twenty years back."""
    with warnings.catch_warnings():
        # exchange_calendars 4.13 uses an accessor that pandas 3.1 deprecates; its users cannot help that.
        warnings.simplefilter("ignore", DeprecationWarning)
        calendar = exchange_calendars.get_calendar(name, start=FIRST_DAY.isoformat(), end=LAST_DAY.isoformat())
    schedule = calendar.schedule
    day = schedule.index.to_numpy().astype("datetime64[D]").astype(np.int64)
    return day, seconds_of(pd.DatetimeIndex(schedule["open"])), seconds_of(pd.DatetimeIndex(schedule["close"]))


def _regular_only(day: Ints, opens: Ints, closes: Ints) -> Timetable:
    return Timetable(day, np.stack([opens, opens, closes, closes], axis=1))


def _us_stocks() -> Timetable:
    """04:00 to 20:00 around the regular session; after an early close trading ends at 17:00."""
    day, opens, closes = _calendar("XNYS")
    hours = usual("US", day).edges
    ends = np.where(closes < hours[:, 2], wall(day, 17, NEW_YORK), hours[:, 3])
    return Timetable(day, np.stack([hours[:, 0], opens, closes, ends], axis=1))


def _cme() -> Timetable:
    """17:00 of the day before to 16:00 Chicago. The calendar runs to 17:00: it ignores the daily hour of rest."""
    day, _, calendar_close = _calendar("CMES")
    hours = usual("CME", day).edges
    closes = np.minimum(calendar_close, hours[:, 3])
    return Timetable(day, np.stack([hours[:, 0], np.minimum(hours[:, 1], closes), closes, closes], axis=1))


def weekday(day: Ints) -> Ints:
    """0 is Monday (1970-01-01 was a Thursday)."""
    return (day + 3) % 7
