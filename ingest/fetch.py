"""One request → one clean answer, or the typed error that is left when the retries are used up.

Retrying is a pure decision (`decide`: error and attempt → wait or give up), carried out by tenacity. A pacing violation
burns no attempt: it says that we were too fast, not that the window is bad.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import structlog
from tenacity import AsyncRetrying, RetryCallState

from ingest.clock import Clock
from ingest.domain.answer import HistoricalAnswer
from ingest.domain.request import HistoricalRequest
from ingest.domain.window import Window
from ingest.errors import (
    AnswerBroken,
    GatewayLost,
    IngestError,
    PacingViolation,
    RequestRefused,
    RequestTimedOut,
)

log = structlog.get_logger()


class HistorySource(Protocol):
    """What fetching needs of a gateway."""

    async def historical_bars(
        self, request: HistoricalRequest, window: Window | None, deadline_seconds: float
    ) -> HistoricalAnswer: ...

    async def wait_until_ready(self) -> None: ...


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`attempts` per request for time-outs, hiccups and broken answers; pacing and lost sessions have their own."""

    attempts: int = 2
    pacing_attempts: int = 10
    lost_attempts: int = 5
    first_wait: timedelta = timedelta(seconds=5)
    #: IB publishes no penalty length; LEAN waits 60 s and then repeats the request.
    pacing_wait: timedelta = timedelta(seconds=60)


@dataclass(slots=True)
class Tally:
    """How often each class of error has struck one request."""

    plain: int = 0
    pacing: int = 0
    lost: int = 0


def decide(policy: RetryPolicy, tally: Tally, error: BaseException) -> timedelta | None:
    """How long to wait before asking again; None: give up. Counts the error in `tally`."""
    match error:
        case PacingViolation():
            tally.pacing += 1
            return policy.pacing_wait if tally.pacing < policy.pacing_attempts else None
        case GatewayLost():
            tally.lost += 1
            return policy.first_wait if tally.lost < policy.lost_attempts else None
        case RequestRefused(permanent=True):
            return None
        case RequestTimedOut() | AnswerBroken() | RequestRefused():
            tally.plain += 1
            return policy.first_wait * 2 ** (tally.plain - 1) if tally.plain < policy.attempts else None
        case _:
            return None


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Fetches through one gateway (which keeps to the login's pacing by itself)."""

    source: HistorySource
    clock: Clock
    policy: RetryPolicy
    deadline_seconds: float

    async def fetch(self, request: HistoricalRequest, window: Window) -> HistoricalAnswer:
        """A clean answer. Raises the last error when no further attempt is allowed."""
        tally = Tally()
        waits: list[timedelta | None] = []

        def remember(state: RetryCallState) -> bool:
            error = state.outcome.exception() if state.outcome else None
            if error is None:
                return False
            waits.append(decide(self.policy, tally, error))
            return True

        def give_up(_state: RetryCallState) -> bool:
            return waits[-1] is None

        def wait(_state: RetryCallState) -> float:
            pause = waits[-1]
            return pause.total_seconds() if pause is not None else 0.0

        def tell(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            log.warning("request_retried", request=str(request), window=str(window), because=str(error), wait=waits[-1])

        retrying = AsyncRetrying(
            retry=remember, stop=give_up, wait=wait, sleep=self.clock.sleep, before_sleep=tell, reraise=True
        )
        async for attempt in retrying:
            with attempt:
                return await self._once(request, window)
        raise IngestError(f"{request}: no attempt was made.")

    async def _once(self, request: HistoricalRequest, window: Window) -> HistoricalAnswer:
        await self.source.wait_until_ready()
        return await self.source.historical_bars(request, window, self.deadline_seconds)
