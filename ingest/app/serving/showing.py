"""What a service shows of itself: its health, its figures; and who hears when universes fall behind."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Engine

from ingest.app.freshness import freshness
from ingest.app.serving.post import Post, Standing
from ingest.app.serving.telling import Teller
from ingest.clock import Clock
from ingest.domain.freshness import Freshness
from ingest.errors import DatabaseError
from ingest.gateway.gate import PacedGate
from ingest.health import Check, LoginVitals, Pulse, Snapshot, Vitals, together
from ingest.store import job_listing
from ingest.store.engine import answers

log = structlog.get_logger()

_EVERY_SECONDS = 5.0
#: Freshness reads every ledger's end: seldom enough to cost nothing.
_FRESH_FOR = timedelta(minutes=10)


@dataclass(slots=True)
class Showing:
    """`run` keeps `snapshot` new until cancelled; `vitals` is what the health server is given."""

    engine: Engine
    clock: Clock
    posts: list[Post]
    gates: Mapping[str, PacedGate]
    teller: Teller
    rest: Callable[[float], Awaitable[None]]
    is_served: bool
    checks: dict[str, Check] = field(default_factory=dict)
    pulse: Pulse = field(default_factory=Pulse)
    snapshot: Snapshot = field(default_factory=Snapshot)
    _fresh_at: datetime | None = None

    @property
    def vitals(self) -> Vitals:
        checks: dict[str, Check] = {"database": self._database} | self.checks
        checks |= {f"gateway {post.name}": self._gateway(post) for post in self.posts}
        return Vitals(self.pulse, checks, lambda: self.snapshot)

    async def run(self) -> None:
        beating = asyncio.create_task(self.pulse.beat())
        try:
            while True:
                await self._look()
                await self.rest(_EVERY_SECONDS)
        finally:
            beating.cancel()

    async def _look(self) -> None:
        wishes = self.snapshot.wishes
        try:
            if self._fresh_at is None or self.clock.now() - self._fresh_at >= _FRESH_FOR:
                self._fresh_at = self.clock.now()
                wishes = await asyncio.to_thread(freshness, self.engine, self._fresh_at)
                await self.teller.freshness(wishes)
            if self.is_served:
                self.snapshot = await asyncio.to_thread(self._take, wishes)
        except DatabaseError as error:
            log.debug("figures_wait", because=error.message)

    def _take(self, wishes: tuple[Freshness, ...]) -> Snapshot:
        with self.engine.connect() as connection:
            depth = job_listing.depth(connection)
        jobs: dict[tuple[str, str], int] = {}
        for each in depth:
            jobs[each.lane.value, each.state.value] = jobs.get((each.lane.value, each.state.value), 0) + each.jobs
        now = self.clock.monotonic()
        return Snapshot(
            taken_at=self.clock.now(),
            requests=together(post.counts.tally for post in self.posts),
            logins=tuple(
                LoginVitals(name, gate.pacer.units_left(now), gate.pacer.open_now) for name, gate in self.gates.items()
            ),
            gateways={post.name: post.standing is Standing.WORKING for post in self.posts},
            jobs=jobs,
            wishes=wishes,
            bars=sum(post.counts.bars for post in self.posts),
            slices=sum(post.counts.slices for post in self.posts),
        )

    def _database(self) -> str:
        try:
            with self.engine.connect() as connection:
                return "" if answers(connection) else "it does not answer"
        except DatabaseError as error:
            return error.message

    @staticmethod
    def _gateway(post: Post) -> Check:
        def check() -> str:
            if post.standing in (Standing.WORKING, Standing.PAUSED):
                return ""
            return f"{post.standing.value}: {post.note}" if post.note else post.standing.value

        return check
