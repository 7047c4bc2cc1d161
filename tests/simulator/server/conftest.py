"""A simulator over the tiny market, on a free port, in the middle of a Friday's session."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from ingest.simulator.clock import SimulatorClock
from ingest.simulator.manners.latency import Latency
from ingest.simulator.market.types import Market
from ingest.simulator.server import RunningSimulator, serve
from ingest.simulator.settings import ServerOptions
from tests.simulator.server.tiny import TinyMarket, at

NOW = at("2024-01-08T12:00:00")


@dataclass(slots=True)
class Started:
    """A running simulator and what it logged."""

    simulator: RunningSimulator
    log: list[dict[str, Any]] = field(default_factory=list)

    @property
    def port(self) -> int:
        return self.simulator.port

    def events(self, name: str) -> list[dict[str, Any]]:
        return [one for one in self.log if one["event"] == name]


Start = Callable[..., Awaitable[Started]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start a simulator: keyword arguments are `ServerOptions`, plus `market`, `now` and `scale`."""
    async with AsyncExitStack() as stack:
        started: list[Started] = []

        async def starting(
            market: Market | None = None, now: float = NOW, scale: float = 1.0, **options: Any
        ) -> Started:
            log: list[dict[str, Any]] = []
            chosen = ServerOptions(**{"latency": Latency(0, 0), **options})
            clock = SimulatorClock(base=now, scale=scale)
            simulator = await serve(chosen, market or TinyMarket(), clock, log.append)
            await stack.enter_async_context(simulator)
            started.append(Started(simulator, log))
            return started[-1]

        yield starting
        for one in started:
            assert not one.simulator.failures
