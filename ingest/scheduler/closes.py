"""When sessions of an exchange close, by exchange_calendars: half days early, holidays and week-ends not at all.

Calendars are asked for a month at a time, because their default ends a year from now, and some cannot be made over a
longer time. Where an exchange has not published its holidays yet (Mumbai's are known to the end of the year), every
weekday counts as a session that closes at the usual time: a run on a holiday finds nothing to do, a run that never
comes would be missed.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

_DAY = timedelta(days=1)
#: No session is dated further from the day (in UTC) on which it closes.
_DRIFT = 2 * _DAY
#: An exchange that stays closed for longer is taken for closed for good (Athens 2015: one month).
_MONTHS_AHEAD = 24


class UnusableCalendar(ValueError):
    """exchange_calendars knows the name, but cannot work the calendar out."""


def next_close(calendar: str, moment: datetime) -> datetime | None:
    """The first close after a moment. Raises UnusableCalendar."""
    month = _month_of(moment - _DRIFT)
    for _ in range(_MONTHS_AHEAD):
        for close in _closes(calendar, month):
            if close > moment:
                return close
        month = _following(month)
    return None


def last_close(calendar: str, since: datetime, until: datetime) -> datetime | None:
    """The last close in (since, until]. Raises UnusableCalendar."""
    month, first = _month_of(until + _DRIFT), _month_of(since - _DRIFT)
    while month >= first:
        for close in reversed(_closes(calendar, month)):
            if close <= until:
                return close if close > since else None
        month = _month_of(month - _DAY)
    return None


@lru_cache(maxsize=64)
def known_until(calendar: str) -> date | None:
    """The last day for which the exchange's holidays are known; None: there is no end to them."""
    from exchange_calendars import get_calendar

    try:
        bound = get_calendar(calendar).bound_max()
    except (ValueError, NotImplementedError):
        return None
    return None if bound is None else bound.date()


@lru_cache(maxsize=512)
def _closes(calendar: str, month: datetime) -> tuple[datetime, ...]:
    """Of the sessions that are dated in the month, in order."""
    first, last = month.date(), (_following(month) - _DAY).date()
    bound = _bound_within(calendar, last)
    known = () if bound is not None and bound < first else _recorded(calendar, first, min(last, bound or last))
    return known if bound is None else (*known, *_supposed(calendar, max(first, bound + _DAY), last))


def _bound_within(calendar: str, last: date) -> date | None:
    """Where the known holidays end, if that is before the day."""
    bound = known_until(calendar)
    return bound if bound is not None and bound < last else None


def _recorded(calendar: str, first: date, last: date) -> tuple[datetime, ...]:
    from exchange_calendars import get_calendar
    from exchange_calendars.errors import NoSessionsError

    try:
        table = get_calendar(calendar, start=first.isoformat(), end=last.isoformat()).schedule
    except NoSessionsError:
        return ()
    except (ValueError, NotImplementedError) as error:
        said = str(error).partition(". ")[0].rstrip(".")[:120]
        raise UnusableCalendar(f"the calendar {calendar!r} cannot be worked out for {first:%Y-%m}: {said}") from error
    return tuple(close.to_pydatetime().astimezone(UTC) for close in table["close"])


def _supposed(calendar: str, first: date, last: date) -> Iterator[datetime]:
    from exchange_calendars import get_calendar

    listed: Any = get_calendar(calendar)
    usual = listed.close_times[-1][1]
    for number in range((last - first).days + 1):
        day = first + number * _DAY
        if listed.weekmask[day.weekday()] == "1":
            shown = datetime.combine(day + listed.close_offset * _DAY, usual, listed.tz)
            yield shown.astimezone(UTC)


def _month_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _following(month: datetime) -> datetime:
    return (month + 31 * _DAY).replace(day=1)
