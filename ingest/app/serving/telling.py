"""Who is told of what, by whoever works: conclusions, and gateways that need somebody."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import structlog

from ingest.domain.conclusion import Conclusion, FailedJob
from ingest.domain.freshness import Freshness
from ingest.errors import DatabaseFull, GatewayError

log = structlog.get_logger()


class Teller(Protocol):
    """None of it raises: what nobody could be told is logged."""

    async def concluded(self, done: Conclusion) -> None: ...

    async def job_failed(self, wish: str, job: FailedJob) -> None: ...

    async def gateway_trouble(self, gateway: str, since: datetime, error: GatewayError) -> None: ...

    async def gateway_back(self, gateway: str) -> None: ...

    async def database_full(self, error: DatabaseFull) -> None: ...

    async def freshness(self, wishes: Sequence[Freshness]) -> None: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Silence:
    """Nobody is told; the log has it."""

    async def concluded(self, done: Conclusion) -> None:
        log.debug("not_told", conclusion=done.firing)

    async def job_failed(self, wish: str, job: FailedJob) -> None:
        log.debug("not_told", wish=wish, job=job.id)

    async def gateway_trouble(self, gateway: str, since: datetime, error: GatewayError) -> None:
        log.debug("not_told", gateway=gateway, since=str(since), because=error.message)

    async def gateway_back(self, gateway: str) -> None:
        log.debug("not_told", gateway=gateway)

    async def database_full(self, error: DatabaseFull) -> None:
        log.debug("not_told", because=error.message)

    async def freshness(self, wishes: Sequence[Freshness]) -> None:
        log.debug("not_told", wishes=len(wishes))

    async def close(self) -> None:
        log.debug("nobody_to_tell")
