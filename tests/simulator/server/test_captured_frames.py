"""Held against frames that a real Gateway and the official clients sent: what they say, and byte for byte.

The frames were published by others (MIT): ThomasMarcelis/ibkr-go `internal/codec` and `testdata/transcripts`, and
wboayue/rust-ibapi's fixtures for the older text forms.
"""

import base64
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from ingest.simulator.market.types import Bars, Contract
from ingest.simulator.wire import answers
from ingest.simulator.wire import requests as ask
from ingest.simulator.wire.bars import BarStyle, encode_bars
from ingest.simulator.wire.contract_answers import ContractDetails, contract_data
from ingest.simulator.wire.decode import decode
from ingest.simulator.wire.framing import framed, welcome

_APPLE = ask.ContractQuery(con_id=265598, symbol="AAPL", sec_type="STK", exchange="SMART", currency="USD")


def _bars(rows: list[tuple[str, float, float, float, float, float, float, int]]) -> Bars:
    instants = [int(datetime.fromisoformat(row[0]).replace(tzinfo=UTC).timestamp()) for row in rows]
    open_, high, low, close, volume, wap = np.array([row[1:7] for row in rows], np.float64).T
    count = np.array([row[7] for row in rows], np.int32)
    return Bars(np.array(instants, np.int64), open_, high, low, close, volume, wap, count)


def _historical(version: int, req_id: int, bars: Bars, style: BarStyle, start: str, end: str) -> bytes:
    head = answers.historical_head(version, req_id, len(bars), start, end)
    return answers.historical_data(version, head, encode_bars(bars, style))


def test_the_seven_hourly_bars_of_a_day_at_200() -> None:
    style = BarStyle("full", "US/Eastern", 2, protobuf=False)
    captured = (
        b"17\x001001\x007\x0020260402 09:30:00 US/Eastern\x00254.20\x00254.80\x00250.65\x00252.53\x002829736\x00252.266"
        b"\x0013633\x0020260402 10:00:00 US/Eastern\x00252.52\x00255.40\x00251.19\x00255.38\x002797972\x00252.971\x00"
        b"16541\x0020260402 11:00:00 US/Eastern\x00255.40\x00255.73\x00254.36\x00254.57\x001400669\x00255.002\x007744"
        b"\x0020260402 12:00:00 US/Eastern\x00254.57\x00255.00\x00254.00\x00254.42\x00983738\x00254.453\x005662\x00"
        b"20260402 13:00:00 US/Eastern\x00254.42\x00255.49\x00254.17\x00254.61\x001024324\x00254.878\x005832\x00"
        b"20260402 14:00:00 US/Eastern\x00254.58\x00255.46\x00254.58\x00255.28\x001399189\x00255.101\x007342\x00"
        b"20260402 15:00:00 US/Eastern\x00255.29\x00256.13\x00254.80\x00255.89\x002938382\x00255.576\x0017376\x00"
    )
    bars = _bars(
        [
            ("2026-04-02T13:30", 254.20, 254.80, 250.65, 252.53, 2829736, 252.266, 13633),
            ("2026-04-02T14:00", 252.52, 255.40, 251.19, 255.38, 2797972, 252.971, 16541),
            ("2026-04-02T15:00", 255.40, 255.73, 254.36, 254.57, 1400669, 255.002, 7744),
            ("2026-04-02T16:00", 254.57, 255.00, 254.00, 254.42, 983738, 254.453, 5662),
            ("2026-04-02T17:00", 254.42, 255.49, 254.17, 254.61, 1024324, 254.878, 5832),
            ("2026-04-02T18:00", 254.58, 255.46, 254.58, 255.28, 1399189, 255.101, 7342),
            ("2026-04-02T19:00", 255.29, 256.13, 254.80, 255.89, 2938382, 255.576, 17376),
        ]
    )
    assert _historical(200, 1001, bars, style, "", "") == framed(captured)


