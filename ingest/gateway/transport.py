"""The socket: connect, shake hands, frames in, frames out. Everything has a deadline; nothing blocks.

ibapi's own connection is never used: it drops answers whose bursts are multiples of 4096 bytes, re-slices its buffer
per message, hangs on a silent or split handshake and dies of one bad frame. Here a frame that its consumer cannot
digest is logged, kept (`DeadLetter`) and counted, and the session goes on.
"""

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from ingest.clock import Clock
from ingest.errors import GatewayError, GatewayLost
from ingest.gateway import handshake
from ingest.gateway.address import Deadlines, GatewayAddress
from ingest.gateway.frames import FrameBuffer, FrameTooLarge, check_read_only
from ingest.gateway.handshake import Welcome

_log = structlog.get_logger()
_KEPT_LETTERS = 32
_SHOWN_BYTES = 200

Consumer = Callable[[bytes], None]
Undertaker = Callable[[GatewayLost], None]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A frame nobody could read, with its raw bytes."""

    payload: bytes
    error: str


@dataclass(slots=True)
class Traffic:
    """What went over one connection, for metrics and for the doctor."""

    frames_in: int = 0
    bytes_in: int = 0
    frames_out: int = 0
    dead_letters: int = 0
    letters: deque[DeadLetter] = field(default_factory=lambda: deque(maxlen=_KEPT_LETTERS))


class Transport(asyncio.Protocol):
    """One connection, used once. `open` gives one that has shaken hands; `start` lets frames through to a consumer."""

    def __init__(self, address: GatewayAddress) -> None:
        self.traffic = Traffic()
        self.welcome = Welcome(0, "")
        self._address = address
        self._buffer = FrameBuffer()
        self._socket: asyncio.Transport | None = None
        self._welcomed: asyncio.Future[Welcome] = asyncio.get_running_loop().create_future()
        self._gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._consumer: Consumer | None = None
        self._undertaker: Undertaker | None = None
        self._broken: FrameTooLarge | None = None

    @classmethod
    async def open(cls, address: GatewayAddress, clock: Clock, deadlines: Deadlines) -> "Transport":
        """Connect and shake hands. Raises GatewayUnreachable or GatewayRefused; no half-open session stays behind."""
        transport = await cls._connected(address, clock, deadlines.connect)
        try:
            async with clock.deadline(deadlines.handshake):
                transport.welcome = await asyncio.shield(transport._welcomed)
        except TimeoutError:
            raise handshake.silent(str(address), deadlines.handshake) from None
        finally:
            if not transport.welcome.server_version:
                transport.abort()
        return transport

    @classmethod
    async def _connected(cls, address: GatewayAddress, clock: Clock, seconds: float) -> "Transport":
        loop = asyncio.get_running_loop()
        try:
            async with clock.deadline(seconds):
                _, transport = await loop.create_connection(lambda: cls(address), address.host, address.port)
        except TimeoutError:
            raise handshake.nothing_there(str(address), f"no answer within {seconds:g} s") from None
        except OSError as error:
            raise handshake.nothing_there(str(address), _why(error)) from error
        return transport

    def start(self, consumer: Consumer, undertaker: Undertaker) -> None:
        """Deliver every payload to `consumer`, also those that came glued to the handshake, and the end once."""
        self._consumer, self._undertaker = consumer, undertaker
        if self._gone.done():
            undertaker(self._epitaph(None))
        else:
            self._pump()

    def send(self, frame: bytes) -> None:
        """Queue one whole frame. Raises ForbiddenMessage for any message that is not on the read-only list."""
        message_id = check_read_only(frame, self.welcome.server_version)
        if self._socket is None or self._socket.is_closing():
            raise GatewayLost(f"Message {message_id} could not be sent: the session with {self._address} has ended.")
        self.traffic.frames_out += 1
        self._socket.write(frame)

    @property
    def is_open(self) -> bool:
        return self._socket is not None and not self._socket.is_closing()

    async def close(self, clock: Clock, seconds: float) -> None:
        """Flush and close; abort when the peer does not let go in time."""
        if self._socket is not None:
            self._socket.close()
        try:
            async with clock.deadline(seconds):
                await asyncio.shield(self._gone)
        except TimeoutError:
            self.abort()

    def abort(self) -> None:
        if self._socket is not None:
            self._socket.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._socket = transport
        _keep_alive(transport.get_extra_info("socket"))
        transport.write(handshake.greeting(self._address.max_server_version))

    def data_received(self, data: bytes) -> None:
        self.traffic.bytes_in += len(data)
        self._buffer.feed(data)
        if not self._welcomed.done():
            self._shake()
        elif self._consumer is not None:
            self._pump()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._welcomed.done():
            head = self._buffer.head
            where = str(self._address)
            self._welcomed.set_exception(handshake.wrong_service(head, where) if head else handshake.hung_up(where))
            self._welcomed.exception()  # whoever stopped waiting must not leave it unretrieved
        if not self._gone.done():
            self._gone.set_result(None)
        if self._undertaker is not None:
            self._undertaker(self._epitaph(exc))

    def _shake(self) -> None:
        where = str(self._address)
        if handshake.is_foreign(self._buffer.head):
            self._welcomed.set_exception(handshake.wrong_service(self._buffer.head, where))
            return
        payload = self._buffer.next()
        if payload is None:
            return
        try:
            self._welcomed.set_result(handshake.read_welcome(payload, self._address.max_server_version, where))
        except GatewayError as error:
            self._welcomed.set_exception(error)

    def _pump(self) -> None:
        try:
            for payload in self._buffer.payloads():
                self.traffic.frames_in += 1
                self._deliver(payload)
        except FrameTooLarge as error:
            self._broken = error
            self.abort()

    def _deliver(self, payload: bytes) -> None:
        assert self._consumer is not None
        try:
            self._consumer(payload)
        except Exception as error:  # noqa: BLE001 -- whatever one frame does, the next ones are still wanted
            self.traffic.dead_letters += 1
            self.traffic.letters.append(DeadLetter(payload, repr(error)))
            _log.error("gateway.frame_unreadable", why=repr(error), size=len(payload), head=payload[:_SHOWN_BYTES])

    def _epitaph(self, error: Exception | None) -> GatewayLost:
        if self._broken is not None:
            return GatewayLost(self._broken.message, hint=self._broken.hint)
        why = f": {error}" if error else ""
        return GatewayLost(f"The gateway at {self._address} closed the session{why}.")


def _why(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, socket.gaierror):
        return "the host name is unknown"
    return error.strerror or str(error)


def _keep_alive(sock: socket.socket) -> None:
    """Let the kernel notice a peer that vanished: first probe after 30 s, given up after three more 10 s apart."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
