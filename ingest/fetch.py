"""One request → one clean answer, or the typed error that is left when the retries are used up.

Retrying is a pure decision (`decide`: error and attempt → wait or give up), carried out by tenacity. A pacing violation
burns no attempt: it says that we were too fast, not that the window is bad. A session that is lost takes everything in
flight with it, so those requests are repeated one at a time: then the one that kills sessions only harms itself.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

import structlog
from tenacity import AsyncRetrying, RetryCallState

from ingest.clock import Clock
from ingest.domain.answer import HistoricalAnswer, RequestRecord
from ingest.domain.request import HistoricalRequest
from ingest.domain.window import Window
from ingest.errors import (
    AnswerBroken,
    GatewayGone,
    GatewayLost,
    GatewayRefused,
    GatewayUnreachable,
    IngestError,
    PacingViolation,
    RequestError,
    RequestRefused,
    RequestTimedOut,
)

log = structlog.get_logger()


class HistorySource(Protocol):
    """What fetching needs of a gateway."""

    async def historical_bars(
        self, request: HistoricalRequest, window: Window | None, deadline_seconds: float, *, spare: int = 0
    ) -> HistoricalAnswer: ...

    async def wait_until_ready(self) -> None: ...


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`attempts` per request for time-outs, hiccups and broken answers; what is not the request's own fault (pacing,
    lost sessions, a login in use elsewhere) has its own."""

    attempts: int = 2
    pacing_attempts: int = 10
    lost_attempts: int = 5
    connectivity_attempts: int = 6
    first_wait: timedelta = timedelta(seconds=5)
    #: IB publishes no penalty length; LEAN waits 60 s and then repeats the request.
    pacing_wait: timedelta = timedelta(seconds=60)
    #: Doubled each time: what blocks a login (another session, a farm) lasts minutes rather than seconds.
    connectivity_wait: timedelta = timedelta(seconds=15)


@dataclass(slots=True)
class Tally:
    """How often each class of error has struck one request."""

    plain: int = 0
    pacing: int = 0
    lost: int = 0
    connectivity: int = 0


def decide(policy: RetryPolicy, tally: Tally, error: BaseException) -> timedelta | None:
    """How long to wait before asking again; None: give up. Counts the error in `tally`."""
    match error:
        case PacingViolation():
            tally.pacing += 1
            return policy.pacing_wait if tally.pacing < policy.pacing_attempts else None
        case GatewayGone():
            return None
        case GatewayLost():
            tally.lost += 1
            return policy.first_wait if tally.lost < policy.lost_attempts else None
        case RequestRefused(permanent=True):
            return None
        case RequestRefused(reaction="wait_connectivity"):
            tally.connectivity += 1
            pause = policy.connectivity_wait * 2 ** (tally.connectivity - 1)
            return pause if tally.connectivity < policy.connectivity_attempts else None
        case RequestTimedOut() | AnswerBroken() | RequestRefused():
            tally.plain += 1
            return policy.first_wait * 2 ** (tally.plain - 1) if tally.plain < policy.attempts else None
        case _:
            return None


@dataclass(slots=True)
class Breaker:
    """Stops asking a gateway that has stopped answering, instead of letting every request run into its deadline.

    After `threshold` time-outs in a row nothing is sent for a pause that doubles, then one request probes while the
    others wait for what comes of it. Any answer, a refusal too, closes it. Pure: it *says* how long to wait.
    """

    threshold: int = 10
    first_pause_seconds: float = 60.0
    longest_pause_seconds: float = 900.0
    most_trips: int = 8
    poll_seconds: float = 1.0
    trips: int = 0
    answers: int = 0
    is_probing: bool = False
    _unanswered: int = 0
    _open_until: float = -math.inf

    def pause(self, now: float) -> float:
        """Seconds for which nothing at all is sent; 0 when it is closed, or lets one probe through."""
        return max(0.0, self._open_until - now) if self._unanswered >= self.threshold else 0.0

    def wait(self, now: float) -> float:
        """Seconds to wait before asking again whether to send; 0: send. Whoever is let through an open one probes."""
        if self._unanswered < self.threshold:
            return 0.0
        if pause := self.pause(now):
            return pause
        if self.is_probing:
            return self.poll_seconds
        self.is_probing = True
        return 0.0

    def answered(self) -> None:
        self.answers += 1
        self.trips, self._unanswered, self._open_until = 0, 0, -math.inf

    def unanswered(self, now: float) -> None:
        """A request timed out. What was in flight when it tripped does not trip it again."""
        self._unanswered += 1
        if self._unanswered >= self.threshold and now >= self._open_until:
            pause = min(self.first_pause_seconds * 2**self.trips, self.longest_pause_seconds)
            self.trips += 1
            self._open_until = now + pause
            log.warning("breaker_tripped", unanswered=self._unanswered, pause_seconds=pause)

    @property
    def has_given_up(self) -> bool:
        return self.trips > self.most_trips


