"""What a service shows of itself: its health, its figures; and who hears when universes fall behind."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
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
    """`run` keeps `snapshot` new until cancelled; `vitals` is what the health server is given.

    The pulse is not beaten here: that the figures cannot be had does not make the program hang.
    """

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
    _troubles: dict[str, str] = field(default_factory=dict)
    _unjudged: dict[str, str] = field(default_factory=dict)

    @property
    def vitals(self) -> Vitals:
        checks: dict[str, Check] = {"database": self._database} | self.checks
        checks |= {f"gateway {post.name}": self._gateway(post) for post in self.posts}
        return Vitals(self.pulse, checks, lambda: self.snapshot)

    async def run(self) -> None:
        """What goes wrong is said once and tried again: without it nobody would see or be told of anything any more."""
        while True:
            await self._try("freshness", self._judge)
            await self._try("figures", self._show)
            await self.rest(_EVERY_SECONDS)

    async def _try(self, what: str, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Exception as error:
            told = self._troubles.get(what, "")
            if not isinstance(error, DatabaseError) and repr(error) != told:
                log.exception("figures_broke", of=what)
            elif not told:
                log.warning("figures_wait", of=what, because=str(error))
            self._troubles[what] = repr(error)
        else:
            self._troubles.pop(what, None)

    async def _judge(self) -> None:
        now = self.clock.now()
        if self._fresh_at is not None and now - self._fresh_at < _FRESH_FOR:
            return
        wishes = await asyncio.to_thread(freshness, self.engine, now)
        self._fresh_at = now
        self.snapshot = replace(self.snapshot, wishes=wishes)
        self._name_unjudged(wishes)
        await self.teller.freshness(wishes)

    def _name_unjudged(self, wishes: tuple[Freshness, ...]) -> None:
        """In the log, once for each reason."""
        unjudged = {each.wish: each.problem for each in wishes if each.problem}
        for wish, problem in unjudged.items():
            if self._unjudged.get(wish) != problem:
                log.warning("wish_not_judged", wish=wish, because=problem)
        self._unjudged = unjudged

    async def _show(self) -> None:
        if self.is_served:
            self.snapshot = await asyncio.to_thread(self._take, self.snapshot.wishes)

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