def test_the_whole_exchange_at_206() -> None:
    request = "AAAAQwAAABQxADI2NTU5OABBQVBMAFNUSwAAAAAAU01BUlQAAFVTRAAAADAAADEgaG91cgAxIEQAMQBUUkFERVMAMQAwAAA="
    assert decode(206, base64.b64decode(request)[4:]) == ask.HistoricalRequest(
        1, _APPLE, end="", bar_size="1 hour", duration="1 D", use_rth=True, what="TRADES"
    )
    data = (
        "AAACMAAAABExADcAMjAyNjA3MTAgMDk6MzA6MDAgVVMvRWFzdGVybgAzMTQuNjYAMzE2LjQwADMxMy4yMQAzMTQuMzAAMzI5MzU1MgAzMTQuNz"
        "cxADMxNzA0ADIwMjYwNzEwIDEwOjAwOjAwIFVTL0Vhc3Rlcm4AMzE0LjMwADMxNC43NgAzMTIuMTcAMzEzLjgwADM3OTE4NjgAMzEzLjI1NgAz"
        "ODgwMAAyMDI2MDcxMCAxMTowMDowMCBVUy9FYXN0ZXJuADMxMy43OAAzMTQuMTEAMzEyLjMyADMxMy4yMwAyNDAzMDMzADMxMy40NDMAMjU0Nz"
        "AAMjAyNjA3MTAgMTI6MDA6MDAgVVMvRWFzdGVybgAzMTMuMjUAMzE0Ljc4ADMxMy4wNgAzMTQuNzAAMTU4ODY0NwAzMTQuMTUAMTU4NDYAMjAy"
        "NjA3MTAgMTM6MDA6MDAgVVMvRWFzdGVybgAzMTQuNzEAMzE0Ljc0ADMxMy44OQAzMTQuMTMAMTE4MDE2NAAzMTQuMzM1ADEzMzA0ADIwMjYwNz"
        "EwIDE0OjAwOjAwIFVTL0Vhc3Rlcm4AMzE0LjE1ADMxNS40MAAzMTQuMDEAMzE1LjI3ADE1MTQ1ODcAMzE0Ljc3MgAxNjkzMgAyMDI2MDcxMCAx"
        "NTowMDowMCBVUy9FYXN0ZXJuADMxNS4yNwAzMTYuOTEAMzE0Ljc4ADMxNS4zMwA0ODg0NTY2ADMxNS45ODYANDg2MjEA"
    )
    bars = _bars(
        [
            ("2026-07-10T13:30", 314.66, 316.40, 313.21, 314.30, 3293552, 314.771, 31704),
            ("2026-07-10T14:00", 314.30, 314.76, 312.17, 313.80, 3791868, 313.256, 38800),
            ("2026-07-10T15:00", 313.78, 314.11, 312.32, 313.23, 2403033, 313.443, 25470),
            # An average of 314.150 is written 314.15.
            ("2026-07-10T16:00", 313.25, 314.78, 313.06, 314.70, 1588647, 314.150, 15846),
            ("2026-07-10T17:00", 314.71, 314.74, 313.89, 314.13, 1180164, 314.335, 13304),
            ("2026-07-10T18:00", 314.15, 315.40, 314.01, 315.27, 1514587, 314.772, 16932),
            ("2026-07-10T19:00", 315.27, 316.91, 314.78, 315.33, 4884566, 315.986, 48621),
        ]
    )
    style = BarStyle("full", "US/Eastern", 2, protobuf=False)
    assert _historical(206, 1, bars, style, "", "") == base64.b64decode(data)
    end = answers.historical_end(206, 1, "20260709 18:44:40 US/Eastern", "20260710 18:44:40 US/Eastern")
    assert base64.b64encode(end) == (
        b"AAAAQAAAAGwxADIwMjYwNzA5IDE4OjQ0OjQwIFVTL0Vhc3Rlcm4AMjAyNjA3MTAgMTg6NDQ6NDAgVVMvRWFzdGVybgA="
    )


