"""When a wish is due: by a clock's readings (`crontab`) or after an exchange's closes (`closes`).

Moments are aware; occurrences come out in UTC, each later than the one before.
"""

from datetime import datetime
from typing import TypeAlias

from ingest.plan.wish import zone_named
from ingest.scheduler import closes, crontab
from ingest.wishes import AfterClose, Cron
from ingest.wishes.moments import checked_calendar

Schedule: TypeAlias = Cron | AfterClose


def check_schedule(schedule: Schedule) -> None:
    """Raises ValueError for a zone or a calendar that this machine does not know."""
    match schedule:
        case Cron():
            zone_named(schedule.time_zone)
        case AfterClose():
            checked_calendar(schedule.calendar)


def next_after(schedule: Schedule, moment: datetime) -> datetime | None:
    """The first occurrence after a moment; None: there is none. Raises `closes.UnusableCalendar`."""
    match schedule:
        case Cron():
            return crontab.next_after(schedule, moment)
        case AfterClose(calendar, delay):
            close = closes.next_close(calendar, moment - delay)
            return None if close is None else close + delay


def last_due(schedule: Schedule, since: datetime, now: datetime) -> datetime | None:
    """The last occurrence in (since, now]: of all that were missed in that time the one to catch up."""
    if since >= now:
        return None
    match schedule:
        case Cron():
            return crontab.last_until(schedule, since, now)
        case AfterClose(calendar, delay):
            close = closes.last_close(calendar, since - delay, now - delay)
            return None if close is None else close + delay


def is_supposed(schedule: Schedule, moment: datetime) -> bool:
    """Whether an occurrence lies where the exchange's holidays are not known yet."""
    if not isinstance(schedule, AfterClose):
        return False
    bound = closes.known_until(schedule.calendar)
    return bound is not None and moment.date() > bound
