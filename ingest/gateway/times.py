"""IB's many ways to write a moment, read exactly or not at all.

Asked for are formatDate=2 (epoch seconds) and, for bars of a day and longer, `yyyymmdd`. The zoned forms of
formatDate=1 (`20260402 09:30:00 US/Eastern`, the dash form `19801212-14:30:00` in UTC, a trailing `Z` since 214) are
read too. A wall time without a zone, or one that a clock change makes ambiguous, is refused: nothing is guessed.
"""

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

_WALL = re.compile(r"(\d{8})([ -]) ?(\d\d:\d\d:\d\d)(Z| .+)?")
_MICROSECONDS = 1_000_000
_EARLIEST_EPOCH = 100_000_000
EARLIEST = datetime.fromtimestamp(_EARLIEST_EPOCH, UTC)
"""March 1973: a smaller number is a `yyyymmdd` date or nonsense; no intraday bar is that old."""


def parse_moment(text: str, zone: tzinfo | None = None, *, dates: bool = True) -> datetime:
    """One moment in UTC. `zone` is that of wall times that name none; a bare date is 00:00Z, unless not `dates`.

    Raises ValueError with the raw text.
    """
    if dates and re.fullmatch(r"(19|20)\d{6}", text):
        return datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC)
    if re.fullmatch(r"-?\d{1,11}", text):
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(text))
    found = _WALL.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a time")
    wall = datetime.strptime(f"{found[1]} {found[3]}", "%Y%m%d %H:%M:%S")  # noqa: DTZ007 -- its zone comes next
    return on_clock(wall, _zone(found[4], found[2], zone, text))


def parse_day(text: str) -> date:
    """`yyyymmdd` as a date. Raises ValueError."""
    if not re.fullmatch(r"\d{8}", text):
        raise ValueError(f"{text!r} is not a date")
    return datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC).date()


def find_zone(name: str) -> tzinfo:
    """IB's zone name (`US/Eastern`, `MET`, `Hongkong`); raises ValueError for one the tz database does not know."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"unknown time zone {name!r}") from None


def on_clock(wall: datetime, zone: tzinfo) -> datetime:
    """A wall time of that zone in UTC. Raises ValueError when a clock change makes it ambiguous or skips it."""
    early, late = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if early != late:
        raise ValueError(f"{wall} is ambiguous in {zone}")
    return early


def epoch_microseconds(seconds: NDArray[np.float64]) -> NDArray[np.int64]:
    """Epoch seconds as microseconds; raises OffendingRow at the first that cannot be one."""
    bad = ~((seconds >= _EARLIEST_EPOCH) & (seconds < 1e11) & (seconds == np.floor(seconds)))
    if bad.any():
        raise OffendingRow(int(np.argmax(bad)), "is not a bar's time in seconds")
    return seconds.astype(np.int64) * _MICROSECONDS


def day_microseconds(dates: NDArray[np.float64]) -> NDArray[np.int64]:
    """Numbers `yyyymmdd` as microseconds at 00:00Z; raises OffendingRow at the first that is no date."""
    in_range = (dates >= 19_000_101) & (dates < 22_000_000) & (dates == np.floor(dates))
    whole = np.where(in_range, dates, 0).astype(np.int64)
    month_number = whole // 100 % 100
    months = ((whole // 10_000 - 1970) * 12 + month_number - 1).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + (whole % 100 - 1)
    bad = ~in_range | (month_number < 1) | (month_number > 12) | (days.astype("datetime64[M]") != months)
    if bad.any():
        raise OffendingRow(int(np.argmax(bad)), "is not a date")
    return days.astype("datetime64[us]").astype(np.int64)


class OffendingRow(ValueError):
    """The first row that is wrong, and how."""

    def __init__(self, row: int, why: str) -> None:
        super().__init__(f"row {row} {why}")
        self.row = row
        self.why = why


def _zone(named: str | None, separator: str, fallback: tzinfo | None, text: str) -> tzinfo:
    if named == "Z":
        return UTC
    if named:
        return find_zone(named.strip())
    if fallback is not None:
        return fallback
    if separator == "-":
        return UTC
    raise ValueError(f"{text!r} names no time zone")