def test_the_same_exchange_in_protobuf_at_208() -> None:
    request = bytes.fromhex(
        "000000dc08d936121b08fe9a1012044141504c1a0353544b4205534d415254520355534422063120686f75722a03312044"
        "30013a065452414445534001"
    )
    assert decode(208, request) == ask.HistoricalRequest(
        7001, _APPLE, end="", bar_size="1 hour", duration="1 D", use_rth=True, what="TRADES"
    )
    captured = bytes.fromhex(
        "000000d908d936125e0a2232303236303731332031353a33303a3030204575726f70652f416d7374657264616d11713d0ad7a3d073401933"
        "33333333377440213333333333c7734029ec51b81e851374403207373439323230303a073332302e30383540c6a803125e0a223230323630"
        "3731332031363a30303a3030204575726f70652f416d7374657264616d11ec51b81e8513744019cdcccccccc1c74402152b81e85ebe57340"
        "2985eb51b81ef173403207343235353034333a073332302e30393840ffb202125d0a2232303236303731332031373a30303a303020457572"
        "6f70652f416d7374657264616d11ae47e17a14f273401948e17a14aef37340219a99999999cd73402985eb51b81ef1734032073135323036"
        "31393a073331382e30323740f16e"
    )
    bars = _bars(
        [
            ("2026-07-13T13:30", 317.04, 323.45, 316.45, 321.22, 7492200, 320.085, 54342),
            ("2026-07-13T14:00", 321.22, 321.80, 318.37, 319.07, 4255043, 320.098, 39295),
            ("2026-07-13T15:00", 319.13, 319.23, 316.85, 319.07, 1520619, 318.027, 14193),
        ]
    )
    style = BarStyle("full", "Europe/Amsterdam", 2, protobuf=True)
    assert _historical(208, 7001, bars, style, "", "") == framed(captured)
    end = bytes.fromhex(
        "0000013408d936122232303236303731322031373a34343a3339204575726f70652f416d7374657264616d1a2232303236303731332031373a"
        "34343a3339204575726f70652f416d7374657264616d"
    )
    told = ("20260712 17:44:39 Europe/Amsterdam", "20260713 17:44:39 Europe/Amsterdam")
    assert answers.historical_end(208, 7001, *told) == framed(end)


def test_daily_bars_of_an_old_client_in_lots_and_without_a_zone() -> None:
    """At 163 to 173 the window travels in the data message, and the volume of a US stock is in hundreds."""
    bars = _bars(
        [
            ("2023-04-13", 182.94, 186.50, 180.94, 185.90, 94883722, 184.869, 324891),
            ("2023-04-14", 183.88, 186.28, 182.01, 185.00, 81099827, 183.9865, 277547),
        ]
    )
    style = BarStyle("day", "US/Eastern", 4, protobuf=False, volume_divisor=100)
    assert _historical(173, 9000, bars, style, "20230413  16:31:22", "20230415  16:31:22") == framed(
        b"17|9000|20230413  16:31:22|20230415  16:31:22|2|"
        b"20230413|182.9400|186.5000|180.9400|185.9000|948837.22|184.869|324891|"
        b"20230414|183.8800|186.2800|182.0100|185.0000|810998.27|183.9865|277547|".replace(b"|", b"\0")
    )


