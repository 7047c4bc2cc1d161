"""When a crontab line is due. APScheduler matches the line against readings of a clock; what a reading means is ours.

Twice a year a zone's clock is changed, and APScheduler alone then fires some lines twice and others at the wrong time.
Here, on the day of the change:

- a reading that the clock skips (02:30 in New York in March) is due as if the clock had not been changed yet, which is
  a day after the last one: at 03:30. Where the line is due then anyway, it is due once;
- a reading that comes twice (01:30 in New York in November) is due the first time only. But a line for every hour (`*`)
  means every hour that passes, and is due both times.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import takewhile
from typing import Any
from zoneinfo import ZoneInfo

from ingest.wishes import Cron

#: No zone changes its clock by more (Troll, in Antarctica: two hours).
_CHANGE = timedelta(hours=3)
_TICK = timedelta(microseconds=1)
_FIRST_LOOK = timedelta(hours=1)


def next_after(cron: Cron, moment: datetime) -> datetime | None:
    """The first time after a moment at which it is due. None: never again."""
    zone = ZoneInfo(cron.time_zone)
    best: datetime | None = None
    for reading in _readings(cron, _reading(moment, zone) - _change_near(moment, zone)):
        if best is not None and reading > _reading(best, zone) + _change_near(best, zone):
            break
        due = [instant for instant in _instants(cron, reading, zone) if instant > moment]
        best = min([*due, best] if best is not None else due, default=None)
    return best


def last_until(cron: Cron, since: datetime, until: datetime) -> datetime | None:
    """The last time in (since, until] at which it was due."""
    zone, span = ZoneInfo(cron.time_zone), _FIRST_LOOK
    end = _reading(until, zone) + _CHANGE
    while True:
        start = max(since, until - span)
        near = takewhile(lambda reading: reading <= end, _readings(cron, _reading(start, zone) - _CHANGE))
        due = [each for reading in near for each in _instants(cron, reading, zone) if start < each <= until]
        if due or start == since:
            return max(due, default=None)
        span *= 2


def _instants(cron: Cron, reading: datetime, zone: ZoneInfo) -> list[datetime]:
    """When the zone's clock shows it. `fold=0` is the first time of two, and reads a skipped one by the old offset."""
    first, second = (reading.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    every_hour = cron.expression.split()[1] == "*"
    return [first, second] if every_hour and second > first else [first]


def _readings(cron: Cron, after: datetime) -> Iterator[datetime]:
    """Readings of a clock (without zone) that the line matches, in order."""
    trigger = _trigger(cron.expression)
    found: datetime | None = after.replace(tzinfo=UTC)
    while found is not None:
        found = trigger.get_next_fire_time(None, found + _TICK)
        if found is not None:
            yield found.replace(tzinfo=None)


def _reading(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)


def _change_near(moment: datetime, zone: ZoneInfo) -> timedelta:
    """By how much the zone's clock is changed around a moment: only so far are readings out of order."""
    near = (moment - _CHANGE, moment, moment + _CHANGE)
    offsets = [each.astimezone(zone).utcoffset() or timedelta(0) for each in near]
    return max(offsets) - min(offsets)


@lru_cache(maxsize=256)
def _trigger(expression: str) -> Any:
    from apscheduler.triggers.cron import CronTrigger

    return CronTrigger.from_crontab(expression, UTC)
