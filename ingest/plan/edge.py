"""The newest edge of history, of which silence says little: IB may simply not have it yet.

History is 15 minutes behind without a live subscription (Campus, delayed data), and more when a farm is slow. So what
is empty at the edge is asked for again only once it is older than `DELAY`, or once something newer is held: two looks
within seconds of each other are one look.
"""

from datetime import datetime, timedelta

from ingest.domain.calendar import SessionCalendar
from ingest.domain.ledger import Ledger, State
from ingest.domain.request import Session
from ingest.domain.series import Series
from ingest.domain.window import Window, Windows, between

#: Three times what IB documents as the delay of its data.
DELAY = timedelta(minutes=45)


def unripe(series: Series, held: Ledger, calendar: SessionCalendar, now: datetime) -> Windows:
    """What is pending at the newest edge and too young for a second look, from the beginning of its last session on."""
    daily = series.bar_size.is_daily
    found = []
    for window in held.windows(State.PENDING):
        sessions = calendar.on_axis(window, daily=daily)
        is_young = bool(sessions) and _end(window, sessions[-1], daily=daily) > now - DELAY
        if is_young and not _is_followed(window, held, calendar, daily=daily):
            found.append(Window(max(window.start, _start(series, sessions[-1])), window.end))
    return tuple(found)


def _end(window: Window, last: Session, *, daily: bool) -> datetime:
    """When the window's newest bar closed, or would have."""
    return last.hours.end if daily else min(window.end, last.hours.end)


def _start(series: Series, session: Session) -> datetime:
    if not series.bar_size.is_daily:
        return session.hours.start
    midnight = session.hours.start.replace(hour=0, minute=0, second=0, microsecond=0)
    return series.bar_size.floor(midnight.replace(year=session.day.year, month=session.day.month, day=session.day.day))


def _is_followed(window: Window, held: Ledger, calendar: SessionCalendar, *, daily: bool) -> bool:
    """Whether bars after the window are held: then IB has got past it. (A night is covered without any.)"""
    later = (between(max(part.start, window.end), part.end) for part in held.windows(State.COVERED))
    return any(calendar.on_axis(part, daily=daily) for part in later if part is not None)