def test_the_session_messages_at_200() -> None:
    assert decode(200, b"71\x002\x001\x00\x00") == ask.StartApi(1)
    assert answers.managed_accounts(200, "DU9000001") == framed(b"15\x001\x00DU9000001\x00")
    assert answers.next_valid_id(200, 1) == framed(b"9\x001\x001\x00")
    notice = "Market data farm connection is OK:usfarm"
    assert answers.error(200, -1, 2104, notice, 1775425766.350) == framed(
        b"4\x00-1\x002104\x00Market data farm connection is OK:usfarm\x00\x001775425766350\x00"
    )
    assert answers.contract_data_end(200, 1001) == framed(b"52\x001\x001001\x00")
    assert answers.head_timestamp(200, 1001, "19801212-14:30:00") == framed(b"88\x001001\x0019801212-14:30:00\x00")
    assert answers.current_time(200, 1781163646, in_milliseconds=False) == framed(b"49\x001\x001781163646\x00")
    assert answers.current_time(200, 1783641780.4974, in_milliseconds=True) == framed(b"109\x001783641780497\x00")
    assert answers.historical_end(200, 1001, "20260406 07:37:52 US/Eastern", "20260406 08:37:52 US/Eastern") == framed(
        b"108\x001001\x0020260406 07:37:52 US/Eastern\x0020260406 08:37:52 US/Eastern\x00"
    )


def test_the_handshake_is_text_whatever_follows() -> None:
    assert welcome(173, "20250323 22:21:01 Greenwich Mean Time") == framed(
        b"173\x0020250323 22:21:01 Greenwich Mean Time\x00"
    )


def test_the_session_messages_at_206_have_a_binary_id_and_a_text_body() -> None:
    assert base64.b64encode(answers.managed_accounts(206, "DU9000001")) == b"AAAAEAAAAA8xAERVOTAwMDAwMQA="
    assert base64.b64encode(answers.next_valid_id(206, 1)) == b"AAAACAAAAAkxADEA"


def test_the_session_messages_at_213_and_225_are_protobuf() -> None:
    assert decode(213, bytes.fromhex("0000010f08e54b")) == ask.StartApi(9701)
    assert decode(213, bytes.fromhex("000000d00801")) == ask.NextId()
    assert decode(213, bytes.fromhex("000000f9")) == ask.CurrentTime()
    assert decode(213, bytes.fromhex("00000131")) == ask.CurrentTime(in_milliseconds=True)
    assert answers.next_valid_id(213, 1) == framed(bytes.fromhex("000000d10801"))
    assert answers.current_time(213, 1783960197, in_milliseconds=False) == framed(bytes.fromhex("000000f90885a5d4d206"))
    assert answers.current_time(213, 1783960197.452, in_milliseconds=True) == framed(
        bytes.fromhex("0000013508ccb2c1e2f533")
    )
    assert base64.b64encode(answers.managed_accounts(225, "DU9000001")) == b"AAAADwAAANcKCURVOTAwMDAwMQ=="
    assert base64.b64encode(answers.current_time(225, 1787603266, in_milliseconds=False)) == b"AAAACgAAAPkIwtKy1AY="


def test_notices_and_a_contract_that_does_not_exist_at_225() -> None:
    when = 1787603266.361
    notice = answers.error(225, -1, 2106, "HMDS data farm connection is OK:ushmds", when)
    assert base64.b64encode(notice) == (
        b"AAAAQQAAAMwI////////////ARC51tSrgzQYuhAiJkhNRFMgZGF0YSBmYXJtIGNvbm5lY3Rpb24gaXMgT0s6dXNobWRz"
    )
    asked = base64.b64decode("AAAAJQAAANEIARIdCAASCFpaWlpOT05FGgNTVEtCBVNNQVJUUgNVU0Q=")
    assert decode(225, asked[4:]) == ask.ContractRequest(1, replace(_APPLE, con_id=0, symbol="ZZZZNONE"))
    refused = answers.error(225, 1, 200, "No security definition has been found for the request", 1787603266.546)
    assert base64.b64encode(refused) == (
        b"AAAARwAAAMwIARDy19SrgzQYyAEiNU5vIHNlY3VyaXR5IGRlZmluaXRpb24gaGFzIGJlZW4gZm91bmQgZm9yIHRoZSByZXF1ZXN0"
    )


