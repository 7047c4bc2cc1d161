"""What to do when a request reaches further back than the account's history: part with what is gone, ask for the rest.

IB refuses such a request whole: 321 "… requesting any data earlier than N year(s) back from now … are rejected". It
counts from the moment it is asked, takes a day off (as those who read the Gateway's own check found), and measures a
request by the calendar, from its end back by its duration. Only what lies before that moment is gone for good. Pure.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from ingest.domain.answer import RequestRecord
from ingest.domain.calendar import SessionCalendar
from ingest.domain.request import Session
from ingest.domain.window import Window
from ingest.errors import IngestError, RequestRefused
from ingest.plan.chunks import pieces_of
from ingest.plan.planner import PlannedRequest
from ingest.plan.sizing import request_for

_DAY = timedelta(days=1)


def is_too_old(error: IngestError) -> bool:
    """Whether IB refused a request for reaching back too far, so that less of the same time may be answered."""
    return getattr(error, "reaction", "") == "too_old"


def oldest_of(error: IngestError) -> datetime | None:
    """The first moment that the account's history may still hold; None where IB's words do not tell."""
    record = getattr(error, "record", None)
    if not isinstance(error, RequestRefused) or not isinstance(record, RequestRecord) or not error.years_back:
        return None
    asked = record.sent_at
    leap = asked.month == 2 and asked.day == 29
    return asked.replace(year=asked.year - error.years_back, day=28 if leap else asked.day) - _DAY


def gone_and_rest(
    planned: PlannedRequest, error: IngestError, calendar: SessionCalendar, now: datetime
) -> tuple[PlannedRequest | None, PlannedRequest | None]:
    """The refused request for the sessions that are gone, and one for the others; None for a part without sessions.

    Where IB's words do not tell which are which, none is gone. Series that are only served up to now are gone as a
    whole: their one answer replaces what the ledger says of all time, so they cannot be parted.
    """
    chunk, oldest = planned.chunk, oldest_of(error)
    if chunk.to_now:
        return planned, None
    sessions = calendar.on_axis(chunk.window, daily=chunk.series.bar_size.is_daily)
    pieces = pieces_of(chunk.series, chunk.window, sessions)
    kept = [piece for piece in pieces if oldest is None or piece.window.end > oldest]
    if not kept:
        return planned, None
    size, first = chunk.series.bar_size, kept[0].session
    cut = size.floor(kept[0].window.start) if size.is_period else kept[0].window.start
    if len(kept) == len(pieces) or cut <= chunk.window.start:
        return None, planned
    gone = replace(chunk, window=Window(chunk.window.start, cut), sessions=_before(chunk.sessions, first))
    rest = replace(chunk, window=Window(cut, chunk.window.end), sessions=_from(chunk.sessions, first))
    request = request_for(rest, calendar, now=now, second_look=planned.second_look)
    return replace(planned, chunk=gone), PlannedRequest(rest, request, planned.second_look)


def for_now(error: IngestError) -> IngestError:
    """The refusal of a session that IB may still hold, by its own words: to be asked for again."""
    if oldest_of(error) is None:
        return error
    passing = RequestRefused(error.message, hint=error.hint)
    passing.reaction, passing.record = "too_old", getattr(error, "record", None)
    return passing


def _before(sessions: tuple[Session, ...] | None, first: Session) -> tuple[Session, ...] | None:
    return None if sessions is None else tuple(one for one in sessions if one < first)


def _from(sessions: tuple[Session, ...] | None, first: Session) -> tuple[Session, ...] | None:
    return None if sessions is None else tuple(one for one in sessions if one >= first)
