"""The way out of a connection: one queue, so that an answer sent slowly on purpose is never torn by another."""

import asyncio
from dataclasses import dataclass, field

from ingest.simulator.clock import SimulatorClock
from ingest.simulator.faults.delivery import Delivery


@dataclass(slots=True)
class Outbox:
    """Deliveries in the order they were put in."""

    writer: asyncio.StreamWriter
    clock: SimulatorClock
    _waiting: asyncio.Queue[Delivery] = field(default_factory=asyncio.Queue)

    def put(self, delivery: Delivery) -> None:
        self._waiting.put_nowait(delivery)

    async def emptied(self) -> None:
        """Wait until everything put in so far has left."""
        await self._waiting.join()

    async def run(self) -> None:
        """Send until cancelled. What cannot be sent any more is thrown away."""
        while True:
            delivery = await self._waiting.get()
            try:
                await self._send(delivery)
            except ConnectionError:
                # The reading side notices as well and ends the session; what is queued has no reader any more.
                self.writer.close()
            finally:
                self._waiting.task_done()

    async def _send(self, delivery: Delivery) -> None:
        if self.writer.is_closing():
            return
        for piece, pause in delivery.pieces:
            self.writer.write(piece)
            await self.writer.drain()
            if pause:
                await self.clock.sleep(pause)
        if delivery.then_close:
            self.writer.close()