def test_a_head_timestamp_at_225() -> None:
    asked = base64.b64decode("AAAALwAAAR8IARIbCP6aEBIEQUFQTBoDU1RLQgVTTUFSVFIDVVNEGAEiBlRSQURFUygB")
    assert decode(225, asked[4:]) == ask.HeadTimestampRequest(1, _APPLE, use_rth=True, what="TRADES")
    answer = answers.head_timestamp(225, 1, "19801212-14:30:00")
    assert base64.b64encode(answer) == b"AAAAGQAAASAIARIRMTk4MDEyMTItMTQ6MzA6MDA="


def test_a_schedule_from_the_first_session_to_the_last() -> None:
    one = answers.ScheduledSession("20230414-09:30:00", "20230414-16:00:00", "20230414")
    assert answers.historical_schedule(173, 9000, "US/Eastern", [one]) == framed(
        b"106|9000|20230414-09:30:00|20230414-16:00:00|US/Eastern|1|20230414-09:30:00|20230414-16:00:00|20230414|".replace(
            b"|", b"\0"
        )
    )


def test_the_details_of_a_stock_at_200_field_by_field() -> None:
    """The list of order types is the one thing not reproduced; everything around it is the capture's."""
    venues = (
        "SMART,AMEX,NYSE,CBOE,PHLX,ISE,CHX,ARCA,NASDAQ,DRCTEDGE,BEX,BATS,EDGEA,BYX,IEX,EDGX,FOXRIVER,PEARL,NYSENAT,LTSE,"
        "MEMX,IBEOS,OVERNIGHT,TPLUS0,PSX,T24X"
    )
    apple = Contract(
        con_id=265598,
        symbol="AAPL",
        sec_type="STK",
        exchange="SMART",
        currency="USD",
        primary_exchange="NASDAQ",
        local_symbol="AAPL",
        trading_class="NMS",
        market_name="NMS",
        long_name="APPLE INC",
        valid_exchanges=venues,
        stock_type="COMMON",
        industry="Technology",
        category="Computers",
        subcategory="Computers",
        sec_ids=(("ISIN", "US0378331005"),),
    )
    details = ContractDetails(apple, "SMART", "", "20260405:CLOSED", "20260405:CLOSED")
    fields = contract_data(200, 1001, details)[4:].split(b"\0")
    assert b"\0".join(fields[:16]) == (
        b"10\x001001\x00AAPL\x00STK\x00\x00\x000\x00\x00SMART\x00USD\x00AAPL\x00NMS\x00NMS\x00265598\x000.01\x00"
    )
    assert b"\0".join(fields[17:]) == (
        venues.encode()
        + b"\x001\x000\x00APPLE INC\x00NASDAQ\x00\x00Technology\x00Computers\x00Computers\x00US/Eastern\x00"
        + b"20260405:CLOSED\x0020260405:CLOSED\x00\x00\x001\x00ISIN\x00US0378331005\x001\x00\x00\x00"
        + b",".join([b"26"] * 26)
        + b"\x00\x00COMMON\x000.0001\x000.0001\x00100\x000\x00"
    )


def test_the_contract_of_a_future_at_225() -> None:
    """The part of the details that names the contract, from an ES capture at 225."""
    es = Contract(
        con_id=649180671,
        symbol="ES",
        sec_type="FUT",
        exchange="CME",
        currency="USD",
        local_symbol="ESU6",
        trading_class="ES",
        market_name="ES",
        multiplier="50",
        expiry="20260918",
        min_tick=0.25,
        time_zone_id="US/Central",
    )
    frame = contract_data(225, 1, ContractDetails(es, "CME", "20260918 08:30:00 US/Central", "", ""))
    captured = base64.b64decode(
        "CP/rxrUCEgJFUxoDRlVUIhwyMDI2MDkxOCAwODozMDowMCBVUy9DZW50cmFsKQAAAAAAAAAAOQAAAAAAAElAQgNDTUVSA1VTRFoERVNVNmIC"
        "RVOqAQgyMDI2MDkxOA=="
    )
    assert frame[4:].startswith(b"\0\0\0\xd2\x08\x01\x12\x5e" + captured)
