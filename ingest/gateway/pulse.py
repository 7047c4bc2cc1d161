"""The gateway's clock, for whoever wants its time and as a sign of life.

A socket stays "connected" when its other end is gone or hangs, and IB pings nobody. So whenever nothing has come for a
while the gateway is asked for its time; no frame of any kind within the deadline means that it has gone.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from ingest.clock import Clock
from ingest.errors import GatewayLost, RequestTimedOut

_SPACING_SECONDS = 5.0
"""Gateways suppress current-time requests that come closer together (4.25 s is known to work)."""


class Pulse:
    """One session's. `ask` sends the question, `told` takes the answer; `frames` counts all that came so far."""

    def __init__(self, clock: Clock, ask: Callable[[], None], frames: Callable[[], int]) -> None:
        self._clock, self._ask, self._frames = clock, ask, frames
        self._waiter: asyncio.Future[datetime] | None = None
        self._last: tuple[float, datetime] | None = None

    async def time(self, seconds: float) -> datetime:
        """The gateway's time, UTC. Calls that come close together share one question, or count on from its answer.

        Raises RequestTimedOut, or GatewayLost when the session ends meanwhile.
        """
        if self._last is not None:
            age = self._clock.monotonic() - self._last[0]
            if age < _SPACING_SECONDS:
                return self._last[1] + timedelta(seconds=int(age))
        if self._waiter is None or self._waiter.done():
            self._waiter = asyncio.get_running_loop().create_future()
            self._ask()
        try:
            async with self._clock.deadline(seconds):
                return await asyncio.shield(self._waiter)
        except TimeoutError:
            raise RequestTimedOut(f"The gateway did not tell its time within {seconds:g} s.") from None

    def told(self, moment: datetime) -> None:
        """The gateway's answer."""
        self._last = (self._clock.monotonic(), moment)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(moment)

    def stop(self, error: GatewayLost) -> None:
        """The session is over."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)
            self._waiter.exception()  # perhaps nobody waits any more

    async def beat(self, interval: float, seconds: float) -> None:
        """Return once the gateway has gone silent: no answer in time, and no other frame either."""
        while True:
            frames = self._frames()
            await self._clock.sleep(interval)
            if self._frames() != frames:
                continue
            try:
                await self.time(seconds)
            except RequestTimedOut:
                if self._frames() == frames:
                    return
