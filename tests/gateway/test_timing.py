"""Decoding is several times cheaper than ibapi's own, and does not get dearer with the number of open requests."""

import time
from typing import Any

import pytest

from ingest.gateway.answers import BarsCollector
from ingest.gateway.decoder import Decoder
from ingest.gateway.events import BarsEnd, BarsFrame
from ingest.gateway.frames import FrameBuffer
from tests.gateway.scripted import bars_end, framed
from tests.gateway.timing import (
    REQUEST_ID,
    bulk_decode,
    microseconds_per_bar,
    protobuf_message,
    stock_decode,
    text_message,
)

RECEIVED_AT_ONCE = 64 * 1024


@pytest.mark.parametrize(("message_id", "version", "make"), [(17, 200, text_message), (217, 225, protobuf_message)])
def test_decoding_takes_a_fifth_of_ibapis_cpu_time_at_most(message_id: int, version: int, make: Any) -> None:
    body = make(5_000)
    ours = microseconds_per_bar(bulk_decode, message_id, body, version)
    stock = microseconds_per_bar(stock_decode, message_id, body, version, repeats=3)
    assert stock / ours > 5, f"{ours:.2f} against {stock:.2f} µs a bar"


def answer(number: int, bars: int) -> bytes:
    """One answer of version 200, framed."""
    body = text_message(bars).replace(str(REQUEST_ID).encode(), str(REQUEST_ID + number).encode(), 1)
    return framed(b"17\0" + body, bars_end(REQUEST_ID + number))


def receive(stream: bytes, requests: int) -> int:
    """What a session does with a burst, without the socket; gives the number of bars."""
    buffer, decoder, total = FrameBuffer(), Decoder(200), 0
    collectors = {REQUEST_ID + number: BarsCollector(200, daily=False) for number in range(requests)}
    for at in range(0, len(stream), RECEIVED_AT_ONCE):
        buffer.feed(stream[at : at + RECEIVED_AT_ONCE])
        for payload in buffer.payloads():
            for event in decoder.decode(payload):
                assert isinstance(event, BarsFrame | BarsEnd)
                done = collectors[event.request_id].take(event)
                total += len(done) if done is not None else 0
    return total


def test_fifty_answers_at_once_cost_no_more_per_bar_than_one() -> None:
    def cost(requests: int) -> float:
        stream = b"".join(answer(number, 2_000) for number in range(requests))
        spent = []
        for _ in range(5):
            began = time.process_time()
            assert receive(stream, requests) == requests * 2_000
            spent.append(time.process_time() - began)
        return min(spent) / requests

    one, fifty = cost(1), cost(50)
    assert fifty < 1.7 * one, f"{one * 1e3:.2f} ms for one, {fifty * 1e3:.2f} ms for each of fifty"
