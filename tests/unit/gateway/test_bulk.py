"""Bars from bytes: the captured ones hold what they hold, and ours equal what stock ibapi decodes."""

import struct
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ibapi.decoder import Decoder
from ibapi.protobuf.HistoricalData_pb2 import HistoricalData
from ibapi.wrapper import EWrapper

from ingest.domain.bars import BAR_SCHEMA, BarBatch
from ingest.gateway import bulk
from ingest.gateway.frames import split_payload
from tests.gateway.captures import exchange, named, rust_fixture, text_payload
from tests.gateway.timing import protobuf_message, text_message

Row = tuple[datetime, float, float, float, float, float | None, float | None, int | None]


def rows(payload: bytes, version: int, *, daily: bool = False) -> list[Row]:
    message_id, body = split_payload(payload, version)
    table = bulk.decode(message_id, body, version, daily=daily)
    assert table.schema == BAR_SCHEMA
    BarBatch(table)
    return [tuple(one.values()) for one in table.to_pylist()]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_the_captured_bars_of_200_decode_to_what_they_hold() -> None:
    found = rows(text_payload(17), 200)
    assert len(found) == 7
    assert found[0] == (at("2026-04-02 13:30"), 254.20, 254.80, 250.65, 252.53, 2829736.0, 252.266, 13633)
    assert found[-1] == (at("2026-04-02 19:00"), 255.29, 256.13, 254.80, 255.89, 2938382.0, 255.576, 17376)


def test_the_captured_bars_of_206_decode_to_what_they_hold() -> None:
    found = rows(exchange("ibkr_go_sv206_historical_bars.txt", "server")[2], 206)
    assert len(found) == 7
    assert found[0] == (at("2026-07-10 13:30"), 314.66, 316.40, 313.21, 314.30, 3293552.0, 314.771, 31704)
    assert found[-1] == (at("2026-07-10 19:00"), 315.27, 316.91, 314.78, 315.33, 4884566.0, 315.986, 48621)


def test_the_captured_protobuf_bars_of_208_decode_to_what_they_hold() -> None:
    found = rows(named("ibkr_go_sv208_historical_protobuf.txt", "server")["HistoricalData"], 208)
    assert found == [
        (at("2026-07-13 13:30"), 317.04, 323.45, 316.45, 321.22, 7492200.0, 320.857, 54342),
        (at("2026-07-13 14:00"), 321.22, 321.8, 318.37, 319.07, 4255043.0, 320.098, 39295),
        (at("2026-07-13 15:00"), 319.13, 319.23, 316.85, 317.07, 1520619.0, 318.027, 14193),
    ]


def test_daily_bars_before_174_with_two_blank_headers_decode() -> None:
    assert rows(rust_fixture(17), 170, daily=True) == [
        (at("2023-04-13"), 182.94, 186.5, 180.94, 185.9, 948837.22, 184.869, 324891),
        (at("2023-04-14"), 183.88, 186.28, 182.01, 185.0, 810998.27, 183.9865, 277547),
    ]


@pytest.mark.parametrize(("message_id", "version", "make"), [(17, 200, text_message), (217, 225, protobuf_message)])
@pytest.mark.parametrize("what", ["trades", "midpoint"])
def test_many_bars_equal_what_stock_ibapi_decodes(message_id: int, version: int, make: Any, what: str) -> None:
    body = make(3_000, what=what)
    ours = bulk.decode(message_id, body, version, daily=False)
    assert [tuple(one.values()) for one in ours.to_pylist()] == stock(message_id, body, version)


def test_minus_one_is_null() -> None:
    for message_id, version, body in (
        (17, 200, text_message(3, what="midpoint")),
        (217, 225, protobuf_message(3, what="midpoint")),
    ):
        table = bulk.decode(message_id, body, version, daily=False)
        assert [table[name].null_count for name in ("volume", "wap", "bar_count", "close")] == [3, 3, 3, 0]


def test_an_empty_list_is_an_empty_table() -> None:
    assert rows(b"17\x001\x000\x00", 200) == []
    assert rows(b"17\x001\x00from\x00to\x000\x00", 176) == []
    assert rows(bytes.fromhex("000000d90801"), 225) == []


