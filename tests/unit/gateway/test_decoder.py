from datetime import UTC, datetime

import pytest

from ingest.gateway.decoder import Decoder, is_answer
from ingest.gateway.events import (
    Accounts,
    BarsEnd,
    BarsFrame,
    ContractFound,
    ContractsEnd,
    HeadFound,
    Message,
    NextId,
    ScheduleFound,
    ServerTime,
    SymbolMatch,
    SymbolsFound,
    Unknown,
)
from tests.gateway.captures import exchange, named, rust_fixture, text_payload, text_payloads


def test_the_start_of_a_text_session_decodes() -> None:
    decoder = Decoder(200)
    assert decoder.decode(text_payload(15)) == (Accounts(("DU9000001",)),)
    assert decoder.decode(text_payload(9)) == (NextId(),)
    assert decoder.decode(text_payload(4)) == (Message(-1, 2104, "Market data farm connection is OK:usfarm"),)


def test_the_start_of_a_protobuf_session_decodes() -> None:
    decoder = Decoder(225)
    found = [decoder.decode(one)[0] for one in exchange("ibkr_go_sv225_contract_not_found.txt", "server")]
    assert found[:2] == [Accounts(("DU9000001",)), NextId()]
    assert [(one.request_id, one.code) for one in found[2:] if isinstance(one, Message)] == [
        (-1, 2103),
        (-1, 2104),
        (-1, 2106),
        (-1, 2158),
        (1, 200),
    ]
    assert found[-1] == Message(1, 200, "No security definition has been found for the request")


def test_the_session_messages_of_213_decode() -> None:
    vectors = named("ibkr_go_sv213_session_protobuf.txt", "server")
    decoder = Decoder(213)
    assert decoder.decode(vectors["NextValidId"]) == (NextId(),)
    assert decoder.decode(vectors["CurrentTime"]) == (ServerTime(datetime.fromtimestamp(1783960197, UTC)),)
    (millis,) = decoder.decode(vectors["CurrentTimeInMillis"])
    assert isinstance(millis, ServerTime)
    assert millis.moment.date().isoformat() == "2026-07-13"


def test_the_clock_decodes_in_text_and_protobuf() -> None:
    assert Decoder(200).decode(text_payload(49)) == (ServerTime(datetime.fromtimestamp(1781163646, UTC)),)
    assert Decoder(200).decode(text_payload(109)) == (ServerTime(datetime.fromtimestamp(1783641780.497, UTC)),)
    (answer,) = Decoder(225).decode(exchange("ibkr_go_sv225_current_time.txt", "server")[0])
    assert isinstance(answer, ServerTime)


def test_contract_details_decode() -> None:
    (found,) = Decoder(200).decode(text_payload(10))
    assert isinstance(found, ContractFound)
    assert found.request_id == 1001
    assert found.details.contract.conId == 265598
    assert found.details.longName == "APPLE INC"
    assert Decoder(200).decode(text_payload(52)) == (ContractsEnd(1001),)


def test_head_timestamps_decode_in_all_their_forms() -> None:
    assert Decoder(200).decode(text_payload(88)) == (HeadFound(1001, "19801212-14:30:00"),)
    assert Decoder(200).decode(rust_fixture(88)) == (HeadFound(9000, "1560346200"),)
    captured = exchange("ibkr_go_sv225_head_timestamp.txt", "server")[0]
    assert Decoder(225).decode(captured) == (HeadFound(1, "19801212-14:30:00"),)


def test_schedules_decode() -> None:
    (found,) = Decoder(200).decode(text_payload(106))
    assert isinstance(found, ScheduleFound)
    assert (found.request_id, found.time_zone, len(found.sessions)) == (1001, "US/Eastern", 21)
    assert found.sessions[0] == ("20260312-09:30:00", "20260312-16:00:00", "20260312")


def test_bars_are_addressed_but_not_decoded() -> None:
    (text,) = Decoder(200).decode(text_payload(17))
    assert isinstance(text, BarsFrame)
    assert (text.request_id, text.message_id) == (1001, 17)
    vector = named("ibkr_go_sv208_historical_protobuf.txt", "server")["HistoricalData"]
    (protobuf,) = Decoder(208).decode(vector)
    assert isinstance(protobuf, BarsFrame)
    assert (protobuf.request_id, protobuf.message_id) == (7001, 217)


