"""Weekends of an exchange whose calendar is not known: days without bars like any other, but asked for together.

Every day without a bar is asked for a second time, and most of them are Saturdays and Sundays. Where an answer has
several weekends without a bar, the second look asks for all of them in one request, from the day with bars before the
first to the day with bars after the last. There a weekend is believed to be empty when bars enclose it: two requests
of different shape found nothing, and an answer that was cut short lacks an end, not a weekend in its middle.
"""

from datetime import UTC, datetime, timedelta

from ingest.domain.request import Chunk, Session
from ingest.domain.window import Window, Windows, normalise
from ingest.validate.edges import Instants, first_at, micros

_SATURDAY = 5


def one_look(chunk: Chunk, instants: Instants) -> Windows:
    """The stretch that a single second look asks for, where the answer has several silent weekends; or nothing."""
    weekends = quiet_weekends(chunk, instants)
    if chunk.to_now or len(weekends) < 2:
        return ()
    days = (_day(chunk, session) for session in chunk.sessions or ())
    busy = [day for day in days if day is not None and _has_bars(instants, day)]
    before = [day.start for day in busy if day.end <= weekends[0].start]
    after = [day.end for day in busy if day.start >= weekends[-1].end]
    return (Window(max(before), min(after)),)


def quiet_weekends(chunk: Chunk, instants: Instants) -> Windows:
    """Weekends of an unknown calendar that have no bar but bars on both sides.

    A series that is only served up to now is never asked for in part. There other days between bars count as well, or
    a holiday would stay open for ever; and so do weekends at its edges.
    """
    if chunk.is_known or chunk.series.bar_size.is_period or not len(instants):
        return ()
    silent = []
    for session in chunk.sessions or ():
        day, is_weekend = _day(chunk, session), session.day.weekday() >= _SATURDAY
        if day is None or _has_bars(instants, day) or not (is_weekend or chunk.to_now):
            continue
        if (is_weekend and chunk.to_now) or (instants[0] < micros(day.start) and instants[-1] >= micros(day.end)):
            silent.append(day)
    return normalise(silent)


def _day(chunk: Chunk, session: Session) -> Window | None:
    if not chunk.series.bar_size.is_daily:
        return session.hours.intersection(chunk.window)
    start = datetime(session.day.year, session.day.month, session.day.day, tzinfo=UTC)
    return Window(start, start + timedelta(days=1)).intersection(chunk.window)


def _has_bars(instants: Instants, day: Window) -> bool:
    return first_at(instants, day.start) < first_at(instants, day.end)
