"""One session: a transport that has shaken hands, what is in flight on it, and the state of the way to IB.

Every frame goes to the request that waits for it. Requests end in exactly one way: complete, refused, broken, timed
out, cancelled, or lost with the session. Ids are never reused in a process, so whatever comes late or twice finds
nobody and is only counted.
"""

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import structlog

from ingest.clock import Clock
from ingest.domain.bars import BarBatch
from ingest.errors import GatewayError, GatewayLost, GatewayRefused, RequestError, RequestRefused, RequestTimedOut
from ingest.gateway.address import Deadlines, GatewayAddress
from ingest.gateway.answers import Collector
from ingest.gateway.bulk import broken
from ingest.gateway.connectivity import HISTORY_CODES, Change, Connectivity
from ingest.gateway.decoder import Decoder, is_answer
from ingest.gateway.encoder import Encoder
from ingest.gateway.events import Accounts, Event, Message, NextId, ServerTime, Unknown
from ingest.gateway.faults import Fault, Reaction, classify
from ingest.gateway.pulse import Pulse
from ingest.gateway.transport import Transport

_log = structlog.get_logger()
_FIRST_REQUEST_ID = 1_000_001  # far from order ids
_request_ids = itertools.count(_FIRST_REQUEST_ID)

T = TypeVar("T")
NoticeListener = Callable[[Fault], None]


def next_request_id() -> int:
    """Strictly increasing for the life of the process, across sessions and reconnects."""
    return next(_request_ids)


@dataclass(slots=True, eq=False)
class _Pending:
    asked: str
    collector: Collector[Any]
    answer: asyncio.Future[Any]
    notices: list[str]


@dataclass(slots=True)
class Strays:
    """Frames that found nobody: late ones of requests that have ended, and ones that were never asked for."""

    late: int = 0
    unknown: int = 0


