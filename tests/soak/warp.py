"""An event loop whose time jumps to the next timer whenever nobody has anything to do.

Sockets and threads stay real: time stands still while data is on its way or a thread works (a database call), and jumps
by exactly what everybody agreed to wait when all are idle. So thirty days of pacing, restarts and heartbeats pass in
minutes, in the very order in which they would have happened.
"""

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ingest.simulator.clock import SimulatorClock

_REAL_WAIT_SECONDS = 0.005


class _WarpingSelector(selectors.DefaultSelector):
    """Never waits for a timer: where nothing is ready and nobody works, the loop's time is moved instead."""

    loop: "WarpLoop"

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if self.loop.working or timeout is None:
            return super().select(_REAL_WAIT_SECONDS)
        self.loop.elapsed += timeout
        return ready


class WarpLoop(asyncio.SelectorEventLoop):
    """`elapsed` is the loop's time in seconds; `working` how many threads it waits for."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        self.working = 0
        selector = _WarpingSelector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.elapsed

    def run_in_executor(self, executor: Executor | None, func: Callable[..., Any], *args: Any) -> "asyncio.Future[Any]":  # type: ignore[override]
        self.working += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._worked)
        return future

    def _worked(self, _future: "asyncio.Future[Any]") -> None:
        self.working -= 1


@dataclass(frozen=True, slots=True)
class WarpClock:
    """The client's clock (`ingest.clock.Clock`) in the loop's time."""

    loop: WarpLoop
    start: datetime

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.loop.time())

    def monotonic(self) -> float:
        return self.loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))

    def deadline(self, seconds: float) -> AbstractAsyncContextManager[object]:
        return asyncio.timeout(seconds)


class SimulatorWarpClock(SimulatorClock):
    """The simulator's clock in the same time."""

    def __init__(self, loop: WarpLoop, start: datetime) -> None:
        super().__init__(start.astimezone(UTC).timestamp())
        self._loop = loop

    def now(self) -> float:
        assert self.base is not None
        return self.base + self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))
