"""A chunk → the `HistoricalRequest` that answers it with the least excess.

IB's units differ in kind: S is clock time back from the end, D counts trading sessions (a session the end cuts counts
as one), W, M and Y go by the calendar. So a chunk inside one session asks in seconds (only bars up to a minute take
them), several sessions ask in D, long daily ranges in Y. A second look at an empty window is asked in another shape:
one session (or unit) more on either side, which also brings neighbours as witnesses.
"""

from bisect import bisect_left
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain

from ingest.domain.bar_size import BarSize
from ingest.domain.calendar import SessionCalendar
from ingest.domain.request import Chunk, Duration, HistoricalRequest
from ingest.domain.window import Window
from ingest.plan.reach import SETTLE

#: A request's end and duration as they are sent.
Form = tuple[str, str]


def request_for(
    chunk: Chunk, calendar: SessionCalendar, *, now: datetime, second_look: bool = False, unlike: Collection[Form] = ()
) -> HistoricalRequest:
    """The request for a chunk. `calendar` is the one it was cut by; `now` matters to series that end now.

    A second look differs in end or duration from all of `unlike`, the forms of those that found nothing before.
    """
    if not second_look:
        return _asked_with(chunk, calendar, now, 0)
    wider = [_asked_with(chunk, calendar, now, more) for more in range(1, len(unlike) + 2)]
    longest = wider[-1].duration  # where it has met IB's ceiling, a shorter one differs as well
    shorter = (Duration(longest.count - less, longest.unit) for less in range(1, len(unlike) + 2))
    others = (replace(wider[-1], duration=duration) for duration in shorter)
    return next(request for request in chain(wider, others) if form_of(request) not in unlike)


def form_of(request: HistoricalRequest) -> Form:
    """What makes two requests of a series differ for IB: end and duration."""
    return request.end_text, str(request.duration)


def reach_of(request: HistoricalRequest, chunk: Chunk, calendar: SessionCalendar) -> Window:
    """The time on the series' axis that a request asks for, its chunk and beyond; rather too little than too much."""
    end, duration, daily = request.end, request.duration, chunk.series.bar_size.is_daily
    if end is None:
        return chunk.window
    if duration.unit == "S":
        return Window(end - timedelta(seconds=duration.count), end)
    if duration.unit != "D":
        days = {"W": 7, "M": 28, "Y": 365}[duration.unit] * duration.count
        return Window(min(chunk.window.start, end - timedelta(days=days - 1)), end)
    begun = calendar.sessions[: bisect_left(calendar.sessions, end, key=lambda session: session.hours.start)]
    if not begun:
        return chunk.window
    first = begun[-duration.count :][0]
    start = datetime(first.day.year, first.day.month, first.day.day, tzinfo=UTC) if daily else first.hours.start
    return Window(min(chunk.window.start, start), max(end, chunk.window.end))


def _asked_with(chunk: Chunk, calendar: SessionCalendar, now: datetime, more: int) -> HistoricalRequest:
    """`more` sessions (or units) than the chunk has; 0 is a first look."""
    if chunk.to_now:
        whole = Window(chunk.window.start, max(now, chunk.window.end))
        return HistoricalRequest(chunk.series, None, _in_calendar_units(chunk.series.bar_size, whole, calendar, more))
    end = _end(chunk, calendar, now)
    if more and (later := _later_close(chunk, calendar, now)) is not None:
        duration = _in_calendar_units(chunk.series.bar_size, chunk.window, calendar, more + (later > chunk.window.end))
        return HistoricalRequest(chunk.series, later, duration)
    return HistoricalRequest(chunk.series, end, _duration(chunk, calendar, end, more))


def _later_close(chunk: Chunk, calendar: SessionCalendar, now: datetime) -> datetime | None:
    """For a second look: the first close behind the chunk, so that the answer has to bring a newer witness as well.

    An answer that was cut short lacks it. None where there is no such session yet, or no calendar, or where the unit is
    too coarse (weeks) or too short (seconds) to take one in.
    """
    size = chunk.series.bar_size
    held = calendar.on_axis(chunk.window, daily=size.is_daily)
    if not held or not calendar.is_known or size.is_period or size.is_small:
        return None
    last = held[-1]
    if not size.is_daily and chunk.window.end < last.hours.end:
        return last.hours.end if last.hours.end <= now else None
    following = calendar.after(last)
    if following is None or following.hours.end > now:
        return None
    return following.hours.end


def _end(chunk: Chunk, calendar: SessionCalendar, now: datetime) -> datetime:
    """The chunk's end; drawn back to the last close where the chunk ends in the night; for daily bars behind it."""
    daily = chunk.series.bar_size.is_daily
    held = calendar.on_axis(chunk.window, daily=daily)
    if not held:
        return chunk.window.end
    close = held[-1].hours.end
    if not daily:
        return min(chunk.window.end, close) if calendar.is_known else chunk.window.end
    following = calendar.after(held[-1])
    pause: timedelta = (following.hours.start - close) / 2 if following else SETTLE
    end = close + max(timedelta(), min(SETTLE, pause))
    return (end if end <= now else close).replace(microsecond=0)


def _duration(chunk: Chunk, calendar: SessionCalendar, end: datetime, more: int) -> Duration:
    size = chunk.series.bar_size
    held = calendar.on_axis(chunk.window, daily=size.is_daily)
    start = max(chunk.window.start, held[0].hours.start) if held and calendar.is_known else chunk.window.start
    seconds = int((end - start).total_seconds())
    if size.is_small:
        return Duration(min(86_400, max(30, seconds) + more * max(30, 5 * size.seconds)), "S")
    if size is BarSize.MIN_1 and not more and len(held) <= 1 and 60 <= seconds <= 86_400:
        return Duration(seconds, "S")
    return _in_calendar_units(size, chunk.window, calendar, more)


def _in_calendar_units(size: BarSize, window: Window, calendar: SessionCalendar, more: int) -> Duration:
    if size.is_period:
        weeks = -(-window.span // timedelta(weeks=1)) + more
        return Duration(weeks, "W") if weeks <= 52 else _years(window, more)
    held = calendar.on_axis(window, daily=size.is_daily)
    if len(held) + more <= 365:
        return Duration(max(1, len(held)) + more, "D")
    return _years(Window(held[0].hours.start, held[-1].hours.end), more)


def _years(window: Window, more: int) -> Duration:
    years = 1
    while _back(window.end, years) > window.start:
        years += 1
    return Duration(min(68, years + more), "Y")


def _back(moment: datetime, years: int) -> datetime:
    leap = moment.month == 2 and moment.day == 29
    return moment.replace(year=moment.year - years, day=28 if leap else moment.day)
