"""A run: make the ordered series complete, as far as IB lets us, and say exactly how each stands at the end.

A run makes each request once (retries are the fetcher's). Every outcome goes to the ledger in the load's one commit and
the next look plans anew from there, so that a run can be stopped, killed or repeated at any point without harm.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain, zip_longest
from typing import Any, Protocol, TypeVar

import structlog
from sqlalchemy import Connection, Engine

from ingest.clock import Clock
from ingest.domain.answer import GatewayLogin, RequestRecord
from ingest.domain.ledger import Entry
from ingest.domain.series import Series
from ingest.errors import GatewayGone, GatewayLost, IngestError, PacingViolation, RequestError, RequestRefused
from ingest.fetch import Fetcher
from ingest.gateway.client import HeadAnswer
from ingest.plan.planner import PlannedRequest, SeriesPlan
from ingest.plan.reach import due_part
from ingest.plan.spans import Spans
from ingest.progress import Progress, RunReport, SeriesProgress, SeriesReport, report_of
from ingest.store import heads, ledger, requests, series
from ingest.validate.verdict import failed
from ingest.worker.forming import settle_final
from ingest.worker.lines import Line, Order, Shape, open_lines, plan_line, shape_of
from ingest.worker.loading import Loader
from ingest.worker.locking import LockKeeper, Locks, held
from ingest.worker.patience import Patience
from ingest.worker.settling import asks_for_less, gives_up_series, settle_error
from ingest.worker.too_old import for_now, gone_and_rest, is_too_old

log = structlog.get_logger()
T = TypeVar("T")
LockSource = Callable[[Engine], AbstractContextManager[LockKeeper]]

#: A head timestamp costs one of sixty small requests in ten minutes: it is asked ahead only where it can save some.
HEAD_WORTH_REQUESTS = 5
#: Clocks that differ by more than this are worth a line; the earlier one counts.
SKEW = timedelta(minutes=1)


class Heads(Protocol):
    """What a run needs of a gateway besides bars."""

    @property
    def login(self) -> GatewayLogin: ...

    def head_timestamp(self, series: Series, *, spare: int = 0) -> Awaitable[HeadAnswer]: ...

    def current_time(self) -> Awaitable[datetime]: ...


@dataclass(frozen=True, slots=True)
class Options:
    """`retry_failed`: ask again for what IB refused for good. `head_seconds`: how long to wait for a head timestamp.
    `remember`: note what is asked for; a job of the queue need not, the queue remembers it."""

    spans: Spans = field(default_factory=Spans)
    concurrency: int = 8
    retry_failed: bool = False
    head_seconds: float = 86_400.0
    remember: bool = False


def _always(_planned: PlannedRequest) -> bool:
    return True


@dataclass(slots=True)
class Run:
    """One run over a set of orders. `stop()` ends it in order; `progress` can be watched meanwhile.

    `give_way()` ends it without losing what is on the wire, which `was_sent` must then know; what only waits for its
    turn is left for a later run, as `left_over` says.
    """

    engine: Engine
    source: Heads
    fetcher: Fetcher
    clock: Clock
    progress: Progress
    options: Options = field(default_factory=Options)
    locking: LockSource = Locks.on
    was_sent: Callable[[PlannedRequest], bool] = _always
    _lines: list[Line] = field(default_factory=list)
    _queue: deque[tuple[Line, PlannedRequest]] = field(default_factory=deque)
    _stopped: asyncio.Event = field(default_factory=asyncio.Event)
    _lost: GatewayGone | None = None
    _way: asyncio.Event = field(default_factory=asyncio.Event)
    _asking: dict["asyncio.Task[None]", PlannedRequest] = field(default_factory=dict)
    _patience: Patience = field(init=False)
    _as_of: datetime = field(init=False)

    def __post_init__(self) -> None:
        self._patience = Patience(self.clock)
        # One instant for the whole run: every look would find newer bars due, and a run must not chase the present.
        self._as_of = self.progress.started

    def stop(self) -> None:
        """Send nothing more; what is on the wire is cancelled, what has come is committed."""
        self._stopped.set()

    def give_way(self) -> None:
        """Ask for nothing more and repeat nothing; wait for what is on the wire, and commit it."""
        self._way.set()
        self.fetcher.haste.set()
        for asker, planned in self._asking.items():
            if not self.was_sent(planned):
                asker.cancel()

    @property
    def gave_way(self) -> bool:
        return self._way.is_set()

    def tried(self) -> frozenset[Shape]:
        """The shapes of all requests that this run or those before it have made."""
        return frozenset(chain.from_iterable(line.tried for line in self._lines))

    async def left_over(self) -> int:
        """How many requests a run that gave way would still have made."""
        plans = await self._patience.call(self._plan_all)
        return sum(len(line.fresh(plan)) for line, plan in plans)

    async def complete(self, orders: Sequence[Order], tried: Iterable[Shape] = ()) -> RunReport:
        """Do what can be done, but for requests of shapes that were `tried`.

        Raises SeriesBusy, GatewayGone, DatabaseError; the ledger is right in any case.
        """
        async with held(self.locking(self.engine)) as locks:
            self._patience.on_return = locks.retake
            self._as_of = min(self._as_of, await self._gateways_time())
            origin = self.source.login.origin
            self._lines = await self._patience.call(
                open_lines, self.engine, locks, orders, origin, remember=self.options.remember
            )
            for line in self._lines:
                self.progress.series[line.row.id] = SeriesProgress(line.series)
                line.tried |= set(tried)
            await self._until_done()
            if self._lost is not None:
                raise self._lost
            return await self._patience.call(self._report)

    async def _until_done(self) -> None:
        await self._ask_heads(await self._patience.call(self._plan_all))
        while not self._has_ended:
            work = self._enqueue(await self._patience.call(self._plan_all))
            if not work:
                return
            await self._work()

    @property
    def _has_ended(self) -> bool:
        return self._stopped.is_set() or self.gave_way or self._lost is not None

    async def _gateways_time(self) -> datetime:
        """IB's idea of now. Where ours is ahead, what we take for past may not have happened: it would seem empty."""
        try:
            theirs = await self.source.current_time()
        except (RequestError, GatewayLost) as error:
            log.warning("gateway_time_unknown", why=error.message)
            return self._as_of
        if abs(theirs - self.clock.now()) > SKEW:
            log.debug(
                "clocks_disagree", gateway=str(theirs), here=str(self.clock.now()), taken=str(min(theirs, self._as_of))
            )
        return theirs

    # -- planning

    def _plan_all(self) -> list[tuple[Line, SeriesPlan]]:
        now, planned = self._as_of, []
        for line in self._lines:
            with self.engine.begin() as connection:
                plan = plan_line(connection, line, now, self.options.spans, retry_failed=self.options.retry_failed)
                if plan.ruled:
                    series.hold(connection, {line.row.id})
                    ledger.record(connection, line.row.id, plan.ruled, None)
            planned.append((line, plan))
        return planned

    def _enqueue(self, plans: Sequence[tuple[Line, SeriesPlan]]) -> int:
        """Fill the queue, newest first in each series, the series taking turns (which also spreads pacing bursts)."""
        lanes = []
        for line, plan in plans:
            fresh = line.fresh(plan)
            line.tried |= {shape_of(planned) for planned in fresh}
            self.progress.series[line.row.id].planned += len(fresh)
            lanes.append([(line, planned) for planned in fresh])
        self._queue = deque(each for each in chain.from_iterable(zip_longest(*lanes)) if each is not None)
        return len(self._queue)

    # -- head timestamps

    async def _ask_heads(self, plans: Sequence[tuple[Line, SeriesPlan]]) -> None:
        worth = [line for line, plan in plans if not line.head_asked and len(plan.requests) >= HEAD_WORTH_REQUESTS]
        await self._until_stopped(asyncio.gather(*(self._ask_head(line) for line in worth)))

    async def _ask_head(self, line: Line) -> None:
        """Learn IB's first bar; a failure only costs the knowledge, the windows are asked for anyway."""
        if line.head_asked or self.gave_way:
            return
        line.head_asked = True
        try:
            answer = await self._while_patient(self.source.head_timestamp(line.series, spare=self.fetcher.spare))
        except (RequestError, GatewayLost) as error:
            log.warning("head_timestamp_unknown", series=str(line.series), reason=str(error))
            return
        if answer is None:
            return
        line.head = answer.head
        await self._patience.call(self._keep_head, line, answer)

    async def _while_patient(self, asking: Awaitable[T]) -> T | None:
        """What it gives; None when the run gives way before, or it takes too long to come by a small request."""
        main, way = asyncio.ensure_future(asking), asyncio.ensure_future(self._way.wait())
        try:
            with suppress(TimeoutError):
                async with self.clock.deadline(self.options.head_seconds):
                    await asyncio.wait([main, way], return_when=asyncio.FIRST_COMPLETED)
        finally:
            way.cancel()
            main.cancel()
            await asyncio.gather(main, return_exceptions=True)
        return None if main.cancelled() else main.result()

    def _keep_head(self, line: Line, answer: HeadAnswer) -> None:
        with self.engine.begin() as connection:
            request_id = requests.save(connection, line.row, answer.record)
            head = heads.Head(answer.head, answer.record.sent_at, request_id)
            heads.save(connection, line.instrument_id, line.series.what, head)

    # -- working the queue

    async def _work(self) -> None:
        loader = Loader(self.engine, self.progress, self._patience)
        draining = asyncio.create_task(loader.drain())
        askers = [
            asyncio.create_task(self._ask(loader)) for _ in range(min(self.options.concurrency, len(self._queue)))
        ]
        try:
            await self._until_stopped(asyncio.gather(*askers), draining)
        finally:
            for asker in askers:
                asker.cancel()
            await asyncio.gather(*askers, return_exceptions=True)
            for line, planned in self._queue:  # empty, but for a run that gave way or was stopped
                line.tried.discard(shape_of(planned))
            await loader.finish(draining)

    async def _until_stopped(self, work: Awaitable[object], *others: "asyncio.Task[None]") -> None:
        """Wait for `work`, or until `stop` is called, or one of `others` fails."""
        main = asyncio.ensure_future(work)
        stop = asyncio.create_task(self._stopped.wait())
        try:
            await asyncio.wait([main, stop, *others], return_when=asyncio.FIRST_COMPLETED)
            for done in (main, *others):
                if done.done() and not done.cancelled() and (error := done.exception()) is not None:
                    raise error
        finally:
            stop.cancel()
            if not main.done():
                main.cancel()
            await asyncio.gather(main, return_exceptions=True)

    async def _ask(self, loader: Loader) -> None:
        while self._queue and self._lost is None and not self.gave_way:
            line, planned = self._queue.popleft()
            if self._is_ruled_out(line, planned):
                self.progress.series[line.row.id].settled += 1
                continue
            if line.expects_refusal(planned) and self._split(line, planned):
                continue
            await self._unless_giving_way(self._one(loader, line, planned), line, planned)

    async def _unless_giving_way(self, asking: Coroutine[Any, Any, None], line: Line, planned: PlannedRequest) -> None:
        """Await it; one that was called off before it was sent counts as not tried."""
        task = asyncio.current_task()
        assert task is not None
        self._asking[task] = planned
        try:
            await asking
        except asyncio.CancelledError:
            if not self.gave_way or self._stopped.is_set() or self.was_sent(planned):
                raise
            task.uncancel()
            line.tried.discard(shape_of(planned))
        finally:
            del self._asking[task]

    async def _one(self, loader: Loader, line: Line, planned: PlannedRequest) -> None:
        try:
            answer = await self.fetcher.fetch(planned.request, planned.chunk.window)
        except (RequestError, GatewayLost) as error:
            await self._failed(loader, line, planned, error)
            return
        settled = settle_final(line.row, planned, answer)
        await loader.put(settled)
        if not len(answer.bars):
            await self._ask_head(line)

    async def _failed(self, loader: Loader, line: Line, planned: PlannedRequest, error: IngestError) -> None:
        if asks_for_less(error):
            line.refused_as_too_long(planned)
            if self._split(line, planned):
                await self._patience.call(self._keep_refusal, line, error)
                return
        if is_too_old(error):
            gone, rest = gone_and_rest(planned, error, line.calendar, self.clock.now())
            if gone is None and self._split(line, planned):
                await self._patience.call(self._keep_refusal, line, error)
                return
            if gone and rest:
                line.tried.add(shape_of(rest))
                self._queue.appendleft((line, rest))
                self.progress.series[line.row.id].planned += 1
            planned, error = (gone, error) if gone else (planned, for_now(error))
        if self._lost is not None and isinstance(error, GatewayLost):
            error = _gone_too(error, self._lost)
        if self.gave_way and isinstance(error, PacingViolation | GatewayLost):
            line.tried.discard(shape_of(planned))  # not its own fault, and it would have been repeated
        await loader.put(settle_error(line.row, planned, error))
        if isinstance(error, GatewayGone):
            self._lost = error
            self.fetcher.haste.set()  # nobody else need seek it again
        elif gives_up_series(error):
            await self._give_up(line, error)

    def _split(self, line: Line, planned: PlannedRequest) -> bool:
        """Queue the same time as two smaller requests, next to be asked; false where that cannot be."""
        parts = line.halved(planned, self.clock.now())
        if parts:
            log.info("request_split", request=str(planned.request), into=[str(part.request) for part in parts])
            self._queue.extendleft((line, part) for part in reversed(parts))
            self.progress.series[line.row.id].planned += len(parts) - 1
        return bool(parts)

    def _keep_refusal(self, line: Line, error: IngestError) -> None:
        """The refused request belongs into the log, although nothing is settled by it."""
        record = getattr(error, "record", None)
        if isinstance(record, RequestRecord):
            with self.engine.begin() as connection:
                requests.save(connection, line.row, record)

    async def _give_up(self, line: Line, error: IngestError) -> None:
        """What was still to be asked of the series fails for the same reason, and the ledger says so."""
        if line.given_up:
            return
        line.given_up = str(error)
        log.warning("series_given_up", series=str(line.series), reason=str(error))
        rest = [planned for other, planned in self._queue if other is line]
        self._queue = deque(each for each in self._queue if each[0] is not line)
        permanent = isinstance(error, RequestRefused) and error.permanent
        entries = [entry for planned in rest for entry in failed(planned.chunk, str(error), permanent=permanent)]
        await self._patience.call(self._record, line, entries)
        self.progress.series[line.row.id].settled += len(rest)

    def _record(self, line: Line, entries: Sequence[Entry]) -> None:
        with self.engine.begin() as connection:
            series.hold(connection, {line.row.id})  # the loader may be at it
            ledger.record(connection, line.row.id, entries, None)

    def _is_ruled_out(self, line: Line, planned: PlannedRequest) -> bool:
        """Whether a head timestamp learned meanwhile puts the whole chunk before IB's first bar."""
        return line.head is not None and planned.chunk.window.end <= line.series.bar_size.floor(line.head)

    # -- the end

    def _report(self) -> RunReport:
        now, found = self.clock.now(), []
        with self.engine.connect() as connection:
            for line in self._lines:
                found.append(self._line_report(connection, line))
        elapsed = now - self.progress.started
        return RunReport(tuple(found), self.progress.sent, elapsed, self._stopped.is_set())

    def _line_report(self, connection: Connection, line: Line) -> SeriesReport:
        held = ledger.read(connection, line.row.id)
        due = due_part(line.series, line.wish, line.calendar, self._as_of)
        return report_of(self.progress.series[line.row.id], line.row.id, line.wish, due, held)


def _gone_too(error: GatewayLost, lost: GatewayGone) -> GatewayGone:
    """What a request comes to that waited for a gateway which others have given up by now."""
    gone = GatewayGone(lost.message, hint=lost.hint)
    gone.record = error.record
    return gone
