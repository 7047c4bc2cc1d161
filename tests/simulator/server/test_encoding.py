"""The vectorised encoders against the obvious way to write the same thing, one bar at a time."""

import struct
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.simulator.cache import AnswerCache, EncodedBars
from ingest.simulator.market.types import Bars
from ingest.simulator.wire import protobuf as pb
from ingest.simulator.wire.bars import BarStyle, encode_bars
from ingest.simulator.wire.columns import decimals_needed, fixed_point, join, varints
from ingest.simulator.wire.framing import FrameBuffer, FramingError, Hello, framed
from ingest.simulator.wire.times import DateStyle, date_columns, date_style, local_seconds

_ZONES = ["US/Eastern", "Europe/London", "Australia/NSW", "Asia/Calcutta", "UTC", "America/St_Johns"]
_PRICES = st.decimals(-5_000, 500_000, places=2).map(float)


@given(st.lists(_PRICES, min_size=1, max_size=20), st.sampled_from([0, 1, 2, 3, 5, 8]))
def test_a_fixed_number_of_decimals_is_printed_as_python_prints_it(values: list[float], decimals: int) -> None:
    rounded = [round(value, min(decimals, 2)) for value in values]
    printed = join(fixed_point(np.array(rounded), decimals), len(rounded)).decode()
    expected = [f"{value:.{decimals}f}" for value in rounded]
    assert printed == "".join("0" + text[2:] if Decimal(text) == 0 and text[0] == "-" else text for text in expected)


@given(st.lists(st.decimals(0, 10**9, places=8), min_size=1, max_size=20))
def test_stripped_decimals_drop_the_zeros_and_a_lonely_point(values: list[Decimal]) -> None:
    kept = [value.quantize(Decimal("0.0001")) for value in values]
    printed = join(fixed_point(np.array([float(value) for value in kept]), 4, strip=True), len(kept)).decode()
    assert printed == "".join(f"{value:f}".rstrip("0").rstrip(".") for value in kept)


@pytest.mark.parametrize(
    ("value", "text"),
    [(float("nan"), "NaN"), (float("inf"), "Infinity"), (1.7976931348623157e308, "1.7976931348623157E308")],
)
def test_what_is_no_price_is_printed_all_the_same(value: float, text: str) -> None:
    printed = join(fixed_point(np.array([1.5, value]), 2), 2)
    assert printed == f"1.50{text}".encode()


@given(st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=20))
def test_numbers_become_the_varints_of_the_scalar_encoder(values: list[int]) -> None:
    assert join([varints(np.array(values, np.int64))], len(values)) == b"".join(pb.varint(value) for value in values)


def test_the_fewest_decimals_that_lose_nothing() -> None:
    assert decimals_needed(np.array([100.0, -1.0]), 8) == 0
    assert decimals_needed(np.array([100.0, 9390.73]), 8) == 2
    assert decimals_needed(np.array([0.00000001]), 8) == 8


@given(st.lists(st.integers(0, 2**32), min_size=1, max_size=20), st.sampled_from(_ZONES))
def test_local_time_is_that_of_the_zone_at_every_instant(instants: list[int], zone_name: str) -> None:
    starts = np.array(sorted(set(instants))[:5], np.int64)
    starts = starts // 86_400 % 400 * 86_400 + starts % 86_400 + 1_700_000_000 // 86_400 * 86_400
    for start, local in zip(starts.tolist(), local_seconds(starts, zone_name).tolist(), strict=True):
        assert datetime.fromtimestamp(local, UTC).replace(tzinfo=None) == datetime.fromtimestamp(
            start, ZoneInfo(zone_name)
        ).replace(tzinfo=None)


@pytest.mark.parametrize("hour", range(4, 9))
def test_the_hour_of_the_clock_change_is_told_twice_in_autumn(hour: int) -> None:
    starts = np.array([1_699_142_400 + hour * 3600], np.int64)
    local = join(date_columns(starts, "full", "US/Eastern"), 1).decode()
    assert local == f"20231105 0{hour - 4 if hour < 6 else hour - 5}:00:00 US/Eastern"


def _sample(count: int, *, volume: float = 1234.0, trades: bool = True) -> Bars:
    steps = np.arange(count)
    price = np.round(99.95 + steps * 0.01, 2)
    none = np.full(count, -1.0)
    amount = np.round(volume + steps * (volume % 1), 4)
    return Bars(
        1_699_000_200 + steps.astype(np.int64) * 300,
        price,
        price + 1,
        price - 1,
        price + 0.5,
        amount if trades else none,
        np.round(price + 0.005, 3) if trades else none,
        (steps * 37).astype(np.int32) if trades else np.full(count, -1, np.int32),
    )


def _naive_date(start: int, style: DateStyle, zone_name: str) -> str:
    local = datetime.fromtimestamp(start, ZoneInfo(zone_name))
    match style:
        case "epoch":
            return str(start)
        case "day":
            return f"{datetime.fromtimestamp(start, UTC):%Y%m%d}"
        case "legacy":
            return f"{local:%Y%m%d  %H:%M:%S}"
        case "yearless":
            return f"{local:%m%d %H:%M:%S} {zone_name}"
        case _:
            return f"{local:%Y%m%d %H:%M:%S} {zone_name}"


