"""`PacedGate`: the thin shell around the pure `Pacer` that does the waiting, first come first served.

Small-bar requests wait in a lane of their own: they may have to wait ten minutes for budget, which must not hold up the
others. One gate per login, shared by all its gateways.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime

import structlog

from ingest.clock import Clock
from ingest.gateway.pacing import Pacer, RequestCost

_log = structlog.get_logger()


class PacedGate:
    """Lets requests through when the pacer allows it."""

    def __init__(self, pacer: Pacer, clock: Clock) -> None:
        self.pacer = pacer
        self._clock = clock
        self._lanes = {True: asyncio.Lock(), False: asyncio.Lock()}
        self._room = asyncio.Event()

    @asynccontextmanager
    async def slot(self, cost: RequestCost) -> AsyncIterator[None]:
        """`async with gate.slot(cost):` waits for its turn and holds an open-request slot until the body ends.

        Send at once on entering, without awaiting: the pacer has just been told that the request leaves now.
        """
        async with self._lanes[cost.units > 0]:
            await self._turn(cost)
        try:
            yield
        finally:
            self.pacer.ended(cost)
            self._room.set()

    def violated(self) -> None:
        """IB reported a pacing violation: everybody pauses."""
        self.pacer.violated(self._clock.monotonic())
        _log.warning("gateway.pacing_violation", pause_seconds=self.pacer.rules.penalty_seconds)

    def seed(self, log: Iterable[tuple[datetime, RequestCost]]) -> None:
        """Take in the request log of earlier runs: (when sent, cost)."""
        wall, now = self._clock.now(), self._clock.monotonic()
        self.pacer.seed((now - (wall - sent_at).total_seconds(), cost) for sent_at, cost in log)

    async def _turn(self, cost: RequestCost) -> None:
        """Wait until the pacer says go, and tell it. No await lies between its word and the telling."""
        while True:
            now = self._clock.monotonic()
            delay = self.pacer.wait(now, cost)
            if delay == 0:
                self.pacer.sent(now, cost)
                return
            if math.isinf(delay):
                self._room.clear()
                await self._room.wait()
            else:
                await self._clock.sleep(delay)
