"""Every message at every server version, read by the official client's own decoder without a socket in between."""

import struct
from decimal import Decimal
from typing import Any

import pytest
from ibapi.decoder import Decoder
from ibapi.utils import isAsciiPrintable

from ingest.simulator.wire import answers
from ingest.simulator.wire import requests as ask
from ingest.simulator.wire.bars import BarStyle, encode_bars
from ingest.simulator.wire.contract_answers import ContractDetails, contract_data, symbol_samples
from ingest.simulator.wire.times import stamp
from ingest.simulator.wire.versions import NEWEST, OLDEST, answers_in_protobuf
from tests.simulator.server.test_real_clients import Recorder
from tests.simulator.server.tiny import AAPL, ES_H4, at, line_of_bars

_NOW = at("2024-01-08T12:00:00")
_EVERY = pytest.mark.parametrize("version", range(OLDEST, NEWEST + 1))


def _heard(version: int, frames: bytes) -> list[tuple[Any, ...]]:
    """What the official decoder makes of the frames."""
    heard = Recorder()
    decoder = Decoder(heard, version)
    while frames:
        (length,) = struct.unpack_from(">I", frames)
        payload, frames = frames[4 : 4 + length], frames[4 + length :]
        if version < 201:
            fields = payload.split(b"\0")[:-1]
            decoder.interpret(fields[1:], int(fields[0]))
            continue
        (raw,) = struct.unpack_from(">I", payload)
        if raw > 200:
            decoder.processProtoBuf(payload[4:], raw - 200)
        else:
            decoder.interpret(payload[4:].split(b"\0")[:-1], raw)
    return heard.calls


@_EVERY
def test_the_session_messages(version: int) -> None:
    frames = answers.managed_accounts(version, "SIM1") + answers.next_valid_id(version, 7)
    frames += answers.current_time(version, _NOW, in_milliseconds=False)
    assert _heard(version, frames) == [("accounts", "SIM1"), ("next_id", 7), ("time", int(_NOW))]


@_EVERY
def test_errors_with_and_without_a_request(version: int) -> None:
    frames = answers.error(version, 7, 162, "históricos:invalid step: 1", _NOW)
    frames += answers.error(version, -1, 2106, "ok", _NOW)
    assert _heard(version, frames) == [("error", 7, 162, "históricos:invalid step: 1"), ("error", -1, 2106, "ok")]


@_EVERY
def test_bars_and_their_end(version: int) -> None:
    bars = line_of_bars([int(at("2024-01-05T15:00:00")) + 60 * step for step in range(3)], [60, 60, 30])
    style = BarStyle("epoch", "US/Eastern", 2, protobuf=answers_in_protobuf(version, 17))
    start, end = (stamp(version, _NOW - ago, "US/Eastern") for ago in (60, 0))
    head = answers.historical_head(version, 7, 3, start, end)
    frames = answers.historical_data(version, head, encode_bars(bars, style)) + answers.historical_end(
        version, 7, start, end
    )
    *rows, marker = _heard(version, frames)
    assert marker == ("end", 7, start, end)
    assert [(int(bar.date), bar.close, bar.volume, bar.barCount) for _, _, bar in rows] == [
        (int(bars.start[at]), round(float(bars.close[at]), 2), Decimal(int(bars.volume[at])), int(bars.count[at]))
        for at in range(3)
    ]


@_EVERY
def test_schedules_and_heads(version: int) -> None:
    if version >= 165:
        session = answers.ScheduledSession("20240105-09:30:00", "20240105-16:00:00", "20240105")
        ((name, req_id, start, end, zone_name, sessions),) = _heard(
            version, answers.historical_schedule(version, 7, "US/Eastern", [session])
        )
        assert (name, req_id, start, end, zone_name) == ("schedule", 7, session.start, session.end, "US/Eastern")
        assert [(one.startDateTime, one.endDateTime, one.refDate) for one in sessions] == [
            (session.start, session.end, session.day)
        ]
    assert _heard(version, answers.head_timestamp(version, 7, "19801212-14:30:00")) == [
        ("head", 7, "19801212-14:30:00")
    ]


@_EVERY
def test_contract_details_to_the_last_field(version: int) -> None:
    hours = "20240108:0400-20240108:2000"
    apple = ContractDetails(AAPL, "SMART", "", hours, hours)
    future = ContractDetails(ES_H4, "CME", "20240315 08:30:00 US/Central", hours, hours)
    frames = (
        contract_data(version, 1, apple) + contract_data(version, 2, future) + answers.contract_data_end(version, 2)
    )
    (_, _, stock), (_, _, es), end = _heard(version, frames)
    assert end == ("contract_end", 2)
    assert (stock.contract.conId, stock.contract.strike, stock.minTick, stock.priceMagnifier) == (265598, 0.0, 0.01, 1)
    assert (stock.stockType, stock.marketRuleIds, stock.aggGroup) == ("COMMON", "26,26,26", 1)
    assert (stock.tradingHours, stock.liquidHours, stock.timeZoneId) == (hours, hours, "US/Eastern")
    assert [(one.tag, one.value) for one in stock.secIdList] == [("ISIN", "US0378331005")]
    assert not stock.ineligibilityReasonList
    if version >= 164:
        assert (stock.minSize, stock.suggestedSizeIncrement) == (Decimal("0.0001"), Decimal(100))
    assert (es.contract.localSymbol, es.contract.multiplier, es.contractMonth) == ("ESH4", "50", "202403")
    assert es.contract.lastTradeDateOrContractMonth == "20240315"
    assert (es.lastTradeTime, es.realExpirationDate) == ("08:30:00", "20240315")
    assert (es.underConId, es.underSymbol, es.underSecType) == (11004968, "ES", "IND")
    if version >= 182:
        assert es.contract.lastTradeDate == "20240315"


@_EVERY
def test_symbol_samples(version: int) -> None:
    ((_, req_id, found),) = _heard(version, symbol_samples(version, 7, [(AAPL, ("FUT", "OPT")), (ES_H4, ())]))
    assert req_id == 7
    assert [(one.contract.conId, one.derivativeSecTypes) for one in found] == [
        (265598, ["FUT", "OPT"]),
        (ES_H4.con_id, []),
    ]
    if version >= 176:
        assert found[0].contract.description == "APPLE INC"


@_EVERY
def test_the_ends_of_account_answers(version: int) -> None:
    frames = b"".join(answers.account_end(version, ask.AccountQuestion(message_id)) for message_id in (61, 5))
    assert _heard(version, frames) == [("positions_end",), ("orders_end",)]


def test_the_schedule_turns_protobuf_at_211() -> None:
    session = answers.ScheduledSession("20240105-09:30:00", "20240105-16:00:00", "20240105")
    raw_ids = [answers.historical_schedule(version, 7, "UTC", [session])[4:8] for version in (210, 211)]
    assert raw_ids == [b"\0\0\0\x6a", b"\0\0\x01\x32"]


def test_escaped_text_is_plain_ascii_on_the_wire() -> None:
    frame = answers.error(200, 1, 162, "históricos 🙂", 0.0)
    assert isAsciiPrintable(frame[4:].replace(b"\0", b"").decode("ascii"))
