"""How long decoding takes, per bar of CPU time: ours against stock ibapi on the same bytes.

    python -m tests.gateway.timing

`microseconds_per_bar` is the reusable part; messages are made by hand (text) and by ibapi's own protobuf classes.
"""

import time
from collections.abc import Callable
from functools import cache
from typing import Any

from ibapi.decoder import Decoder
from ibapi.protobuf.HistoricalData_pb2 import HistoricalData
from ibapi.wrapper import EWrapper

from ingest.gateway import bulk
from ingest.gateway.frames import split_payload

REQUEST_ID = 1_000_001


def text_message(bars: int, *, what: str = "trades") -> bytes:
    """A body of message 17 at server version 200 with one-minute bars."""
    fields = [str(REQUEST_ID), str(bars)]
    for number in range(bars):
        fields += _bar(number, what)
    return "\0".join([*fields, ""]).encode()


def protobuf_message(bars: int, *, what: str = "trades") -> bytes:
    """A body of message 217 with the same bars."""
    message = HistoricalData()
    message.reqId = REQUEST_ID
    for number in range(bars):
        date, *prices, volume, wap, count = _bar(number, what)
        bar = message.historicalDataBars.add()
        bar.date = date
        bar.open, bar.high, bar.low, bar.close = map(float, prices)
        bar.volume, bar.WAP, bar.barCount = volume, wap, int(count)
    return bytes(message.SerializeToString())


def _bar(number: int, what: str) -> list[str]:
    price = 250 + (number * 7919 % 1000) / 100
    head = [str(1_700_000_000 + 60 * number), *(f"{price + step:.2f}" for step in (0.0, 0.4, -0.3, 0.1))]
    if what != "trades":
        return [*head, "-1", "-1", "-1"]
    return [*head, str(1000 + number * 104_729 % 90_000), f"{price + 0.055:.3f}", str(1 + number % 900)]


def stock_decode(message_id: int, body: bytes, server_version: int) -> int:
    """The same message through ibapi as it comes; gives the number of bars."""
    decoder = _stock_decoder(server_version)
    seen = decoder.wrapper
    seen.bars = 0
    if message_id > 200:
        decoder.processProtoBuf(body, message_id - 200)
    else:
        decoder.interpret(tuple(body.split(b"\0")[:-1]), message_id)
    return int(seen.bars)


@cache
def _stock_decoder(server_version: int) -> Any:
    """One per version, as a session has one: making it costs 1.5 ms."""
    return Decoder(_Counting(), server_version)


def bulk_decode(message_id: int, body: bytes, server_version: int) -> int:
    """The same message through our decoder, from the payload on; gives the number of bars."""
    head = message_id.to_bytes(4, "big") if server_version > 200 else f"{message_id}\0".encode()
    found_id, found = split_payload(head + body, server_version)
    return int(bulk.decode(found_id, found, server_version, daily=False).num_rows)


def microseconds_per_bar(
    decode: Callable[[int, bytes, int], int], message_id: int, body: bytes, server_version: int, repeats: int = 9
) -> float:
    """The median CPU time of one decode, per bar."""
    bars = decode(message_id, body, server_version)
    spent = []
    for _ in range(repeats):
        began = time.process_time()
        decode(message_id, body, server_version)
        spent.append(time.process_time() - began)
    return sorted(spent)[repeats // 2] / bars * 1e6


class _Counting(EWrapper):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.bars = 0

    def historicalData(self, reqId: int, bar: object) -> None:  # noqa: N802, N803 -- ibapi's name
        self.bars += 1


def main() -> None:
    for bars in (100, 2_000, 5_000, 10_000):
        for message_id, version, make in ((17, 200, text_message), (217, 225, protobuf_message)):
            body = make(bars)
            ours = microseconds_per_bar(bulk_decode, message_id, body, version)
            stock = microseconds_per_bar(stock_decode, message_id, body, version)
            print(f"sv{version} {bars:6} bars  ours {ours:.3f}  stock {stock:.3f}  {stock / ours:.1f} times")  # noqa: T201


if __name__ == "__main__":
    main()
