"""CPU a bar from received bytes to columns: our framing and decoding against ibapi's decoding alone, 1 and 50 open."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from ingest.gateway import bulk
from ingest.gateway.frames import FrameBuffer, split_payload
from tests.gateway.timing import microseconds_per_bar, protobuf_message, stock_decode, text_message

BARS = 5_000
OPEN = 50
READ = 65_536  # bytes a socket read brings
ROUNDS = 7


@dataclass(frozen=True, slots=True)
class Cost:
    """µs of CPU a bar; `ours_open`: with the answers of 50 requests behind each other in the buffer."""

    ours: float
    stock: float
    ours_open: float


def measure() -> Iterator[tuple[str, Cost]]:
    for name, message_id, version, make in (
        ("text 200", 17, 200, text_message),
        ("protobuf 225", 217, 225, protobuf_message),
    ):
        body = make(BARS)
        head = message_id.to_bytes(4, "big") if version > 200 else f"{message_id}\0".encode()
        frame = (len(head) + len(body)).to_bytes(4, "big") + head + body
        stock = microseconds_per_bar(stock_decode, message_id, body, version)
        yield name, Cost(_ours(frame, 1, version), stock, _ours(frame, OPEN, version))


def _ours(frame: bytes, answers: int, version: int) -> float:
    """The median of several rounds of receiving and decoding so many answers."""
    stream = memoryview(frame * answers)
    spent = []
    for _ in range(ROUNDS if answers > 1 else ROUNDS * 10):
        began = time.process_time()
        _receive(stream, version)
        spent.append(time.process_time() - began)
    return sorted(spent)[len(spent) // 2] / (answers * BARS) * 1e6


def _receive(stream: memoryview, version: int) -> None:
    buffer = FrameBuffer()
    for at in range(0, len(stream), READ):
        buffer.feed(bytes(stream[at : at + READ]))
        for payload in buffer.payloads():
            message_id, body = split_payload(payload, version)
            bulk.decode(message_id, body, version, daily=False)
