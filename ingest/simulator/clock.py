"""The simulator's own time: a base instant that runs `scale` times as fast as the wall.

Every rule of the simulator (pacing windows, latency, session times) is told in this time, so `--time-scale 100` lets a
ten-minute rule be tested in six seconds.
"""

import asyncio
import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class SimulatorClock:
    """`base` is the epoch second that the clock shows when it starts (None: the wall's); `scale` > 0.

    `since` is the epoch second at which it started (None: now), so that several programs can have the same time.
    """

    base: float | None = None
    scale: float = 1.0
    since: float | None = None
    _zero: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        if self.scale <= 0:
            raise ValueError(f"time scale must be positive, not {self.scale}")
        wall = time.time()
        if self.since is not None:
            self._zero -= wall - self.since
            wall = self.since
        if self.base is None:
            self.base = wall

    def now(self) -> float:
        """Epoch seconds in simulator time."""
        assert self.base is not None
        return self.base + (time.monotonic() - self._zero) * self.scale

    async def sleep(self, seconds: float) -> None:
        """Sleep `seconds` of simulator time."""
        await asyncio.sleep(max(0.0, seconds) / self.scale)
