"""One `Line` per series of a run: its row, its wish, what is known of it; opened, locked and planned here."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog
from sqlalchemy import Connection, Engine

from ingest.calendars import calendar_of
from ingest.domain.answer import RequestKind, RequestOutcome
from ingest.domain.calendar import SessionCalendar
from ingest.domain.ledger import Ledger, State
from ingest.domain.request import Duration
from ingest.domain.series import Origin, Series
from ingest.domain.window import Window, Windows, between, normalise
from ingest.plan.halving import halves
from ingest.plan.planner import Asked, PlannedRequest, SeriesPlan, Situation, plan_series
from ingest.plan.reach import Limits, believed_head
from ingest.plan.sizing import reach_of
from ingest.plan.spans import Spans
from ingest.store import asked, bars, heads, instruments, ledger, requests
from ingest.store import series as series_store
from ingest.store.series import SeriesRow
from ingest.worker.locking import LockKeeper

log = structlog.get_logger()
Shape = tuple[str, str, Window]
_ANSWERED = (RequestOutcome.BARS, RequestOutcome.NO_DATA)


@dataclass(frozen=True, slots=True)
class Order:
    """Make `series` complete over `wish`."""

    series: Series
    wish: Windows


@dataclass(slots=True)
class Line:
    """A series in the run. `tried` holds the shapes of requests already made; `given_up` why no more are.

    `too_long` is the shortest duration that IB has refused as such. `oldest` is the first bar held, against which what
    IB said of its first bar (`told_head`) is judged.
    """

    row: SeriesRow
    wish: Windows
    instrument_id: int
    told_head: datetime | None = None
    head_asked: bool = False
    tried: set[Shape] = field(default_factory=set)
    given_up: str = ""
    too_long: Duration | None = None
    oldest: datetime | None = None

    @property
    def series(self) -> Series:
        return self.row.series

    @property
    def head(self) -> datetime | None:
        """IB's first bar, as far as it is believed."""
        return believed_head(self.series.bar_size, self.told_head, self.oldest)

    @head.setter
    def head(self, told: datetime | None) -> None:
        self.told_head = told
        self._tell_of_disbelief(told)

    def holds_from(self, oldest: datetime | None) -> None:
        """Take note of the first bar held."""
        before, self.oldest = self.head, oldest
        self._tell_of_disbelief(before)

    def _tell_of_disbelief(self, before: datetime | None) -> None:
        if before is not None and self.head is None:
            log.warning("head_timestamp_disbelieved", series=str(self.series), head=str(before), held=str(self.oldest))

    @property
    def calendar(self) -> SessionCalendar:
        return calendar_of(self.series.instrument, use_rth=self.series.use_rth)

    def fresh(self, plan: SeriesPlan) -> list[PlannedRequest]:
        """The plan's requests that this run has not made yet."""
        if self.given_up:
            return []
        return [planned for planned in plan.requests if shape_of(planned) not in self.tried]

    def refused_as_too_long(self, planned: PlannedRequest) -> None:
        duration = planned.request.duration
        if not self.expects_refusal(planned):
            self.too_long = duration

    def expects_refusal(self, planned: PlannedRequest) -> bool:
        """Whether a request is as long as one that was refused for it."""
        limit, duration = self.too_long, planned.request.duration
        return limit is not None and limit.unit == duration.unit and limit.count <= duration.count

    def halved(self, planned: PlannedRequest, now: datetime) -> tuple[PlannedRequest, ...]:
        """The same time in two requests that this run has not made yet; empty where it cannot be cut."""
        parts = halves(planned, self.calendar, now)
        fresh = tuple(part for part in parts if shape_of(part) not in self.tried)
        self.tried |= {shape_of(part) for part in fresh}
        return fresh


def shape_of(planned: PlannedRequest) -> Shape:
    """What a run makes only once. A second look in yet another form is for a later run: it proves little at once."""
    if planned.second_look:
        return "second look", "", planned.chunk.window
    return planned.request.end_text, str(planned.request.duration), planned.chunk.window


def open_lines(
    engine: Engine, locks: LockKeeper, orders: Sequence[Order], origin: Origin, *, remember: bool = False
) -> list[Line]:
    """Make sure of the series' rows and take their locks. Raises SeriesBusy naming who has one.

    With `remember` it is noted what is asked for, in case that the run does not come to its end.
    """
    with engine.begin() as connection:
        rows = [(series_store.ensure(connection, order.series, origin), order.wish) for order in orders]
        for row, wish in rows if remember else ():
            asked.add(connection, row.id, wish)
        opened = [_line(connection, row, wish) for row, wish in rows]
    for row, _ in rows:
        locks.take(row)
    return opened


def _line(connection: Connection, row: SeriesRow, wish: Windows) -> Line:
    owner = instruments.by_con_id(connection, row.series.instrument.con_id, row.origin)
    assert owner is not None, "a series without its instrument"
    head = heads.read(connection, owner.id, row.series.what)
    return Line(row, wish, owner.id, head.moment if head else None, head is not None)


def plan_line(connection: Connection, line: Line, now: datetime, spans: Spans, *, retry_failed: bool) -> SeriesPlan:
    """The plan of a line as the ledger stands. In a new epoch everything of the last one is asked for, once more."""
    held = ledger.read(connection, line.row.id)
    present = series_store.by_id(connection, line.row.id)
    if present is not None and present.epoch != line.row.epoch:
        line.row, line.wish = present, normalise([*line.wish, *held.asked_again])
        line.tried.clear()
    if line.head is not None:
        line.holds_from(bars.oldest(connection, line.row))
    limits, asked_before = Limits(now, line.head), _asked_before(connection, line.row, held)
    plan = plan_series(
        Situation(line.series, line.wish, held, line.calendar, limits, spans, retry_failed, asked_before)
    )
    return replace(plan, requests=_witnessed(connection, line, plan.requests))


def _asked_before(connection: Connection, row: SeriesRow, held: Ledger) -> tuple[Asked, ...]:
    """What was answered of the time that is pending now: a second look has to differ from it."""
    pending = held.windows(State.PENDING)
    if not pending:
        return ()
    records = requests.proof(connection, row.id, Window(pending[0].start, pending[-1].end))
    return tuple(
        Asked(record.window, (record.end_text, record.duration))
        for record in records
        if record.window and record.kind is RequestKind.BARS and record.outcome in _ANSWERED
    )


def _witnessed(connection: Connection, line: Line, planned: tuple[PlannedRequest, ...]) -> tuple[PlannedRequest, ...]:
    """The same; each second look with those parts of its reach (before, in, after its chunk) in which bars are held."""
    parts = [(n, part) for n, each in enumerate(planned) if each.second_look for part in _parts(each, line.calendar)]
    stored = bars.spans_with_bars(connection, line.row, [part for _, part in parts]) if parts else []
    found: dict[int, list[Window]] = {}
    for (number, part), holds in zip(parts, stored, strict=True):
        if holds:
            found.setdefault(number, []).append(part)
    return tuple(replace(each, witnesses=tuple(found.get(n, ()))) for n, each in enumerate(planned))


def _parts(planned: PlannedRequest, calendar: SessionCalendar) -> list[Window]:
    reach, window = reach_of(planned.request, planned.chunk, calendar), planned.chunk.window
    parts = (between(reach.start, window.start), reach.intersection(window), between(window.end, reach.end))
    return [part for part in parts if part is not None]
