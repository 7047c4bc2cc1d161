"""Frames of the TWS wire: length-prefixed payloads, their message ids, and which of them may leave.

    frame   = be32(payload length) payload
    payload = "<id>\\0" fields              at server versions up to 200
              be32(id) fields or protobuf   from 201 on; an id above 200 is the protobuf form of id − 200

No I/O here. Frames are cut out of one buffer that is compacted rarely, so a burst of many answers costs linear time.
"""

from collections.abc import Iterator

from ingest.errors import GatewayError

MAX_PAYLOAD = 0xFFFFFF
"""16 MiB − 1, the official limit (`ibapi.const.MAX_MSG_LEN`)."""

BINARY_IDS_FROM = 201
PROTOBUF_OFFSET = 200

START_API, REQ_MANAGED_ACCOUNTS = 71, 17
REQ_CONTRACT_DETAILS, CANCEL_CONTRACT_DETAILS = 9, 106
REQ_MATCHING_SYMBOLS = 81
REQ_HEAD_TIMESTAMP, CANCEL_HEAD_TIMESTAMP = 87, 90
REQ_HISTORICAL_DATA, CANCEL_HISTORICAL_DATA = 20, 25
REQ_CURRENT_TIME, REQ_CURRENT_TIME_MILLIS = 49, 105

ALLOWED = frozenset(
    {
        START_API,
        REQ_MANAGED_ACCOUNTS,
        REQ_CONTRACT_DETAILS,
        CANCEL_CONTRACT_DETAILS,
        REQ_MATCHING_SYMBOLS,
        REQ_HEAD_TIMESTAMP,
        CANCEL_HEAD_TIMESTAMP,
        REQ_HISTORICAL_DATA,
        CANCEL_HISTORICAL_DATA,
        REQ_CURRENT_TIME,
        REQ_CURRENT_TIME_MILLIS,
    }
)
"""The only messages that may leave, text or protobuf: each of them only reads."""

_COMPACT_AT = 1 << 20


class FrameTooLarge(GatewayError):
    """A length prefix beyond `MAX_PAYLOAD`: the peer is not IB, or the stream lost its step."""


class ForbiddenMessage(GatewayError):
    """A message that is not on the read-only list was about to be sent. Nothing was written."""


class FrameBuffer:
    """Bytes in, whole payloads out. What belongs to an unfinished frame waits for more."""

    __slots__ = ("_bytes", "_start")

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._start = 0

    def feed(self, received: bytes) -> None:
        """Append what the socket gave, whatever its cuts."""
        self._bytes += received

    def payloads(self) -> Iterator[bytes]:
        """Every payload that is complete by now. Raises FrameTooLarge at an impossible length."""
        while (payload := self.next()) is not None:
            yield payload

    def next(self) -> bytes | None:
        """The next payload, None while it is incomplete."""
        body = self._start + 4
        if len(self._bytes) < body:
            self._tidy()
            return None
        size = int.from_bytes(self._bytes[self._start : body], "big")
        if size > MAX_PAYLOAD:
            raise FrameTooLarge(
                f"The peer announced a frame of {size:,} bytes; IB's limit is {MAX_PAYLOAD:,}.",
                hint="Ask for shorter durations, and check that the address is IB's API port.",
            )
        if len(self._bytes) < body + size:
            self._tidy()
            return None
        payload = bytes(memoryview(self._bytes)[body : body + size])
        self._start = body + size
        return payload

    @property
    def head(self) -> bytes:
        """The first bytes that are still waiting, to say what else the peer might be."""
        return bytes(self._bytes[self._start : self._start + 64])

    def _tidy(self) -> None:
        """Drop what was delivered, once per burst or MiB: never per frame."""
        if self._start == len(self._bytes) or self._start > _COMPACT_AT:
            del self._bytes[: self._start]
            self._start = 0


def split_payload(payload: bytes, server_version: int) -> tuple[int, bytes]:
    """A payload's message id (protobuf ids stay above 200) and its body. Raises ValueError when it has none."""
    if server_version >= BINARY_IDS_FROM:
        if len(payload) < 4:
            raise ValueError(f"a payload of {len(payload)} bytes has no message id")
        return int.from_bytes(payload[:4], "big"), payload[4:]
    name, separator, body = payload.partition(b"\0")
    if not separator or not name.isdigit():
        raise ValueError(f"a payload without a message id: {payload[:40]!r}")
    return int(name), body


def check_read_only(frame: bytes, server_version: int) -> int:
    """The id of a whole outgoing frame if it is on the read-only list; raises ForbiddenMessage otherwise."""
    size = int.from_bytes(frame[:4], "big")
    if size != len(frame) - 4:
        raise ForbiddenMessage(f"A frame of {len(frame)} bytes announces {size}: exactly one message may be sent.")
    try:
        message_id, _ = split_payload(frame[4:], server_version)
    except ValueError as error:
        raise ForbiddenMessage(f"An outgoing frame cannot be read: {error}.") from error
    plain = message_id - PROTOBUF_OFFSET if message_id > PROTOBUF_OFFSET else message_id
    if plain not in ALLOWED:
        raise ForbiddenMessage(f"Message {message_id} may not be sent: this connection only reads.")
    return message_id