class Session:
    """Alive from `open` until `lost` is set. Not reusable; a new connection is a new session."""

    def __init__(self, address: GatewayAddress, transport: Transport, clock: Clock, deadlines: Deadlines) -> None:
        self.accounts: tuple[str, ...] = ()
        self.connectivity = Connectivity()
        self.strays = Strays()
        self.lost: GatewayLost | None = None
        self.changed = asyncio.Event()
        self.transport = transport
        self.server_version = transport.welcome.server_version
        self.encoder = Encoder(self.server_version, address.client_id)
        self._address, self._clock, self._deadlines = address, clock, deadlines
        self._decoder = Decoder(self.server_version)
        self._pending: dict[int, _Pending] = {}
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._next_id_seen = False
        self._last_words = ""
        self._pulse = Pulse(clock, lambda: self.tell(self.encoder.current_time()), lambda: transport.traffic.frames_in)
        self._heartbeat: asyncio.Task[None] | None = None
        self._on_notice: NoticeListener | None = None
        self._on_violation: Callable[[], None] = _nobody

    @classmethod
    async def open(
        cls,
        address: GatewayAddress,
        clock: Clock,
        deadlines: Deadlines,
        *,
        on_notice: NoticeListener | None = None,
        on_violation: Callable[[], None] | None = None,
    ) -> "Session":
        """Connect, shake hands, start the API and wait for accounts and the next valid id.

        Raises GatewayUnreachable or GatewayRefused (326: the client id is in use) and leaves nothing half open.
        """
        transport = await Transport.open(address, clock, deadlines)
        session = cls(address, transport, clock, deadlines)
        session._on_notice = on_notice
        session._on_violation = on_violation or _nobody
        try:
            await session._start()
        except BaseException:
            await session.close()
            raise
        session._heartbeat = asyncio.create_task(session._beat(), name="gateway-heartbeat")
        return session

    async def ask(
        self,
        request_id: int,
        frame: bytes,
        collector: Collector[T],
        *,
        asked: str,
        seconds: float,
        notices: list[str] | None = None,
    ) -> T:
        """Send a request and wait for its complete answer; warnings that come for it are added to `notices`.

        Raises RequestTimedOut after `seconds`, RequestRefused or PacingViolation for IB's errors, AnswerBroken,
        or GatewayLost. The caller cancels at IB what ended without IB's doing.
        """
        self.check_alive()
        began = self._clock.monotonic()
        future = asyncio.get_running_loop().create_future()
        pending = _Pending(asked, collector, future, [] if notices is None else notices)
        self._pending[request_id] = pending
        try:
            self.transport.send(frame)
            async with self._clock.deadline(seconds):
                answer: T = await pending.answer
            return answer
        except TimeoutError:
            raise self._unanswered(asked, seconds, began) from None
        finally:
            del self._pending[request_id]
            if pending.answer.done() and not pending.answer.cancelled():
                pending.answer.exception()  # a deadline that won the race must not leave it unretrieved

    def _unanswered(self, asked: str, seconds: float, began: float) -> GatewayLost | RequestTimedOut:
        """A deadline passed: the request's own silence, or that of a line or farm which broke meanwhile."""
        hint = "It will be asked for again."
        if self.connectivity.troubled_since(began):
            return GatewayLost(f"{asked}: no answer, and IB's history was out of reach meanwhile.", hint=hint)
        return RequestTimedOut(f"{asked}: no complete answer within {seconds:g} s.", hint=hint)

    def check_open(self) -> None:
        """Raises GatewayLost when the session has ended."""
        if self.lost is not None:
            raise GatewayLost(self.lost.message, hint=self.lost.hint)

    def check_alive(self) -> None:
        """Raises GatewayLost when the session has ended or TWS has no connection to IB."""
        self.check_open()
        if not self.connectivity.line_is_up:
            raise GatewayLost(
                f"The gateway at {self._address} has no connection to IB.", hint="IB restores it by itself."
            )

    def tell(self, frame: bytes) -> None:
        """Send something that has no answer (a cancel); quietly nothing when the session has ended."""
        if self.lost is None and self.transport.is_open:
            self.transport.send(frame)

    async def current_time(self, seconds: float) -> datetime:
        """The gateway's clock. Raises RequestTimedOut or GatewayLost."""
        self.check_open()
        return await self._pulse.time(seconds)

    async def close(self) -> None:
        """End in order: whoever still waits gets GatewayLost."""
        self._end(GatewayLost(f"The session with {self._address} was closed."), by_us=True)
        await self.transport.close(self._clock, self._deadlines.close)
        if self._heartbeat is not None:
            await asyncio.gather(self._heartbeat, return_exceptions=True)

    async def _start(self) -> None:
        self.transport.start(self._receive, self._end)
        self.tell(self.encoder.start_api())
        try:
            async with self._clock.deadline(self._deadlines.session):
                await asyncio.shield(self._ready)
        except TimeoutError:
            raise GatewayRefused(
                f"{self._address} shook hands but did not start the API within {self._deadlines.session:g} s.",
                hint="Look for a dialog in TWS that asks to accept this client; log in if TWS waits for that.",
            ) from None

    def _receive(self, payload: bytes) -> None:
        try:
            events = self._decoder.decode(payload)
        except Exception:
            self._blame(payload)
            raise
        for event in events:
            self._take(event)

    def _blame(self, payload: bytes) -> None:
        """An unreadable frame fails the request it belonged to.

        If it does not tell, it fails those in flight whose answer would look complete without it.
        """
        if not is_answer(payload, self.server_version):
            return
        owner = self._decoder.request_id(payload)
        anyone = [name for name, pending in self._pending.items() if pending.collector.misses_silently]
        for request_id in anyone if owner is None else [owner]:
            self._fail(request_id, broken("a part of it could not be read", payload[:80].hex()))

    def _take(self, event: Event) -> None:
        match event:
            case Message():
                self._take_message(event)
            case Accounts(accounts=accounts):
                self.accounts = accounts
                self._see_start()
            case NextId():
                self._next_id_seen = True
                self._see_start()
            case ServerTime(moment=moment):
                self._pulse.told(moment)
            case Unknown(message_id=message_id):
                self.strays.unknown += 1
                _log.debug("gateway.unknown_message", message_id=message_id)
            case _:
                self._take_answer(event.request_id, event)

    def _take_answer(self, request_id: int, event: Event) -> None:
        pending = self._pending.get(request_id)
        if pending is None:
            self._count_stray(request_id)
        elif not pending.answer.done():
            try:
                answer = pending.collector.take(event)
            except RequestError as error:
                pending.answer.set_exception(error)
            else:
                if answer is not None and self._is_believed(answer):
                    pending.answer.set_result(answer)
                elif answer is not None:
                    pending.answer.set_exception(_doubted(pending.asked))

    def _is_believed(self, answer: object) -> bool:
        """An end without bars says the same as IB's sentence for "no data", so it takes the same trust."""
        is_empty = isinstance(answer, BarBatch) and not len(answer)
        return not is_empty or self.connectivity.trusts_emptiness(self._clock.monotonic())

    def _count_stray(self, request_id: int) -> None:
        if request_id >= _FIRST_REQUEST_ID:
            self.strays.late += 1
        else:
            self.strays.unknown += 1

    def _take_message(self, message: Message) -> None:
        now = self._clock.monotonic()
        trusted = self.connectivity.is_trusted(now)
        if message.code in HISTORY_CODES:
            trusted = trusted and self.connectivity.trusts_emptiness(now)
        fault = classify(message.code, message.text, trusted=trusted)
        if fault.reaction is Reaction.PACING:
            self._on_violation()
        if message.request_id in self._pending:
            self._take_fault(message.request_id, fault)
        elif message.request_id >= _FIRST_REQUEST_ID:
            self.strays.late += 1  # the echo of our own cancel (162, 366) or an answer after the deadline
        else:
            self._take_notice(fault, now)

    def _take_fault(self, request_id: int, fault: Fault) -> None:
        pending = self._pending[request_id]
        if fault.ends_request:
            self._fail(request_id, fault.error(pending.asked))
        else:
            pending.notices.append(f"{fault.code} {fault.text}")

    def _take_notice(self, fault: Fault, now: float) -> None:
        change = self.connectivity.note(fault.code, fault.text, now)
        if change is not Change.NOTHING:
            _log.info(f"gateway.{change.value.replace(' ', '_')}", code=fault.code, text=fault.text)
            self.changed.set()
        if change is Change.LINE_RESTORED:
            self._fail_all("IB was unreachable for a while, and what was in flight may be lost")
        if not self._ready.done() and fault.ends_request:
            self._last_words = f" after saying {fault.code} {fault.text!r}"
            if fault.reaction is Reaction.OPERATOR:
                self._ready.set_exception(self._refused(fault))
        if self._on_notice is not None:
            self._on_notice(fault)

    def _refused(self, fault: Fault) -> GatewayRefused:
        return GatewayRefused(
            f"{self._address} refused client id {self._address.client_id}: {fault.code} {fault.text!r}.",
            hint=fault.hint,
            code=fault.code,
        )

    def _see_start(self) -> None:
        if self.accounts and self._next_id_seen and not self._ready.done():
            self._ready.set_result(None)

    def _fail(self, request_id: int, error: GatewayError | RequestError) -> None:
        pending = self._pending.get(request_id)
        if pending is not None and not pending.answer.done():
            pending.answer.set_exception(error)

    def _fail_all(self, why: str) -> None:
        for request_id, pending in list(self._pending.items()):
            self._fail(request_id, GatewayLost(f"{pending.asked}: {why}.", hint="It will be asked for again."))

    async def _beat(self) -> None:
        await self._pulse.beat(self._deadlines.heartbeat_interval, self._deadlines.current_time)
        self._end(GatewayLost(f"The gateway at {self._address} has gone silent."))
        self.transport.abort()

    def _end(self, error: GatewayLost, *, by_us: bool = False) -> None:
        """The session is over: once, for whatever reason comes first."""
        if self.lost is not None:
            return
        self.lost = error
        tell = _log.debug if by_us else _log.info
        tell("gateway.session_ended", address=str(self._address), why=error.message)
        if not self._ready.done():
            self._ready.set_exception(self._closed_early())
            self._ready.exception()
        self._pulse.stop(error)
        self._fail_all(error.message.rstrip("."))
        if self._heartbeat is not None:
            self._heartbeat.cancel()
        self.changed.set()

    def _closed_early(self) -> GatewayRefused:
        return GatewayRefused(
            f"{self._address} shook hands and then closed the session{self._last_words}.",
            hint=f"Client id {self._address.client_id} may be in use (choose another), or this machine is not trusted.",
        )


def _nobody() -> None:
    """Nobody minds."""


def _doubted(asked: str) -> RequestRefused:
    error = RequestRefused(f"{asked}: the answer has no bars.", hint="IB's history is broken, so this proves nothing.")
    error.reaction = Reaction.WAIT_CONNECTIVITY
    return error
