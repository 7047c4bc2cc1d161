"""The plan: wish − ledger − calendar → chunks with their requests. A pure function, so running it twice is harmless."""

from dataclasses import dataclass, replace

from ingest.domain.calendar import SessionCalendar
from ingest.domain.ledger import Entry, Ledger, State
from ingest.domain.request import Chunk, Duration, HistoricalRequest
from ingest.domain.series import Series
from ingest.domain.window import Window, Windows, intersect, subtract
from ingest.plan.chunks import chunks_of
from ingest.plan.edge import unripe
from ingest.plan.lookback import look_back, with_room
from ingest.plan.reach import Limits, due_until, reach
from ingest.plan.sizing import Form, request_for
from ingest.plan.spans import Spans

#: A second look differs from so many of the last requests for the same time.
_FORMS_AVOIDED = 4


@dataclass(frozen=True, slots=True)
class PlannedRequest:
    """A chunk and the request for it. `second_look`: it was empty once, this asks again in another shape.

    `unlike` are the forms of the requests that found nothing before; `witnesses` is time in the second look's reach in
    which bars are held, so that an answer without any is not true. `beside` is covered time before the chunk that the
    request reaches back into, to see whether IB's history changed.
    """

    chunk: Chunk
    request: HistoricalRequest
    second_look: bool = False
    unlike: frozenset[Form] = frozenset()
    witnesses: Windows = ()
    beside: Window | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of the log that was answered: for which time, in which form."""

    window: Window
    form: Form


@dataclass(frozen=True, slots=True)
class SeriesPlan:
    """What has to be asked for one series, newest first, and what is settled without asking (`ruled`)."""

    series: Series
    wish: Windows
    calendar: SessionCalendar
    ruled: tuple[Entry, ...]
    requests: tuple[PlannedRequest, ...]

    @property
    def missing(self) -> Windows:
        return tuple(planned.chunk.window for planned in reversed(self.requests))


@dataclass(frozen=True, slots=True)
class Situation:
    """All that planning one series depends on. `asked`: requests for what is pending, oldest first."""

    series: Series
    wish: Windows
    ledger: Ledger
    calendar: SessionCalendar
    limits: Limits
    spans: Spans
    retry_failed: bool = False
    asked: tuple[Asked, ...] = ()

    @property
    def span(self) -> Duration:
        return self.spans.of(self.series.bar_size, self.series.instrument.sec_type)


def plan_series(at: Situation) -> SeriesPlan:
    """Everything of the wish that is due, askable and not settled, cut into requests."""
    due = reach(at.series, at.wish, at.calendar, at.limits)
    settled = at.ledger.settled(retry_failed=at.retry_failed)
    ruled = tuple(part for entry in due.ruled for part in _outside(entry, settled))
    missing = subtract(due.askable, (*settled, *unripe(at.series, at.ledger, at.calendar, at.limits.now)))
    if at.series.must_end_now:
        return _to_now(at, missing, ruled)
    pending = intersect(missing, at.ledger.windows(State.PENDING))
    first_asks, asleep = _cut(at, subtract(missing, pending), at.span)
    second_asks, dozing = _cut(at, pending, _second_span(at.span))
    ruled += _asleep(at, (*asleep, *dozing))
    first_asks = with_room(first_asks, at.ledger.windows(State.COVERED), at.span)
    planned = [_planned(at, chunk) for chunk in first_asks]
    planned += [_planned(at, chunk, second_look=True) for chunk in second_asks]
    planned.sort(key=lambda each: each.chunk.window, reverse=True)
    return SeriesPlan(at.series, at.wish, at.calendar, ruled, tuple(planned))


def _planned(at: Situation, chunk: Chunk, *, second_look: bool = False) -> PlannedRequest:
    unlike = _forms_before(at, chunk) if second_look else frozenset()
    request = request_for(chunk, at.calendar, now=at.limits.now, second_look=second_look, unlike=unlike)
    if second_look:
        return PlannedRequest(chunk, request, second_look, unlike)
    request, beside = look_back(chunk, request, at.ledger.windows(State.COVERED), at.calendar, at.span)
    return PlannedRequest(chunk, request, beside=beside)


def _forms_before(at: Situation, chunk: Chunk) -> frozenset[Form]:
    """The forms of the last requests for the chunk's time. Of all there ever were, second looks would grow for ever."""
    return frozenset([each.form for each in at.asked if each.window.overlaps(chunk.window)][-_FORMS_AVOIDED:])


def _cut(at: Situation, missing: Windows, span: Duration) -> tuple[tuple[Chunk, ...], Windows]:
    if not missing:
        return (), ()
    hull = Window(missing[0].start, missing[-1].end)
    sessions = at.calendar.on_axis(hull, daily=at.series.bar_size.is_daily)
    return chunks_of(at.series, missing, sessions, span, known_calendar=at.calendar.is_known)


def _second_span(span: Duration) -> Duration:
    """Second looks at second bars ask for half as much, so that the few extra seconds they add fit IB's limit."""
    return Duration(max(30, span.count // 2), "S") if span.unit == "S" else span


def _outside(entry: Entry, settled: Windows) -> list[Entry]:
    return [Entry(w, entry.state, entry.reason, entry.permanent) for w in subtract([entry.window], settled)]


def _to_now(at: Situation, missing: Windows, ruled: tuple[Entry, ...]) -> SeriesPlan:
    """One request for all of it: from the oldest bar held or wished for up to now, as far as one request goes."""
    if not missing:
        return SeriesPlan(at.series, at.wish, at.calendar, ruled, ())
    held = at.ledger.windows(State.COVERED)
    start = min([missing[0].start, *(window.start for window in held)])
    whole = Window(start, max(missing[-1].end, due_until(at.series, at.calendar, at.limits.now)))
    chunks, asleep = _cut(at, (whole,), at.spans.to_now(at.series.bar_size))
    if not chunks:
        return SeriesPlan(at.series, at.wish, at.calendar, (*ruled, *_asleep(at, asleep)), ())
    newest, *beyond = chunks
    reason = f"IB serves {at.series} only as one answer up to now; that reaches back to {newest.window.start:%Y-%m-%d}"
    lost = [Entry(w, State.FAILED, reason, permanent=True) for w in intersect(missing, [c.window for c in beyond])]
    requests: tuple[PlannedRequest, ...] = ()
    if intersect(missing, [newest.window]):
        again = bool(intersect([newest.window], at.ledger.windows(State.PENDING)))
        chunk = replace(newest, to_now=True)
        requests = (_planned(at, chunk, second_look=again),)
    return SeriesPlan(at.series, at.wish, at.calendar, (*ruled, *lost), requests)


def _asleep(at: Situation, windows: Windows) -> tuple[Entry, ...]:
    reason = f"no session in the calendar {at.calendar.name}"
    return tuple(Entry(window, State.EMPTY_CONFIRMED, reason) for window in windows)
