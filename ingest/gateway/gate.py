"""`PacedGate`: the thin shell around the pure `Pacer` that does the waiting, first come first served.

Small-bar requests wait in a lane of their own: they may have to wait ten minutes for budget, which must not hold up the
others; nor do those among them that leave some of it to others stand in the way of these. One gate per login, shared by
all its gateways in a process. Other processes share the login's small-bar budget through a `LoginBook`, in which such a
request is booked before it leaves; large bars are not booked. Of the requests that IB lets be open each process has its
part (`share_open`, where somebody counts the processes); messages it counts for itself. With `OpenRequests` the gate
keeps no more large requests open than IB was seen to bear.
"""

import asyncio
import math
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace

import structlog

from ingest.clock import Clock
from ingest.domain.answer import RequestOutcome, RequestRecord
from ingest.errors import GatewayLost, PacingViolation, RequestError, RequestTimedOut
from ingest.gateway.adaptive import Ending, OpenRequests
from ingest.gateway.booking import Draft, LoginBook, Past
from ingest.gateway.pacing import HARD_OPEN_LIMIT, Pacer, RequestCost

_log = structlog.get_logger()
Keep = Callable[[OpenRequests], None]
_TOO_MANY_OPEN = 322  # "Only 50 simultaneous API historical data requests allowed"; a duplicate id cannot happen
_SHORTEST_WAIT = 0.001  # what the book says is in the future shall not be asked about at once


class PacedGate:
    """Lets requests through when the pacer allows it, and the login's book if it has one."""

    def __init__(self, pacer: Pacer, clock: Clock, load: OpenRequests | None = None) -> None:
        self.pacer = pacer
        self.load = load
        self._rules = pacer.rules
        self._clock = clock
        self._book: LoginBook | None = None
        self._keep: Keep | None = None
        self._lanes: defaultdict[tuple[bool, int], asyncio.Lock] = defaultdict(asyncio.Lock)
        self._room = asyncio.Event()

    def share(self, book: LoginBook) -> None:
        """From now on small-bar requests are booked there."""
        self._book = book

    def share_open(self, processes: int) -> None:
        """So many processes of the login are at work now: each keeps its part of the requests that IB lets be open.

        One part is left for the next to come, which takes its own before the others have heard of it.
        """
        part = HARD_OPEN_LIMIT // (processes + 1) if processes > 1 else HARD_OPEN_LIMIT
        self.pacer.rules = replace(self._rules, open_requests=max(1, min(part, self._rules.open_requests)))
        self._room.set()

    def remember(self, keep: Keep) -> None:
        """From now on `keep` is told whenever the number of requests to keep open changes."""
        self._keep = keep

    def recall(self, past: Past) -> None:
        """What the login sent in the last minutes, as (age in seconds, cost)."""
        self.pacer.recall(self._clock.monotonic(), past)

    @asynccontextmanager
    async def slot(self, cost: RequestCost, draft: Draft | None = None) -> AsyncIterator[RequestRecord | None]:
        """`async with gate.slot(cost, draft) as booked:` waits for its turn; the body holds an open-request slot.

        Send at once on entering, without awaiting: the pacer has just been told that the request leaves now. `draft`
        makes the request's record as it would be if it left now; `booked` is that record with its id, if it was booked.
        Raises what the book raises (DatabaseError).
        """
        async with self._lanes[cost.units > 0, cost.spare]:
            booked = await self._turn(cost, draft)
        allowed = self.load.allowed if self.load is not None else 0
        try:
            with self._held(cost):
                yield booked
        except (RequestError, GatewayLost) as error:
            if booked is not None and self._book is not None:
                await self._book.close(self._ended(booked, error))
            raise
        finally:
            if self._keep is not None and self.load is not None and self.load.allowed != allowed:
                self._keep(self.load)

    def violated(self) -> None:
        """IB reported a pacing violation: everybody pauses."""
        self.pacer.violated(self._clock.monotonic())
        _log.warning("gateway.pacing_violation", pause_seconds=self.pacer.rules.penalty_seconds)

    @contextmanager
    def _held(self, cost: RequestCost) -> Iterator[None]:
        """Keep the slot while the body runs, and learn from how it ends."""
        load = self.load if cost.is_large else None
        number = load.began(self._clock.monotonic(), cost.shape) if load is not None else 0
        how: Ending = "lost"
        try:
            yield
            how = "clean"
        except RequestError as error:
            how = _ending(error)
            raise
        finally:
            if load is not None:
                load.ended(number, self._clock.monotonic(), how)
            self._free(cost)

    def _free(self, cost: RequestCost) -> None:
        self.pacer.ended(cost)
        self._room.set()

    async def _turn(self, cost: RequestCost, draft: Draft | None) -> RequestRecord | None:
        """Wait until the request may leave, and tell the pacer. No await lies between the last word and the telling.

        A booking that lapsed on its way back is made anew, with more time to leave.
        """
        grace, lapsed = self.pacer.rules.grace, None
        while True:
            await self._own_turn(cost)
            if self._book is None or draft is None or not cost.units:
                return None
            try:
                record = draft()
                turn = await self._book.book(record, grace, instead_of=lapsed, spare=cost.spare)
            except BaseException:
                self._free(cost)
                raise
            now = self._clock.monotonic()
            self.pacer.recall(now, turn.past)
            if turn.request_id is None:
                self._free(cost)
                await self._clock.sleep(max(turn.wait, _SHORTEST_WAIT))
            elif now <= turn.leaves_by:
                self.pacer.spoke(now, cost)
                return replace(record, request_id=turn.request_id)
            else:
                self._free(cost)
                self.pacer.recall(now, turn.past[:-1])  # its own lapsed booking is not in its way
                lapsed, grace = turn.request_id, 2 * grace
                _log.debug("gateway.booking_lapsed", request_id=lapsed, next_grace_seconds=grace)

    async def _own_turn(self, cost: RequestCost) -> None:
        """Wait until this process' own pacer lets it go."""
        while True:
            now = self._clock.monotonic()
            if self.load is not None:
                self.load.look(now)
                self.pacer.large_allowed = self.load.allowed
            delay = self.pacer.wait(now, cost)
            if delay == 0:
                self.pacer.sent(now, cost)
                return
            if math.isinf(delay):
                self._room.clear()
                await self._room.wait()
            else:
                await self._clock.sleep(delay)

    def _ended(self, booked: RequestRecord, error: RequestError | GatewayLost) -> RequestRecord:
        if isinstance(error.record, RequestRecord):
            return replace(error.record, request_id=booked.request_id)
        return replace(
            booked, outcome=RequestOutcome.DISCONNECTED, ended_at=self._clock.now(), text=f"not sent: {error.message}"
        )


def _ending(error: RequestError) -> Ending:
    """What an error says about the load; refusals and broken answers say nothing."""
    if isinstance(error, RequestTimedOut):
        return "timed_out"
    return "throttled" if isinstance(error, PacingViolation) or error.code == _TOO_MANY_OPEN else "lost"