@dataclass(slots=True)
class _Course:
    """How one request has fared so far: tenacity's questions, answered by `decide`."""

    policy: RetryPolicy
    haste: asyncio.Event
    tally: Tally = field(default_factory=Tally)
    pause: timedelta | None = None
    record: RequestRecord | None = None
    error: BaseException | None = None

    def has_failed(self, state: RetryCallState) -> bool:
        """Whether the attempt failed; if so, the next pause is decided and its record, or the last one, kept."""
        error = state.outcome.exception() if state.outcome else None
        if error is None:
            return False
        if isinstance(error, RequestError | GatewayLost):
            self.record = error.record = error.record if isinstance(error.record, RequestRecord) else self.record
        self.pause, self.error = decide(self.policy, self.tally, error), error
        return True

    def is_over(self, _state: RetryCallState) -> bool:
        return self.pause is None or self.haste.is_set()

    def wait_seconds(self, _state: RetryCallState) -> float:
        return self.pause.total_seconds() if self.pause is not None else 0.0


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Fetches through one gateway (which keeps to the login's pacing by itself).

    Once `haste` is set no request is tried again: what it came to last is what it comes to. One that waits to be tried
    again (for the gateway, which may be away for hours) need not wait longer. `spare` units of the login's budget for
    small bars are left to others.
    """

    source: HistorySource
    clock: Clock
    policy: RetryPolicy
    deadline_seconds: float
    breaker: Breaker = field(default_factory=Breaker)
    spare: int = 0
    haste: asyncio.Event = field(default_factory=asyncio.Event)
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def fetch(self, request: HistoricalRequest, window: Window) -> HistoricalAnswer:
        """A clean answer. Raises the last error when no further attempt is allowed, GatewayGone when there is no
        gateway any more; either carries the record of the last attempt that was sent."""
        course = _Course(self.policy, self.haste)

        def tell(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            log.warning(
                "request_retried", request=str(request), window=str(window), because=str(error), wait=course.pause
            )

        retrying = AsyncRetrying(
            retry=course.has_failed,
            stop=course.is_over,
            wait=course.wait_seconds,
            sleep=self._pause,
            before_sleep=tell,
            reraise=True,
        )
        async for attempt in retrying:
            with attempt:
                async with self._turn(course):
                    return await self._once(request, window, course.error)
        raise IngestError(f"{request}: no attempt was made.")

    async def _pause(self, seconds: float) -> None:
        """Sleep, but no longer than there is no haste."""
        await self._hurried(self.clock.sleep(seconds))

    async def _hurried(self, waiting: Coroutine[Any, Any, None]) -> bool:
        """Await it, but no longer than there is no haste; whether it came to its end. Raises what it raises."""
        main, hurrying = asyncio.ensure_future(waiting), asyncio.ensure_future(self.haste.wait())
        try:
            await asyncio.wait([main, hurrying], return_when=asyncio.FIRST_COMPLETED)
        finally:
            main.cancel()
            hurrying.cancel()
        if main.done():
            main.result()
        return main.done()

    async def _until(self, waiting: Coroutine[Any, Any, None], last: BaseException | None) -> None:
        """Await it; in haste a request that came to something before comes to that, which is raised."""
        if last is None:
            await waiting
        elif not await self._hurried(waiting):
            raise last

    @asynccontextmanager
    async def _turn(self, course: _Course) -> AsyncIterator[None]:
        """At once; alone, if a session was lost with this request in flight. Raises what it came to, in haste."""
        async with self._one_at_a_time if course.tally.lost else nullcontext():
            if course.error is not None and self.haste.is_set():
                raise course.error
            yield

    async def _once(self, request: HistoricalRequest, window: Window, last: BaseException | None) -> HistoricalAnswer:
        try:
            await self._until(self.source.wait_until_ready(), last)
        except (GatewayUnreachable, GatewayRefused) as error:
            raise GatewayGone(f"The session was lost, and the gateway stayed away. {error.message}") from error
        async with self._unless_broken(last):
            return await self.source.historical_bars(request, window, self.deadline_seconds, spare=self.spare)

    @asynccontextmanager
    async def _unless_broken(self, last: BaseException | None) -> AsyncIterator[None]:
        """Wait while the breaker is open, and tell it how the request ended. Raises GatewayGone when it gives up."""
        while (delay := self.breaker.wait(self.clock.monotonic())) > 0:
            await self._until(self.clock.sleep(delay), last)
        probes = self.breaker.is_probing
        try:
            yield
        except RequestTimedOut as error:
            self.breaker.unanswered(self.clock.monotonic())
            if self.breaker.has_given_up:
                gone = GatewayGone("IB has answered nothing for a long time, although the session stands.")
                gone.record = error.record
                raise gone from error
            raise
        except RequestError:
            self.breaker.answered()
            raise
        else:
            self.breaker.answered()
        finally:
            if probes:
                self.breaker.is_probing = False
