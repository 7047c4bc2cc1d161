"""Who is told of what, and when: what a running program learns, as messages, over a memory that processes share."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Engine

from ingest.clock import Clock
from ingest.config import Settings
from ingest.domain.conclusion import Conclusion, FailedJob
from ingest.domain.freshness import Freshness
from ingest.errors import DatabaseFull, GatewayError, GatewayRefused, GatewaySilent, GatewayUnreachable
from ingest.notify import (
    Kind,
    NeedsPerson,
    Notifier,
    database_full,
    digest,
    failures,
    gateway_back,
    gateway_needs_person,
    services_of,
    staleness,
)
from ingest.notify.messages import STALE_TOPIC, gateway_topic
from ingest.store import told

#: Gateways restart themselves every night; what is over by then needs nobody.
PATIENCE = timedelta(minutes=15)
#: By the wall: jobs that fail within so long of the first are told of together; in each further message for longer.
GATHERED_SECONDS = (30.0, 600.0, 3600.0, 6 * 3600.0)
#: After so long without a failure the next is told as soon as the first was.
QUIET_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class DatabaseMemory:
    """What was told, in the table `told`; one short transaction for each question."""

    engine: Engine
    clock: Clock

    def claim(self, topic: str, says: str, again_after: timedelta | None, apart: timedelta) -> bool:
        with self.engine.begin() as connection:
            return told.claim(connection, topic, says, self.clock.now(), again_after, apart)

    def keep(self, topic: str, says: str) -> None:
        with self.engine.begin() as connection:
            told.keep(connection, topic, says, self.clock.now())

    def release(self, topic: str, says: str) -> None:
        with self.engine.begin() as connection:
            told.release(connection, topic, says)

    def forget(self, topic: str) -> bool:
        with self.engine.begin() as connection:
            return told.forget(connection, topic)


def matter_of(error: GatewayError) -> str:
    """What is the matter with a gateway, in one word for all its wordings: one that restarts in a loop has many."""
    match error:
        case GatewayUnreachable():
            return "unreachable"
        case GatewayRefused(code=int(code)):
            return f"refused with code {code}"
        case GatewayRefused():
            return "refused"
        case GatewaySilent():
            return "no answers"
        case _:
            return "no way to IB"


def people_of(settings: Settings, engine: Engine, clock: Clock) -> "People":
    """Those whom settings name. Raises SettingsError for an address that cannot be read."""
    memory = DatabaseMemory(engine, clock)
    return People(Notifier(services_of(settings.notify), settings.notify, memory), clock)


@dataclass(slots=True)
class _Gathered:
    """Failed `jobs` of one wish that nobody was told of yet. `messages` went out before, the last at `told_at`."""

    jobs: list[FailedJob] = field(default_factory=list)
    messages: int = 0
    told_at: float = 0.0
    waiting: "asyncio.Task[None] | None" = None


@dataclass(frozen=True, slots=True)
class People:
    """Everybody who wants to know. No method waits for a service or raises; `close` waits a little."""

    notifier: Notifier
    clock: Clock
    _failed: dict[str, _Gathered] = field(default_factory=dict)

    async def concluded(self, done: Conclusion) -> None:
        """A firing has ended: its digest; for those who want none, at least what failed."""
        if self.notifier.cares_for(Kind.DIGEST):
            self.notifier.tell(digest(done))
            return
        for job in done.failed:
            await self.job_failed(done.wish, job)

    async def job_failed(self, wish: str, job: FailedJob) -> None:
        """A job that is in no digest has ended failed (`wish` is empty when it was queued by hand).

        Told with those that follow soon: what is wrong with one is mostly wrong with many.
        """
        if self.notifier.cares_for(Kind.FAILURE):
            self._gather(wish, [job])

    async def gateway_trouble(self, gateway: str, since: datetime, error: GatewayError) -> None:
        """A gateway is not there, or turned us away. Told once it has lasted longer than a restart does."""
        if self.clock.now() - since >= PATIENCE:
            trouble = NeedsPerson(gateway, since, matter_of(error), error.message, error.hint)
            self.notifier.tell(gateway_needs_person(trouble))

    async def gateway_back(self, gateway: str) -> None:
        """It is connected again; told to those who were told of the trouble."""
        self.notifier.over(gateway_topic(gateway), gateway_back(gateway, self.clock.now()))

    async def database_full(self, error: DatabaseFull) -> None:
        """Nothing can be kept any more: all work waits until somebody makes room."""
        self.notifier.tell(database_full(error.message, self.clock.now()))

    async def freshness(self, wishes: Sequence[Freshness]) -> None:
        """How far the universes reach now; those are told of that are further behind than settings allow."""
        if not self.notifier.cares_for(Kind.STALE):
            return
        limit = timedelta(hours=self.notifier.wishes.stale_hours)
        behind = [each for each in wishes if each.is_stale(limit)]
        if behind:
            self.notifier.tell(staleness(behind))
        elif not any(each.problem for each in wishes):  # what cannot be judged may be behind still
            self.notifier.over(STALE_TOPIC)

    async def close(self) -> None:
        """Tell what is gathered, whether or not it is news, and wait for what is on its way."""
        self._stop_gathering()
        await self.notifier.close()
        self._stop_gathering()  # what nobody was told of meanwhile is gathered again
        for wish, gathered in self._failed.items():
            if gathered.jobs:
                self._tell_failed(wish, gathered, is_last=True)
        await self.notifier.close()

    def _gather(self, wish: str, jobs: Sequence[FailedJob]) -> None:
        gathered = self._failed.setdefault(wish, _Gathered())
        gathered.jobs += jobs
        if gathered.waiting is None:
            gathered.waiting = asyncio.create_task(self._wait(wish, gathered))

    async def _wait(self, wish: str, gathered: _Gathered) -> None:
        wall = self.notifier.wall
        if wall.monotonic() - gathered.told_at >= QUIET_SECONDS:
            gathered.messages = 0
        await wall.sleep(GATHERED_SECONDS[min(gathered.messages, len(GATHERED_SECONDS) - 1)])
        gathered.waiting = None
        self._tell_failed(wish, gathered)

    def _tell_failed(self, wish: str, gathered: _Gathered, *, is_last: bool = False) -> None:
        """The first message is held against what was told before and by others; what is no news then, or what nobody
        took, is in the next one. That has been gathered for long enough to be told in any case."""
        jobs, gathered.jobs = gathered.jobs, []
        message = failures(wish, jobs)
        if gathered.messages or is_last:
            message = replace(message, again_after=timedelta())
        gathered.messages, gathered.told_at = gathered.messages + 1, self.notifier.wall.monotonic()
        self.notifier.tell(message, None if is_last else partial(self._gather, wish, jobs))

    def _stop_gathering(self) -> None:
        for gathered in self._failed.values():
            if gathered.waiting is not None:
                gathered.waiting.cancel()
                gathered.waiting = None
