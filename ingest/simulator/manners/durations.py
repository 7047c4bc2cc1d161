"""Duration strings: `<integer> <unit>`, what each unit reaches back over, and which ones IB refuses.

`S` is clock time. `D` counts trading sessions, a session under way counting as one. `W`, `M` and `Y` are calendar time.
historicalDataEnd reports the asked-for range in calendar time for every unit, which is why the two live side by side.
"""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, cast

from ingest.simulator.manners import texts
from ingest.simulator.market.types import BarSize
from ingest.simulator.wire.times import zone

DurationUnit = Literal["S", "D", "W", "M", "Y"]

_SHAPE = re.compile(r"(\d+)(?: ([SDWMY]))?")
_BAD_SHAPE = "When specifying a unit, historical data request duration format is integer{SPACE}unit (S|D|W|M|Y)."

#: Unit → (longest, what IB says beyond it).
_LONGEST: dict[str, tuple[int, str]] = {
    "S": (86_400, "Historical data request for greater than 86400 seconds rejected."),
    "D": (365, "Historical data requests for durations longer than 365 days must be made in years."),
    "W": (52, "Historical data request for durations longer than 52 weeks must be made in years."),
    "M": (12, "Historical data request for durations longer than 12 months must be made in years."),
    "Y": (68, "Historical data requested duration is invalid."),
}

#: Unit → smallest bar it may be asked in, seconds (Campus' step table). One-second bars: seconds only, at most 2000.
_SMALLEST_STEP = {"S": 1, "D": 5, "W": 10, "M": 30, "Y": 60}
_LONGEST_IN_SECOND_BARS = 2000


@dataclass(frozen=True, slots=True)
class Duration:
    count: int
    unit: DurationUnit


def parse_duration(text: str) -> Duration | texts.Refusal:
    """The duration, or the refusal the Gateway itself gives before anything reaches the history service."""
    if not text:
        return texts.invalid("Historical data request duration not specified.")
    match = _SHAPE.fullmatch(text)
    if match is None:
        return texts.invalid(_BAD_SHAPE)
    count, unit = int(match[1]), cast("DurationUnit", match[2] or "S")
    if count < (30 if unit == "S" else 1):
        return texts.invalid("Historical data requested duration is invalid.")
    longest, words = _LONGEST[unit]
    return texts.invalid(words) if count > longest else Duration(count, unit)


def judge_step(duration: Duration, size: BarSize) -> texts.Refusal | None:
    """The history service's own refusals: bars too small for the unit, or too many second bars."""
    if size.unit == "seconds" and size.seconds < _SMALLEST_STEP[duration.unit]:
        return texts.invalid_step(size.seconds)
    if size.seconds == 1 and duration.count > _LONGEST_IN_SECOND_BARS:
        return texts.TOO_LONG
    return None


def calendar_start(end: float, duration: Duration, zone_name: str) -> float:
    """The instant `duration` of calendar time before `end`, at the same wall time in the zone."""
    if duration.unit == "S":
        return end - duration.count
    local = datetime.fromtimestamp(end, zone(zone_name))
    if duration.unit in ("D", "W"):
        days = duration.count * (7 if duration.unit == "W" else 1)
        return (local - timedelta(days=days)).timestamp()
    return months_before(local, duration.count * (12 if duration.unit == "Y" else 1)).timestamp()


def months_before(moment: datetime, months: int) -> datetime:
    """The same day and wall time `months` earlier, or that month's last day where there is no such day."""
    year, month = divmod(moment.year * 12 + moment.month - 1 - months, 12)
    day = min(moment.day, monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)
