"""Waiting for a database that went away: the same call again, until it answers or patience ends.

Every call a run makes of the database is one transaction that can be repeated: planning reads, and a load that was
committed although its answer was lost finds its bars stored already and changes nothing.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import ParamSpec, TypeVar

import structlog

from ingest.clock import Clock
from ingest.errors import DatabaseUnreachable

log = structlog.get_logger()

P = ParamSpec("P")
T = TypeVar("T")

_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.5, 15.0


@dataclass(slots=True)
class Patience:
    """`limit`: how long one outage may last. `on_return` is called (in a thread) before the first call after one."""

    clock: Clock
    limit: timedelta = timedelta(minutes=10)
    on_return: Callable[[], None] = lambda: None

    async def call(self, work: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
        """`work(*given)` in a thread. Raises DatabaseUnreachable when the outage outlasts the limit."""
        wait, lost_at = _FIRST_WAIT_SECONDS, None
        while True:
            try:
                if lost_at is not None:
                    await asyncio.to_thread(self.on_return)
                done = await asyncio.to_thread(work, *given, **named)
            except DatabaseUnreachable as error:
                lost_at = lost_at or self.clock.now()
                if self.clock.now() - lost_at >= self.limit:
                    raise
                log.warning("database_lost", why=error.message, again_in_seconds=wait)
            else:
                if lost_at is not None:
                    log.warning("database_back", after=str(self.clock.now() - lost_at))
                return done
            await self.clock.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT_SECONDS)