@pytest.mark.parametrize("count", ["", "2147483647"])
def test_unset_volumes_are_null(count: str) -> None:
    body = f"17\x001\x001\x001700000000\x001\x002\x001\x002\x00{count}\x00\x00-1\x00".encode()
    assert rows(body, 200)[0][5:] == (None, None, None)


def test_a_protobuf_bar_without_volume_is_read_by_the_proper_parser() -> None:
    message = HistoricalData(reqId=5)
    for number in range(3):
        bar = message.historicalDataBars.add(date=str(1_700_000_000 + number), open=1.5, high=2, low=1, close=0.0)
        if number == 1:
            bar.volume, bar.WAP, bar.barCount = "10", "1.5", 3
    found = rows((217).to_bytes(4, "big") + message.SerializeToString(), 225)
    assert [row[5:] for row in found] == [(None, None, None), (10.0, 1.5, 3), (None, None, None)]
    assert found[0][4] == 0.0


def test_bars_whose_bytes_look_like_the_start_of_a_bar_are_still_told_apart() -> None:
    message = HistoricalData(reqId=5)
    trap = struct.unpack("<d", b"\x12\x05\x0a\x0a\x31\x37\x30\x40")[0]
    for number in range(4):
        message.historicalDataBars.add(
            date=str(1_700_000_000 + number),
            open=trap,
            high=trap,
            low=trap,
            close=trap,
            volume="1",
            WAP="1",
            barCount=1,
        )
    found = rows((217).to_bytes(4, "big") + message.SerializeToString(), 225)
    assert [row[1] for row in found] == [trap] * 4


_PRICES = st.floats(-1e6, 1e6, allow_nan=False)
_COUNTS = st.integers(-1, 2**31 - 2)
_AMOUNTS = st.decimals(0, 10**12, places=4).map(str) | st.just("-1")


@settings(max_examples=60, deadline=None)
@given(bars=st.lists(st.tuples(_PRICES, _PRICES, _PRICES, _PRICES, _AMOUNTS, _AMOUNTS, _COUNTS), max_size=6))
def test_whatever_numbers_come_both_protocols_say_what_ibapi_says(bars: list[tuple[Any, ...]]) -> None:
    message, fields = HistoricalData(reqId=9), ["9", str(len(bars))]
    for number, (low, high, first, last, volume, wap, count) in enumerate(bars):
        date = str(1_700_000_000 + 60 * number)
        bar = message.historicalDataBars.add(date=date, open=low, high=high, low=first, close=last)
        bar.volume, bar.WAP, bar.barCount = volume, wap, count
        fields += [date, *map(repr, (low, high, first, last)), volume, wap, str(count)]
    text = "\0".join([*fields, ""]).encode()
    for message_id, version, body in ((17, 200, text), (217, 225, message.SerializeToString())):
        ours = bulk.decode(message_id, body, version, daily=False)
        assert [tuple(one.values()) for one in ours.to_pylist()] == stock(message_id, body, version)


def test_parts_of_one_answer_are_joined_in_order() -> None:
    first = bulk.decode(17, text_message(2), 200, daily=False)
    later = first.set_column(
        0, BAR_SCHEMA.field("ts"), pa.array([at("2030-01-01"), at("2030-01-02")], BAR_SCHEMA[0].type)
    )
    assert bulk.join([first, BAR_SCHEMA.empty_table(), later]).num_rows == 4
    assert bulk.join([]).num_rows == 0
    for wrong in ([later, first], [first, first]):
        with pytest.raises(Exception, match="follows one that ends"):
            bulk.join(wrong)


class _Keeping(EWrapper):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Row] = []

    def historicalData(self, reqId: int, bar: Any) -> None:  # noqa: N802, N803 -- ibapi's name
        ts = datetime.fromtimestamp(int(bar.date), UTC)
        volume, wap = (None if amount == -1 else float(amount) for amount in (bar.volume, bar.wap))
        count = None if bar.barCount == -1 else bar.barCount
        self.rows.append((ts, bar.open, bar.high, bar.low, bar.close, volume, wap, count))


def stock(message_id: int, body: bytes, version: int) -> list[Row]:
    """What ibapi itself makes of a message."""
    keeping = _Keeping()
    decoder = Decoder(keeping, version)
    if message_id > 200:
        decoder.processProtoBuf(body, message_id - 200)
    else:
        decoder.interpret(tuple(body.split(b"\0")[:-1]), message_id)
    return keeping.rows
