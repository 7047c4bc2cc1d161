"""Frames and the handshake: where one message ends and the next begins.

A frame is a 4-byte big-endian length and that many bytes. The handshake differs on purpose: the client opens with a
bare `API\\0` and one length-prefixed version string, and the server answers with a text frame whatever comes later.
"""

import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field

from ingest.simulator.wire.versions import BINARY_MESSAGE_ID, PROTOBUF_OFFSET

#: The official clients refuse larger frames.
LARGEST_FRAME = 0xFF_FFFF

_PREFIX = b"API\0"
_LENGTH = struct.Struct(">I")
_HELLO = re.compile(r"v(\d+)(?:\.\.(\d+))?(?: (.*))?", re.DOTALL)


class FramingError(Exception):
    """The bytes are not the TWS protocol, so nothing behind them can be trusted either."""


@dataclass(frozen=True, slots=True)
class Hello:
    """The client's opening: the versions it speaks and its connect options."""

    least: int
    most: int
    options: str = ""


@dataclass(slots=True)
class FrameBuffer:
    """Bytes as they arrive; hands out the hello once and then whole payloads without their length."""

    _held: bytearray = field(default_factory=bytearray)

    def feed(self, data: bytes) -> None:
        self._held += data

    def hello(self) -> Hello | None:
        """The opening, or None while it is incomplete."""
        if bytes(self._held[:4]) != _PREFIX[: len(self._held)]:
            raise FramingError("the connection does not open with API\\0")
        if len(self._held) < 8:
            return None
        (length,) = _LENGTH.unpack_from(self._held, 4)
        if length > 1000:
            raise FramingError(f"a hello of {length} bytes")
        if len(self._held) < 8 + length:
            return None
        text = bytes(self._held[8 : 8 + length]).decode("ascii", "replace")
        del self._held[: 8 + length]
        return _parse_hello(text)

    def frame(self) -> bytes | None:
        """The next payload, or None while it is incomplete."""
        if len(self._held) < 4:
            return None
        (length,) = _LENGTH.unpack_from(self._held)
        if length > LARGEST_FRAME:
            raise FramingError(f"a frame of {length} bytes")
        if len(self._held) < 4 + length:
            return None
        payload = bytes(self._held[4 : 4 + length])
        del self._held[: 4 + length]
        return payload


def _parse_hello(text: str) -> Hello:
    match = _HELLO.fullmatch(text)
    if match is None:
        raise FramingError(f"not a version range: {text!r}")
    least, most, options = match.groups()
    return Hello(int(least), int(most or least), options or "")


def framed(payload: bytes) -> bytes:
    """The payload behind its length."""
    return _LENGTH.pack(len(payload)) + payload


def welcome(version: int, connection_time: str) -> bytes:
    """The server's half of the handshake, a text frame at every version."""
    return framed(f"{version}\0{connection_time}\0".encode())


def text_payload(version: int, message_id: int, body: bytes) -> bytes:
    """A text message before framing: the id is itself a field up to version 200, four binary bytes after."""
    head = b"%d\0" % message_id if version < BINARY_MESSAGE_ID else _LENGTH.pack(message_id)
    return head + body


def text_frame(version: int, message_id: int, *fields: object) -> bytes:
    """A whole text message. Booleans are written 0/1, None as the empty field."""
    return framed(text_payload(version, message_id, text_body(fields)))


def text_body(fields: Iterable[object]) -> bytes:
    return "".join(f"{_spell(field)}\0" for field in fields).encode()


def _spell(field: object) -> str:
    if field is None:
        return ""
    return str(int(field)) if isinstance(field, bool) else str(field)


def protobuf_frame(message_id: int, body: bytes) -> bytes:
    """A whole protobuf message; `message_id` is the text protocol's number."""
    return framed(_LENGTH.pack(message_id + PROTOBUF_OFFSET) + body)


def split_id(version: int, payload: bytes) -> tuple[int, bool, bytes]:
    """Message id (text numbering), whether the body is protobuf, the body."""
    if version < BINARY_MESSAGE_ID:
        head, separator, body = payload.partition(b"\0")
        if not separator or not head.isdigit():
            raise FramingError(f"no message id in {payload[:20]!r}")
        return int(head), False, body
    if len(payload) < 4:
        raise FramingError("a frame shorter than its message id")
    (raw,) = _LENGTH.unpack_from(payload)
    if raw > PROTOBUF_OFFSET:
        return raw - PROTOBUF_OFFSET, True, payload[4:]
    return raw, False, payload[4:]