def test_the_separate_end_marker_decodes() -> None:
    assert Decoder(200).decode(text_payload(108)) == (BarsEnd(1001),)
    assert Decoder(206).decode(exchange("ibkr_go_sv206_historical_bars.txt", "server")[3]) == (BarsEnd(1),)
    vector = named("ibkr_go_sv208_historical_protobuf.txt", "server")["HistoricalDataEnd"]
    assert Decoder(208).decode(vector) == (BarsEnd(7001),)


def test_symbol_samples_decode() -> None:
    payload = b"79\x001000001\x001\x00265598\x00AAPL\x00STK\x00NASDAQ\x00USD\x002\x00CFD\x00OPT\x00APPLE INC\x00\x00"
    match = SymbolMatch(265598, "AAPL", "STK", "NASDAQ", "USD", "APPLE INC", ("CFD", "OPT"))
    assert Decoder(200).decode(payload) == (SymbolsFound(1000001, (match,)),)


@pytest.mark.parametrize(
    ("version", "payload"),
    [
        (165, b"4\x002\x0077\x00162\x00no\\u0020data\x00"),
        (180, b"4\x002\x0077\x00162\x00no data\x00\x00"),
        (200, b"4\x0077\x00162\x00no data\x00\x001775425766350\x00"),
    ],
)
def test_errors_decode_at_every_version(version: int, payload: bytes) -> None:
    assert Decoder(version).decode(payload) == (Message(77, 162, "no data"),)


@pytest.mark.parametrize("payload", [b"250\x001\x00", b"5\x00order\x00", b"90\x00update\x00", b"99999\x00"])
def test_messages_nobody_asked_for_are_unknown_and_not_decoded(payload: bytes) -> None:
    assert Decoder(200).decode(payload) == (Unknown(int(payload.split(b"\0")[0])),)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"nonsense",
        b"17\x00",
        b"17\x00x\x001\x00",
        b"52\x001\x001001\x00extra\x00",
        b"10\x001001\x00AAPL\x00",
        b"4\x0077\x00162\x00",
        b"108\x001001\x00unterminated",
    ],
)
def test_unreadable_messages_raise_instead_of_vanishing(payload: bytes) -> None:
    with pytest.raises(Exception, match=r"."):
        Decoder(200).decode(payload)


def test_one_unreadable_message_leaves_the_next_alone() -> None:
    decoder = Decoder(200)
    with pytest.raises(Exception, match=r"."):
        decoder.decode(b"10\x001001\x00AAPL\x00")
    assert decoder.decode(text_payload(52)) == (ContractsEnd(1001),)


@pytest.mark.parametrize("message_id", [10, 17, 52, 88, 106, 108])
def test_the_owner_of_an_answer_can_be_told_without_decoding_it(message_id: int) -> None:
    assert Decoder(200).request_id(text_payload(message_id)) == 1001


def test_the_owner_of_a_protobuf_answer_can_be_told() -> None:
    assert Decoder(225).request_id(bytes.fromhex("000000d2") + b"\x08\x07\xff\xff") == 7
    assert Decoder(225).request_id(b"\0\0\0\xd2\xff") is None


def test_the_owner_is_found_behind_the_version_field_of_old_contract_data() -> None:
    assert Decoder(163).request_id(b"10\x008\x0042\x00AAPL\x00") == 42
    assert Decoder(200).request_id(b"10\x0042\x00AAPL\x00") == 42


def test_only_answers_can_belong_to_a_request() -> None:
    assert is_answer(b"10\x00", 200)
    assert is_answer(b"garbage", 200)
    assert not is_answer(b"15\x001\x00", 200)
    assert not is_answer(b"250\x001\x00", 200)


def test_every_captured_text_frame_of_a_server_decodes() -> None:
    for payload in text_payloads():
        if not payload.startswith(b"71\0"):  # the one frame a client sent
            assert not any(isinstance(one, Unknown) for one in Decoder(200).decode(payload))
