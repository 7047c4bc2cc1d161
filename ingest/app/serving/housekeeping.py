"""What somebody must look after while workers work: jobs of the dead, firings whose fills have all ended, old jobs.

Every process does it; the statements are such that two who do the same at a time share the work.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog
from sqlalchemy import Engine

from ingest.config import Settings
from ingest.errors import DatabaseError
from ingest.queue.lanes import SILENT_HEARTBEATS
from ingest.store import firings, jobs

log = structlog.get_logger()

_PRUNE_EVERY, _RESTORE_EVERY = 500, 30  # looks


@dataclass(slots=True)
class Housekeeping:
    """`run` until cancelled; `rest` sleeps so many seconds by the wall."""

    engine: Engine
    settings: Settings
    rest: Callable[[float], Awaitable[None]]
    _looks: int = field(default=0)

    async def run(self) -> None:
        """What goes wrong is said once and tried again: without it nothing would be rescued or concluded any more."""
        told = ""
        while True:
            try:
                await asyncio.to_thread(self.look)
            except Exception as error:
                if not isinstance(error, DatabaseError) and repr(error) != told:
                    log.exception("housekeeping_broke")
                elif not told:
                    log.warning("housekeeping_waits", because=str(error))
                told = repr(error)
            else:
                told = ""
            await self.rest(self._seconds)

    def look(self) -> None:
        """One round."""
        silent = SILENT_HEARTBEATS * self.settings.worker.heartbeat_seconds
        with self.engine.begin() as connection:
            rescued = jobs.rescue(connection, silent)
        if rescued:
            log.warning(
                "jobs_rescued",
                jobs=list(rescued),
                because="their worker is gone, gives no sign of life, or does not know them",
            )
        with self.engine.begin() as connection:
            for firing in firings.claim_ended(connection):
                priority = int(firing.document.get("priority", 0))
                jobs.queue_conclusion(connection, firing.wish, firing.id, priority)
        if self._looks % _RESTORE_EVERY == 0:
            with self.engine.begin() as connection:
                jobs.restore(connection)
        if self._looks % _PRUNE_EVERY == 0:
            with self.engine.begin() as connection:
                jobs.prune(connection, self.settings.worker.keep_days)
        self._looks += 1

    @property
    def _seconds(self) -> float:
        return max(0.2, min(2.0, self.settings.worker.heartbeat_seconds / 4))
