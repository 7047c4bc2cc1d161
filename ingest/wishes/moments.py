"""When a job runs: crontab lines, calendars and delays, refused here when they cannot mean anything."""

import re
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import cache

_DELAY_UNITS = {"s": 1, "sec": 1, "second": 1, "m": 60, "min": 60, "minute": 60, "h": 3600, "hour": 3600}
_LONGEST_DELAY = timedelta(hours=24)
#: Any day does: whether five fields ever meet does not depend on when one begins to wait.
_SOME_DAY = datetime(2024, 1, 1, tzinfo=UTC)
#: A month in which exchanges have sessions.
_SOME_MONTH = ("2024-01-01", "2024-01-31")


def checked_cron(text: str) -> str:
    """A crontab line that fires some day, with single blanks. Raises ValueError in one line.

    APScheduler counts weekdays from Monday, crontabs from Sunday (its issue 286), so that `1-5` would quietly mean
    Tuesday to Saturday: numbers are refused there.
    """
    from apscheduler.triggers.cron import CronTrigger

    fields = text.split()
    if len(fields) != 5:
        raise ValueError(f"{text!r} has {len(fields)} fields; write five: minute hour day month weekday")
    if re.search(r"\d", fields[4]):
        raise ValueError(f"weekday {fields[4]!r}: write names such as mon-fri; their numbers differ between crons")
    cleaned = " ".join(fields)
    try:
        trigger = CronTrigger.from_crontab(cleaned, "UTC")
    except ValueError as error:
        raise ValueError(f"{text!r} is no crontab line: {str(error).rstrip('.')}") from None
    if trigger.get_next_fire_time(None, _SOME_DAY) is None:
        raise ValueError(f"{text!r} never fires: no month has such a day")
    return cleaned


def checked_calendar(name: str) -> str:
    """The ISO code of a calendar of exchange_calendars; `NYSE` gives `XNYS`. Raises ValueError in one line."""
    from exchange_calendars import get_calendar_names, resolve_alias

    names: list[str] = get_calendar_names()
    if name not in names:
        near = get_close_matches(name.upper(), names, n=1, cutoff=0.6)
        advice = f"did you mean {near[0]!r}?" if near else "write an ISO code such as XNYS, XLON or CMES"
        raise ValueError(f"unknown calendar {name!r}; {advice}")
    code = str(resolve_alias(name))
    if not _can_be_built(code):
        raise ValueError(f"exchange_calendars cannot work out its calendar {name!r}; give a cron line instead")
    return code


@cache
def _can_be_built(code: str) -> bool:
    """Whether a calendar has sessions at all: those of some exchanges break under a new pandas."""
    from exchange_calendars import get_calendar

    try:
        get_calendar(code, start=_SOME_MONTH[0], end=_SOME_MONTH[1])
    except NotImplementedError:
        return False
    except ValueError:  # it is bounded to other years, beyond which its usual hours count
        return True
    return True


def parse_delay(text: str) -> timedelta:
    """Read `30 min`, `90 s`, `2 hours`; at most 24 hours. Raises ValueError in one line."""
    found = re.fullmatch(r"(\d{1,5})\s*([a-z]+?)s?", text.strip().lower())
    if found is None or found[2] not in _DELAY_UNITS:
        raise ValueError(f"{text!r} is no delay; write for example 30 min or 2 hours")
    delay = timedelta(seconds=int(found[1]) * _DELAY_UNITS[found[2]])
    if delay > _LONGEST_DELAY:
        raise ValueError(f"{text!r} is longer than a day; the next session would come before it")
    return delay
