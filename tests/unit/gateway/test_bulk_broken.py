"""Answers that cannot be trusted are refused with the first raw value that is wrong."""

import pytest
from ibapi.protobuf.HistoricalData_pb2 import HistoricalData

from ingest.errors import AnswerBroken
from ingest.gateway import bulk
from ingest.gateway.columns import COLUMNS

GOOD = ["1700000000", "1.0", "2.0", "0.5", "1.5", "10", "1.2", "3"]


def text(*bars: list[str], announced: int | None = None) -> bytes:
    fields = ["1", str(len(bars) if announced is None else announced)]
    return "\0".join([*fields, *(field for bar in bars for field in bar), ""]).encode()


def protobuf(*bars: list[str]) -> bytes:
    message = HistoricalData(reqId=1)
    for date, first, high, low, last, volume, wap, count in bars:
        bar = message.historicalDataBars.add(
            date=date, open=float(first), high=float(high), low=float(low), close=float(last), volume=volume
        )
        bar.WAP, bar.barCount = wap, int(count)
    return bytes(message.SerializeToString())


def second(column: int, value: str) -> list[str]:
    bar = ["1700000060", *GOOD[1:]]
    bar[column] = value
    return bar


def refused(body: bytes, *, message_id: int = 17, daily: bool = False) -> AnswerBroken:
    with pytest.raises(AnswerBroken) as found:
        bulk.decode(message_id, body, 225 if message_id > 200 else 200, daily=daily)
    return found.value


@pytest.mark.parametrize("announced", [0, 1, 3, 300_000])
def test_a_count_that_differs_from_what_came_is_refused(announced: int) -> None:
    error = refused(text(GOOD, second(1, "1"), announced=announced))
    assert f"{announced} bars were announced and 2 came" in error.message


def test_a_message_cut_in_the_middle_of_a_field_is_refused() -> None:
    whole = text(GOOD, second(1, "1"))
    for cut in range(4, len(whole)):
        refused(whole[:cut])


def test_bytes_behind_the_last_field_are_refused() -> None:
    assert "in the middle of a field" in refused(text(GOOD) + b"more").message


@pytest.mark.parametrize("count", ["", "x", "-1", "2.0"])
def test_a_count_that_is_no_number_is_refused(count: str) -> None:
    assert repr(count) in refused(b"1\0" + count.encode() + b"\0").message


@pytest.mark.parametrize(
    ("column", "value"),
    [
        (0, "17000000x0"),
        (0, "20240102"),
        (0, "1700000060.5"),
        (0, ""),
        (0, "20240102  09:30:00"),
        (0, "20240102 09:30:00 Mars/Olympus"),
        (1, "nan"),
        (2, "inf"),
        (3, "Infinity"),
        (4, "1.7976931348623157E308"),
        (1, ""),
        (1, "1,5"),
        (1, "1_5"),
        (1, " 1"),
        (5, "many"),
        (5, "inf"),
        (6, "nan"),
        (7, "3.5"),
        (7, "99999999999"),
    ],
)
def test_the_first_field_that_cannot_be_read_is_named(column: int, value: str) -> None:
    error = refused(text(GOOD, second(column, value), ["1700000120", *GOOD[1:]]))
    assert error.text == value
    assert f"bar 2: {COLUMNS[column]} {value!r}" in error.message


@pytest.mark.parametrize("date", ["1700000000", "1699999999"])
@pytest.mark.parametrize("message_id", [17, 217])
def test_times_that_do_not_ascend_are_refused(date: str, message_id: int) -> None:
    make = text if message_id == 17 else protobuf
    error = refused(make(GOOD, second(0, date)), message_id=message_id)
    assert f"{date!r} does not come after '1700000000'" in error.message


def test_a_time_where_a_date_is_wanted_is_refused_and_the_reverse() -> None:
    day = ["20240102", *GOOD[1:]]
    assert bulk.decode(17, text(day), 200, daily=True).num_rows == 1
    assert "is not a date" in refused(text(GOOD), daily=True).message
    assert "is not a bar's time" in refused(text(day)).message
    assert "is not a bar's time" in refused(text(day, second(5, ""))).message


@pytest.mark.parametrize("date", ["20230229", "20241301"])
def test_a_date_outside_the_calendar_is_refused(date: str) -> None:
    assert refused(text([date, *GOOD[1:]]), daily=True).text == date


@pytest.mark.parametrize(("column", "value"), [(1, "nan"), (4, "inf"), (0, "soon"), (5, "lots"), (6, "1.2.3")])
def test_protobuf_values_are_checked_and_named_as_well(column: int, value: str) -> None:
    error = refused(protobuf(GOOD, second(column, value)), message_id=217)
    assert error.text == value
    assert "bar 2: " in error.message


def test_a_protobuf_bar_without_a_price_is_refused() -> None:
    message = HistoricalData(reqId=1)
    message.historicalDataBars.add(date="1700000000", open=1, high=1, low=1, volume="1", WAP="1", barCount=1)
    assert "bar 1: close ''" in refused(message.SerializeToString(), message_id=217).message


def test_protobuf_that_cannot_be_parsed_is_refused_wherever_it_is_cut() -> None:
    whole = protobuf(GOOD, second(1, "1"))
    one = protobuf(GOOD)
    for cut in range(3, len(whole)):
        if cut != len(one):
            refused(whole[:cut], message_id=217)
