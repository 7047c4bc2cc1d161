"""A request that IB finds too large → two smaller ones for the same time, down to one session or the shortest slice."""

from dataclasses import replace
from datetime import datetime, timedelta

from ingest.domain.calendar import SessionCalendar
from ingest.domain.request import Chunk, Session
from ingest.domain.window import Window
from ingest.plan.chunks import pieces_of
from ingest.plan.planner import PlannedRequest
from ingest.plan.sizing import reach_of, request_for

#: Bars worth a request of their own: below that, slices of second bars are not cut again.
_FEWEST_BARS = 30


def halves(planned: PlannedRequest, calendar: SessionCalendar, now: datetime) -> tuple[PlannedRequest, ...]:
    """The chunk in two, newest first; empty where it cannot be cut any further.

    Series that are only served up to now have one request and no halves.
    """
    chunk = planned.chunk
    if chunk.to_now:
        return ()
    cut = _cut(chunk, calendar)
    if cut is None:
        return ()
    windows = (Window(cut, chunk.window.end), Window(chunk.window.start, cut))
    parts = [replace(chunk, window=window, sessions=_sessions(chunk, window)) for window in windows]
    return tuple(_half(planned, part, calendar, now) for part in parts)


def _half(planned: PlannedRequest, part: Chunk, calendar: SessionCalendar, now: datetime) -> PlannedRequest:
    second_look, unlike = planned.second_look, planned.unlike
    request = request_for(part, calendar, now=now, second_look=second_look, unlike=unlike)
    reach = reach_of(request, part, calendar)
    witnesses = tuple(window for window in planned.witnesses if window.overlaps(reach))
    return PlannedRequest(part, request, second_look, unlike, witnesses)


def _cut(chunk: Chunk, calendar: SessionCalendar) -> datetime | None:
    """Where a session opens in the middle of the chunk; for second bars, the middle of the only session's part."""
    series = chunk.series
    sessions = calendar.on_axis(chunk.window, daily=series.bar_size.is_daily)
    pieces = pieces_of(series, chunk.window, sessions)
    if len(pieces) > 1:
        return pieces[len(pieces) // 2].window.start
    if not pieces or not series.bar_size.is_small:
        return None
    part, length = pieces[0].window, series.bar_size.length
    if part.span < 2 * max(timedelta(seconds=30), _FEWEST_BARS * length):
        return None
    return part.start + part.span // length // 2 * length


def _sessions(chunk: Chunk, window: Window) -> tuple[Session, ...] | None:
    if chunk.sessions is None:
        return None
    return tuple(piece.session for piece in pieces_of(chunk.series, window, chunk.sessions))
