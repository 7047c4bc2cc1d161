"""`Service`: all that one process does for days, started together and ended together, in order."""

import asyncio
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import structlog
from sqlalchemy import Engine

from ingest.app.connecting import gate_of, seed_gate
from ingest.app.serving.housekeeping import Housekeeping
from ingest.app.serving.post import Post
from ingest.app.serving.showing import Showing
from ingest.app.serving.telling import Silence, Teller
from ingest.clock import Clock
from ingest.config import Settings
from ingest.gateway.gate import PacedGate
from ingest.health import healthy
from ingest.queue.lanes import forward_log

log = structlog.get_logger()

_THREADS = 24


class Part(Protocol):
    """Something that runs until it is told to stop, such as the scheduler. `missing` says why it cannot work now."""

    async def run(self) -> None: ...

    def stop(self) -> None: ...

    @property
    def missing(self) -> str: ...


@dataclass(slots=True)
class Service:
    """`run` until `stop`. `gateways` are the names of those to work with; `parts` run beside them."""

    settings: Settings
    engine: Engine
    clock: Clock
    gateways: Sequence[str] = ()
    parts: Sequence[Part] = ()
    teller: Teller = field(default_factory=Silence)
    posts: list[Post] = field(default_factory=list)
    _gates: dict[str, PacedGate] = field(default_factory=dict)
    _stopping: bool = False

    async def run(self) -> None:
        """Until `stop`; raises what one part of it could not bear, after the others have ended in order."""
        forward_log()
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS, "ingest"))
        await self._make_posts()
        showing = self._showing()
        works = [post.serve() for post in self.posts] + [part.run() for part in self.parts]
        with healthy(self.settings.health, showing.vitals):
            works_beside = (showing.pulse.beat(), self._keep_house(), showing.run())
            beside = [asyncio.create_task(work) for work in works_beside]
            try:
                await self._all(works)
            finally:
                for each in beside:
                    each.cancel()
                await asyncio.gather(*beside, return_exceptions=True)
                await self.teller.close()

    def stop(self) -> None:
        """Claim nothing more, let slices give way, and end. Safe to call twice."""
        self._stopping = True
        for post in self.posts:
            post.stop()
        for part in self.parts:
            part.stop()

    async def _make_posts(self) -> None:
        for name in self.gateways:
            settings = self.settings.at(name)
            login = settings.gateway.login
            if login not in self._gates:
                self._gates[login] = gate_of(settings, self.clock)
                await asyncio.to_thread(seed_gate, self.engine, self._gates[login], settings, self.clock)
            self.posts.append(Post(name, settings, self.engine, self.clock, self._gates[login], self.teller))
        if self._stopping:
            self.stop()

    async def _all(self, works: Sequence[Coroutine[Any, Any, None]]) -> None:
        """All of them to their end; when one fails the others are told to stop."""
        tasks = [asyncio.create_task(work) for work in works]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            self.stop()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def _keep_house(self) -> None:
        await Housekeeping(self.engine, self.settings, self._rest).run()

    def _showing(self) -> Showing:
        is_served = bool(self.settings.health.port)
        showing = Showing(self.engine, self.clock, self.posts, self._gates, self.teller, self._rest, is_served)
        for part in self.parts:
            showing.checks[type(part).__name__.lower()] = partial(getattr, part, "missing")
        return showing

    async def _rest(self, wall_seconds: float) -> None:
        await self.clock.sleep(wall_seconds * self.settings.clock.scale)
