"""Asking again for a little of what is held: the request that goes on from there begins some sessions earlier.

IB's history changes. A daily close becomes the exchange's settlement hours later, and after a split the whole earlier
history of TRADES stands on another price basis (IB Campus: it is "adjusted for splits"). New bars do not tell: only the
same bars, asked again, do. It costs no further request, and the chunk stays what it is: what lies before it is held
against what is stored, and settles nothing.
"""

from dataclasses import replace

from ingest.domain.calendar import SessionCalendar
from ingest.domain.request import Chunk, Duration, HistoricalRequest, Session
from ingest.domain.window import Window, Windows
from ingest.plan.chunks import session_window

#: A trading week: daily closes are settled by the next morning, Friday's sometimes only on Saturday.
DAILY_SESSIONS = 5
#: The bars of one session would tell a new price basis from an old one. But a second look at an empty window reaches
#: one session further back than the chunk: it would be the same request again, and prove nothing.
INTRADAY_SESSIONS = FEWEST_SESSIONS = 2
#: IB takes no longer durations in days; those in years are never exact.
_MOST_DAYS = 365


def with_room(chunks: tuple[Chunk, ...], covered: Windows, span: Duration) -> tuple[Chunk, ...]:
    """Chunks, newest first; the one that goes on where covered time ends with room in `span` to look back."""
    if not chunks or not covered or span.unit != "D":
        return chunks
    *newer, oldest = chunks
    sessions = oldest.sessions or ()
    most = span.count - (DAILY_SESSIONS if oldest.series.bar_size.is_daily else INTRADAY_SESSIONS)
    if covered[-1].end > oldest.window.start or not 1 <= most < len(sessions):
        return chunks
    cut = session_window(oldest.series, sessions[most]).start
    later = replace(oldest, window=Window(cut, oldest.window.end), sessions=sessions[most:])
    return (*newer, later, replace(oldest, window=Window(oldest.window.start, cut), sessions=sessions[:most]))


def look_back(
    chunk: Chunk, request: HistoricalRequest, covered: Windows, calendar: SessionCalendar, span: Duration
) -> tuple[HistoricalRequest, Window | None]:
    """The request as it reaches back into covered time, and that time; itself and None where it does not.

    It does where the chunk begins with a session and nothing later is covered, for bars of more than 30 seconds (whose
    requests are dear) up to a day, on a known calendar, and as far as `span` allows.
    """
    before = [window for window in covered if window.end <= chunk.window.start]
    if not before or len(before) < len(covered) or not _can_reach_back(chunk, request, calendar):
        return request, None
    first = _first_session(chunk, before[-1], calendar)
    if first is None:
        return request, None
    beside = Window(max(before[-1].start, session_window(chunk.series, first).start), before[-1].end)
    days = len(calendar.on_axis(Window(beside.start, chunk.window.end), daily=chunk.series.bar_size.is_daily))
    if days > (min(span.count, _MOST_DAYS) if span.unit == "D" else _MOST_DAYS):
        return request, None
    return replace(request, duration=Duration(days, "D")), beside


def _can_reach_back(chunk: Chunk, request: HistoricalRequest, calendar: SessionCalendar) -> bool:
    size = chunk.series.bar_size
    if chunk.to_now or size.is_small or size.is_period or not calendar.is_known or request.duration.unit not in "SD":
        return False
    sessions = calendar.on_axis(chunk.window, daily=size.is_daily)
    return bool(sessions) and (size.is_daily or chunk.window.start <= sessions[0].hours.start)


def _first_session(chunk: Chunk, held: Window, calendar: SessionCalendar) -> Session | None:
    daily = chunk.series.bar_size.is_daily
    sessions = calendar.on_axis(held, daily=daily)[-(DAILY_SESSIONS if daily else INTRADAY_SESSIONS) :]
    return sessions[0] if len(sessions) >= FEWEST_SESSIONS else None
