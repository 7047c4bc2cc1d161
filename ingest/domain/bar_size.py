"""`BarSize`: IB's bar sizes by IB's own strings, with the short aliases the field uses (`1m 5m 1h 1d`).

IB writes "1 secs" (never "1 sec"), "1 min", "2 mins", "1 hour", "2 hours" (its 321 refusal lists the legal ones). Weeks
and months are sent as `1W` and `1M`, the spelling of that same refusal.
"""

import re
from datetime import UTC, datetime, timedelta
from enum import Enum

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)
_DAY = timedelta(days=1)
_UNITS = {"s": "secs", "sec": "secs", "m": "min", "min": "min", "h": "hour", "hour": "hour", "d": "day", "day": "day"}
_UNITS |= {"w": "week", "week": "week", "mo": "month", "month": "month"}


class BarSize(Enum):
    """A bar size. `value` is IB's string; `length` the nominal span (a month counts 30 days, only for ordering)."""

    SEC_1 = "1 secs"
    SEC_5 = "5 secs"
    SEC_10 = "10 secs"
    SEC_15 = "15 secs"
    SEC_30 = "30 secs"
    MIN_1 = "1 min"
    MIN_2 = "2 mins"
    MIN_3 = "3 mins"
    MIN_5 = "5 mins"
    MIN_10 = "10 mins"
    MIN_15 = "15 mins"
    MIN_20 = "20 mins"
    MIN_30 = "30 mins"
    HOUR_1 = "1 hour"
    HOUR_2 = "2 hours"
    HOUR_3 = "3 hours"
    HOUR_4 = "4 hours"
    HOUR_8 = "8 hours"
    DAY_1 = "1 day"
    WEEK_1 = "1W"
    MONTH_1 = "1M"

    def __str__(self) -> str:
        return str(self.value)

    @classmethod
    def parse(cls, text: str) -> "BarSize":
        """Read IB's string or an alias such as `1m`, `5m`, `1h`, `1d`, `1w`, `1mo`. Raises ValueError."""
        cleaned = text.strip()
        for size in cls:
            if size.value == cleaned or (size is not cls.MONTH_1 and size.value.lower() == cleaned.lower()):
                return size
        found = re.fullmatch(r"(\d+)\s*([a-zA-Z]+?)s?", cleaned)
        if found and (unit := _UNITS.get(found[2].lower())):
            for size in cls:
                if size.length == _length(int(found[1]), unit) and (unit in ("week", "month")) == size.is_period:
                    return size
        raise ValueError(f"unknown bar size {text!r}; use one of {', '.join(size.alias for size in cls)}")

    @property
    def alias(self) -> str:
        """The short form: 5s, 1m, 1h, 1d, 1w, 1mo."""
        if self is BarSize.WEEK_1:
            return "1w"
        if self is BarSize.MONTH_1:
            return "1mo"
        number, unit = str(self.value).split()
        return number + unit[0]

    @property
    def length(self) -> timedelta:
        if self is BarSize.WEEK_1:
            return timedelta(days=7)
        if self is BarSize.MONTH_1:
            return timedelta(days=30)
        number, unit = str(self.value).split()
        return _length(int(number), {"m": "min", "h": "hour", "d": "day", "s": "secs"}[unit[0]])

    @property
    def seconds(self) -> int:
        return int(self.length.total_seconds())

    @property
    def is_small(self) -> bool:
        """Whether IB's hard pacing rules apply (bars of 30 seconds or less)."""
        return self.seconds <= 30

    @property
    def is_daily(self) -> bool:
        """Whether bars are dated by session (a day or longer) and windows run on the axis of session dates."""
        return self.seconds >= 86_400

    @property
    def is_period(self) -> bool:
        """Whether a bar holds several sessions (weeks and months)."""
        return self in (BarSize.WEEK_1, BarSize.MONTH_1)

    def floor(self, moment: datetime) -> datetime:
        """The last grid point not after `moment`: multiples of the size since 1970 UTC, Mondays, firsts of months."""
        if self is BarSize.MONTH_1:
            return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        zero = _MONDAY if self is BarSize.WEEK_1 else _EPOCH
        return moment.astimezone(UTC) - (moment - zero) % self.length

    def ceil(self, moment: datetime) -> datetime:
        """The first grid point not before `moment`; the last there is where that lies beyond the year 9999."""
        low = self.floor(moment)
        try:
            return low if low == moment else self.next(low)
        except OverflowError:
            return low

    def next(self, grid_point: datetime) -> datetime:
        """The grid point after `grid_point` (itself on the grid)."""
        if self is BarSize.MONTH_1:
            return (grid_point + 31 * _DAY).replace(day=1)
        return grid_point + self.length


def _length(number: int, unit: str) -> timedelta:
    seconds = {"secs": 1, "min": 60, "hour": 3600, "day": 86_400, "week": 604_800, "month": 2_592_000}[unit]
    return timedelta(seconds=number * seconds)
