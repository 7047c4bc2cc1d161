"""`Station`: one gateway with all that the jobs worked on there share; and the slice, a run that gives way in time.

A slice ends when its series is complete, when its time is over, or when the station is left (it drains, it is paused).
Then nothing more is sent, what is on the wire is waited for and committed, and the job goes back to the queue.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import Engine

from ingest.clock import Clock
from ingest.domain.answer import GatewayLogin, RequestOutcome, RequestRecord
from ingest.domain.series import Series
from ingest.domain.window import Windows, intersect, normalise
from ingest.errors import SeriesBusy
from ingest.fetch import Fetcher
from ingest.gateway.client import HeadAnswer
from ingest.plan.planner import PlannedRequest
from ingest.progress import Progress
from ingest.store.series import SeriesRow
from ingest.worker.lines import Order, Shape
from ingest.worker.locking import SharedLocks
from ingest.worker.rounds import SliceEnd
from ingest.worker.run import Heads, Options, Run

#: A head timestamp saves requests, but it is one of the login's sixty small ones: a slice does not wait long for it.
_HEAD_SHARE = 0.25
#: The gateway's clock is asked for so seldom; in between ours goes on from its answer.
_TIME_HOLDS = timedelta(minutes=10)


@dataclass(slots=True)
class SteadyTime:
    """A gateway's questions, with its time asked for now and then instead of in each slice."""

    source: Heads
    clock: Clock
    _ahead: timedelta = timedelta(0)
    _asked_at: datetime | None = None

    @property
    def login(self) -> GatewayLogin:
        return self.source.login

    async def head_timestamp(self, series: Series, *, spare: int = 0) -> HeadAnswer:
        return await self.source.head_timestamp(series, spare=spare)

    async def current_time(self) -> datetime:
        """The gateway's time; raises what the gateway does, when it is its turn to be asked."""
        now = self.clock.now()
        if self._asked_at is None or now - self._asked_at > _TIME_HOLDS:
            theirs = await self.source.current_time()
            now = self.clock.now()
            self._ahead, self._asked_at = theirs - now, now
        return now + self._ahead


@dataclass(slots=True)
class _Slice:
    """A slice that goes on: its run, and the requests of it that have left."""

    run: Run
    sent: set[tuple[str, str]] = field(default_factory=set)

    def was_sent(self, planned: PlannedRequest) -> bool:
        return (planned.request.end_text, str(planned.request.duration)) in self.sent


@dataclass(frozen=True, slots=True)
class SliceResult:
    """How it ended, and what a later slice of the round need not ask again."""

    end: SliceEnd
    tried: frozenset[Shape]
    settled: int
    bars: int


@dataclass(slots=True)
class Station:
    """A gateway at work."""

    engine: Engine
    source: Heads
    fetcher: Fetcher
    clock: Clock
    options: Callable[[], Options]
    locks: SharedLocks
    _slices: dict[Series, _Slice] = field(default_factory=dict)
    _left: bool = False

    @property
    def running(self) -> int:
        return len(self._slices)

    def hear(self, record: RequestRecord) -> None:
        """To be told of every request when it leaves and when it ends."""
        going_on = self._slices.get(record.series)
        if going_on is not None and record.outcome is RequestOutcome.SENT:
            going_on.sent.add((record.end_text, str(record.duration)))

    def leave(self) -> None:
        """All slices give way, and those that begin from now on do so at once."""
        self._left = True
        for each in self._slices.values():
            each.run.give_way()

    def enter(self) -> None:
        self._left = False

    async def work(
        self,
        row: SeriesRow,
        windows: Windows,
        seconds: float,
        *,
        tried: Iterable[Shape],
        retry_failed: bool,
        spare: int = 0,
    ) -> SliceResult:
        """Work on a series for so many of the clock's seconds, leaving `spare` units of the login's budget for small
        bars to others. Raises SeriesBusy, GatewayGone, DatabaseError."""
        if row.series in self._slices:  # a job that was taken from us for dead, and given to us again
            raise SeriesBusy(f"{row} is being filled by this worker already.", hint="Wait for it.")
        progress = Progress(self.clock.now())
        run = self._run(progress, seconds, retry_failed=retry_failed, spare=spare)
        going_on = _Slice(run)
        run.was_sent = going_on.was_sent
        self._slices[row.series] = going_on
        timer = asyncio.create_task(self._end_in_time(run, seconds))
        try:
            if self._left:
                run.give_way()
            report = await run.complete([Order(row.series, windows)], tried)
            left_over = await run.left_over() if run.gave_way else 0
        finally:
            timer.cancel()
            del self._slices[row.series]
        end = SliceEnd(report.series[0], left_over)
        return SliceResult(end, _worth_knowing(run.tried(), end), progress.settled, progress.bars)

    def _run(self, progress: Progress, seconds: float, *, retry_failed: bool, spare: int) -> Run:
        options = self.options()
        share = max(1, options.concurrency // (self.running + 1))
        options = replace(options, concurrency=share, retry_failed=retry_failed, head_seconds=seconds * _HEAD_SHARE)
        fetcher = replace(self.fetcher, haste=asyncio.Event(), spare=spare)
        return Run(self.engine, self.source, fetcher, self.clock, progress, options, self.locks.share)

    async def _end_in_time(self, run: Run, seconds: float) -> None:
        await self.clock.sleep(seconds)
        run.give_way()


def _worth_knowing(tried: Iterable[Shape], end: SliceEnd) -> frozenset[Shape]:
    """Those that settled nothing; the others will not be planned again."""
    lacking = normalise(window for _, _, window in end.report.problems)
    return frozenset(shape for shape in tried if intersect([shape[2]], lacking))