def _short(value: float, decimals: int) -> str:
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _rows(bars: Bars, style: BarStyle) -> list[tuple[Any, ...]]:
    return [
        (
            _naive_date(int(bars.start[at]), style.dates, style.zone_name),
            *(float(column[at]) for column in (bars.open, bars.high, bars.low, bars.close)),
            _short(float(bars.volume[at]) / (style.volume_divisor if bars.volume[at] > 0 else 1), 8),
            _short(float(bars.wap[at]), style.decimals + 1),
            int(bars.count[at]),
        )
        for at in range(len(bars))
    ]


def _naive_text(bars: Bars, style: BarStyle) -> bytes:
    fields = [
        field
        for date, *prices, volume, wap, count in _rows(bars, style)
        for field in (date, *(f"{price:.{style.decimals}f}" for price in prices), volume, wap, str(count))
    ]
    return "".join(f"{field}\0" for field in fields).encode()


def _naive_protobuf(bars: Bars, style: BarStyle) -> bytes:
    out = b""
    for date, open_, high, low, close, volume, wap, count in _rows(bars, style):
        one = pb.string(1, date)
        for number, price in enumerate((open_, high, low, close), 2):
            one += pb.double(number, round(price, style.decimals))
        out += pb.raw(2, one + pb.string(6, volume) + pb.string(7, wap) + pb.integer(8, count))
    return out


@pytest.mark.parametrize("dates", ["epoch", "day", "legacy", "yearless", "full"])
@pytest.mark.parametrize("zone_name", ["US/Eastern", "America/Argentina/Buenos_Aires"])
@pytest.mark.parametrize("trades", [True, False])
@pytest.mark.parametrize("volume", [1234.0, 0.0, 9390.73, 0.0001])
def test_bars_are_written_as_one_at_a_time(dates: DateStyle, zone_name: str, trades: bool, volume: float) -> None:
    bars = _sample(80, volume=volume, trades=trades)
    for divisor in (1, 100):
        text = BarStyle(dates, zone_name, 2, protobuf=False, volume_divisor=divisor)
        assert encode_bars(bars, text) == _naive_text(bars, text)
        binary = BarStyle(dates, zone_name, 2, protobuf=True, volume_divisor=divisor)
        assert encode_bars(bars, binary) == _naive_protobuf(bars, binary)


def test_no_bars_are_no_bytes() -> None:
    assert encode_bars(_sample(0), BarStyle("epoch", "UTC", 2, protobuf=False)) == b""


def test_the_date_style_follows_version_format_and_size() -> None:
    assert date_style(200, 1, intraday=False) == "day"
    assert date_style(200, 2, intraday=False) == "day"
    assert date_style(173, 2, intraday=True) == "epoch"
    assert date_style(173, 1, intraday=True) == "legacy"
    assert date_style(174, 1, intraday=True) == "full"
    assert date_style(174, 3, intraday=True) == "yearless"


@given(st.binary(max_size=60))
def test_garbage_parses_or_is_refused_and_never_anything_else(data: bytes) -> None:
    try:
        fields = pb.parse(data)
    except pb.ProtobufError:
        return
    assert all(number >= 0 for number in fields)


def test_scalars_survive_the_way_there_and_back() -> None:
    body = pb.integer(1, -1) + pb.double(2, 1.5) + pb.string(3, "históricos") + pb.integer(9, 300)
    fields = pb.parse(body)
    assert pb.get_integer(fields, 1) == -1
    assert pb.get_double(fields, 2) == 1.5
    assert pb.get_string(fields, 3) == "históricos"
    assert pb.get_integer(fields, 9) == 300
    assert (pb.get_integer(fields, 8), pb.get_double(fields, 8), pb.get_string(fields, 8)) == (0, 0.0, "")


@given(st.lists(st.binary(max_size=50), max_size=10), st.data())
def test_frames_come_out_whole_however_the_bytes_arrive(payloads: list[bytes], data: st.DataObject) -> None:
    stream = struct.pack(">4sI", b"API\0", 9) + b"v100..200" + b"".join(framed(one) for one in payloads)
    buffer, found, hello = FrameBuffer(), [], None
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        buffer.feed(stream[:size])
        stream = stream[size:]
        hello = hello or buffer.hello()
        while hello and (payload := buffer.frame()) is not None:
            found.append(payload)
    assert hello == Hello(100, 200)
    assert found == payloads


@pytest.mark.parametrize("opening", [b"GET ", b"API\0\xff\xff\xff\xff", b"API\0\0\0\0\x04vers", b"AQ"])
def test_an_opening_that_is_not_the_protocols_is_refused(opening: bytes) -> None:
    buffer = FrameBuffer()
    buffer.feed(opening)
    with pytest.raises(FramingError):
        buffer.hello()


def test_connect_options_stand_behind_the_versions() -> None:
    buffer = FrameBuffer()
    buffer.feed(b"API\0\0\0\0\x12v100..200 +PACEAPI")
    assert buffer.hello() == Hello(100, 200, "+PACEAPI")


def test_the_least_recently_used_answer_leaves_first() -> None:
    cache = AnswerCache(limit=10)
    cache.put("a", EncodedBars(b"1234", 1))
    cache.put("b", EncodedBars(b"1234", 1))
    cache.get("a")
    cache.put("c", EncodedBars(b"1234", 1))
    assert cache.get("b") is None
    assert cache.get("a") is not None
    assert cache.size == 8
    cache.put("huge", EncodedBars(b"x" * 11, 1))
    assert cache.get("huge") is None
