"""The only place that reads the clock or sleeps. Everything else is handed a `Clock`.

`SystemClock(scale=…)` runs faster than the wall, for runs against a simulator with the same `--time-scale`; tests use
`FakeClock`, on which sleeping is instant and time passes only when told to.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Wall time for data, monotonic seconds for waiting; both run at the same rate."""

    def now(self) -> datetime:
        """The time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary zero, never going back."""
        ...

    async def sleep(self, seconds: float) -> None: ...

    def deadline(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """`async with clock.deadline(60):` raises TimeoutError when the body takes longer."""
        ...


@dataclass(slots=True)
class SystemClock:
    """The machine's clock. `scale` > 1 makes every second shorter; `start` is what it shows at the beginning (None: the
    wall's time), which was at the wall's `since` (None: now)."""

    scale: float = 1.0
    start: datetime | None = None
    since: datetime | None = None
    _wall_zero: float = field(default_factory=time.time)
    _zero: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        if self.scale <= 0:
            raise ValueError(f"clock scale must be positive, not {self.scale}")
        if self.since is not None:
            self._zero -= self._wall_zero - self.since.timestamp()
            self._wall_zero = self.since.timestamp()

    def now(self) -> datetime:
        if self.scale == 1.0 and self.start is None:
            return datetime.now(UTC)
        zero = self.start or datetime.fromtimestamp(self._wall_zero, UTC)
        return zero + timedelta(seconds=(time.monotonic() - self._zero) * self.scale)

    def monotonic(self) -> float:
        return time.monotonic() * self.scale

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds) / self.scale)

    def deadline(self, seconds: float) -> AbstractAsyncContextManager[object]:
        return asyncio.timeout(seconds / self.scale)


@dataclass(slots=True)
class FakeClock:
    """A clock that moves only by `advance` or by somebody's sleep. Deadlines on it never expire by themselves."""

    moment: datetime = datetime(2024, 1, 10, 12, 0, tzinfo=UTC)
    slept: list[float] = field(default_factory=list)
    _elapsed: float = 0.0

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(max(0.0, seconds))
        await asyncio.sleep(0)

    def deadline(self, seconds: float) -> AbstractAsyncContextManager[object]:
        return asyncio.timeout(None)

    def advance(self, seconds: float) -> None:
        self._elapsed += seconds
        self.moment += timedelta(seconds=seconds)


def wall_time(moment: datetime, clock: Clock, scale: float) -> datetime:
    """When the wall's clock will show that `clock`, which runs `scale` times as fast, has come to `moment`.

    For whoever has no clock of ours: the database (`scheduled_at` of a job) and APScheduler.
    """
    return datetime.now(UTC) + (moment - clock.now()) / scale


def blocking_sleep(seconds: float) -> None:
    """A real sleep, for the few synchronous waits there are (a database that is starting)."""
    time.sleep(seconds)


MonotonicSource = Callable[[], float]
