"""Who is told of what, and when: what a running program learns, as messages, over a memory that processes share."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Engine

from ingest.clock import Clock
from ingest.config import Settings
from ingest.domain.conclusion import Conclusion, FailedJob
from ingest.domain.freshness import Freshness
from ingest.errors import GatewayError, GatewayRefused, GatewayUnreachable
from ingest.notify import (
    Kind,
    NeedsPerson,
    Notifier,
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
#: By the wall: jobs that fail within so long of the first are told of together.
GATHERED_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class DatabaseMemory:
    """What was told, in the table `told`; one short transaction for each question."""

    engine: Engine
    clock: Clock

    def claim(self, topic: str, says: str, again_after: timedelta | None) -> bool:
        with self.engine.begin() as connection:
            return told.claim(connection, topic, says, self.clock.now(), again_after)

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
    """What is the matter with a gateway, in one word for all its wordings: one that restarts in a loop has many.

    A session that answers nothing and one that lost its way to IB are of one class; only their words differ.
    """
    match error:
        case GatewayUnreachable():
            return "unreachable"
        case GatewayRefused(code=int(code)):
            return f"refused with code {code}"
        case GatewayRefused():
            return "refused"
        case _:
            return "no answers" if "answered" in error.message else "no way to IB"


def people_of(settings: Settings, engine: Engine, clock: Clock) -> "People":
    """Those whom settings name. Raises SettingsError for an address that cannot be read."""
    memory = DatabaseMemory(engine, clock)
    return People(Notifier(services_of(settings.notify), settings.notify, memory), clock)


@dataclass(frozen=True, slots=True)
class People:
    """Everybody who wants to know. No method waits for a service or raises; `close` waits a little."""

    notifier: Notifier
    clock: Clock
    _failed: dict[str, list[FailedJob]] = field(default_factory=dict)
    _gathering: "dict[str, asyncio.Task[None]]" = field(default_factory=dict)

    async def concluded(self, done: Conclusion) -> None:
        """A firing has ended: its digest; for those who want none, at least what failed."""
        if self.notifier.cares_for(Kind.DIGEST):
            self.notifier.tell(digest(done))
        elif done.failed:
            self.notifier.tell(failures(done.wish, done.failed))

    async def job_failed(self, wish: str, job: FailedJob) -> None:
        """A job of no firing has ended failed (`wish` is empty when it was queued by hand). Told with those that follow
        soon: what is wrong with one is mostly wrong with many."""
        if not self.notifier.cares_for(Kind.FAILURE):
            return
        gathered = self._failed.setdefault(wish, [])
        gathered.append(job)
        if len(gathered) == 1:
            self._gathering[wish] = asyncio.create_task(self._gather(wish))

    async def gateway_trouble(self, gateway: str, since: datetime, error: GatewayError) -> None:
        """A gateway is not there, or turned us away. Told once it has lasted longer than a restart does."""
        if self.clock.now() - since >= PATIENCE:
            trouble = NeedsPerson(gateway, since, matter_of(error), error.message, error.hint)
            self.notifier.tell(gateway_needs_person(trouble))

    async def gateway_back(self, gateway: str) -> None:
        """It is connected again; told to those who were told of the trouble."""
        self.notifier.over(gateway_topic(gateway), gateway_back(gateway, self.clock.now()))

    async def freshness(self, wishes: Sequence[Freshness]) -> None:
        """How far the universes reach now; those are told of that are further behind than settings allow."""
        if not self.notifier.cares_for(Kind.STALE):
            return
        limit = timedelta(hours=self.notifier.wishes.stale_hours)
        behind = [each for each in wishes if each.is_stale(limit)]
        if behind:
            self.notifier.tell(staleness(behind))
        else:
            self.notifier.over(STALE_TOPIC)

    async def close(self) -> None:
        for gathering in self._gathering.values():
            gathering.cancel()
        for wish in tuple(self._failed):
            self._tell_failed(wish)
        await self.notifier.close()

    async def _gather(self, wish: str) -> None:
        await self.notifier.wall.sleep(GATHERED_SECONDS)
        self._tell_failed(wish)

    def _tell_failed(self, wish: str) -> None:
        self.notifier.tell(failures(wish, self._failed.pop(wish)))
