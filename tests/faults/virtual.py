"""A loop on which waiting costs nothing: real sockets and real threads, but time jumps whenever nobody has work.

Both ends of every socket live in this one loop, so "nothing is readable" means that nothing is under way; then the next
timer is due at once. A deadline can therefore never be missed because a machine is slow, a day of waiting takes
milliseconds, and a program that would wait for ever is caught: there is no timer left to jump to.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from ingest.simulator.clock import SimulatorClock

T = TypeVar("T")

#: The kernel's loopback is instant, except on a busy machine: real seconds of waiting before a short jump in time, a
#: long one, and before giving up.
_SHORT_GRACE, _LONG_GRACE, _LAST_GRACE = 0.0003, 0.001, 5.0


class Hang(AssertionError):
    """Everybody waits and nothing will ever happen."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time stands still while anything runs and jumps to the next timer when nothing does."""

    def __init__(self) -> None:
        self.jumped = 0.0
        self.in_threads = 0
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        return self.jumped

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Any, *args: Any
    ) -> "asyncio.Future[Any]":
        self.in_threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._back)
        return future

    def _back(self, _future: "asyncio.Future[Any]") -> None:
        self.in_threads -= 1


class _JumpingSelector(selectors.EpollSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:
            return super().select(0)
        grace = _LAST_GRACE if timeout is None else _SHORT_GRACE if timeout < 1 else _LONG_GRACE
        if ready := super().select(None if self._loop.in_threads else grace):
            return ready
        if timeout is None:
            raise Hang("everybody waits, and there is no timer left")
        self._loop.jumped += timeout
        return []


@dataclass(slots=True)
class LoopClock:
    """The product's `Clock` on a loop's time, from `start` on. Threads may read it too."""

    start: datetime
    loop: asyncio.AbstractEventLoop

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return self.loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))

    def deadline(self, seconds: float) -> AbstractAsyncContextManager[object]:
        return asyncio.timeout(seconds)


@dataclass(slots=True)
class LoopSimulatorClock(SimulatorClock):
    """The simulator's clock on the running loop's time. It shares no code with the product, so it has its own."""

    def now(self) -> float:
        assert self.base is not None
        return self.base + asyncio.get_running_loop().time()


def run_virtually(work: Coroutine[Any, Any, T], *, days: float = 2.0) -> T:
    """Run to the end on a virtual loop. Raises TimeoutError when that takes more than `days` of its time."""

    async def bounded() -> T:
        async with asyncio.timeout(days * 86_400):
            return await work

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(bounded())
