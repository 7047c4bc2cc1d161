import pytest

from ingest.domain.instrument import Instrument, InstrumentQuery
from ingest.errors import RequestRefused
from ingest.gateway.contracts import query_contract, series_contract
from ingest.gateway.encoder import Encoder
from tests.gateway.captures import exchange, named, text_payload

AAPL = Instrument(265598, "AAPL", "STK", "SMART", "USD")


def bars(version: int, request_id: int) -> bytes:
    encoder = Encoder(version, 1)
    return encoder.historical_bars(
        request_id, series_contract(AAPL), end="", duration="1 D", bar_size="1 hour", what="TRADES", use_rth=True
    )


def framed(payload: bytes) -> bytes:
    return len(payload).to_bytes(4, "big") + payload


def test_start_api_is_written_as_a_real_client_wrote_it() -> None:
    assert Encoder(200, 1).start_api() == framed(text_payload(71))
    assert Encoder(213, 9701).start_api() == framed(named("ibkr_go_sv213_session_protobuf.txt", "client")["StartApi"])


def test_current_time_is_asked_as_a_real_client_asked_it() -> None:
    assert Encoder(225, 1).current_time() == framed(exchange("ibkr_go_sv225_current_time.txt", "client")[0])


def test_bars_are_asked_for_as_a_real_client_did_except_for_epoch_seconds() -> None:
    captured = exchange("ibkr_go_sv206_historical_bars.txt", "client")[0]
    assert bars(206, 1) == framed(captured.replace(b"TRADES\0001\0", b"TRADES\0002\0"))


def test_bars_are_asked_for_in_protobuf_as_a_real_client_did_except_for_epoch_seconds() -> None:
    captured = named("ibkr_go_sv208_historical_protobuf.txt", "client")["HistoricalDataRequest"]
    assert bars(208, 7001) == framed(captured.replace(bytes.fromhex("4001"), bytes.fromhex("4002")))


def test_a_head_timestamp_is_asked_as_a_real_client_did_except_for_epoch_seconds() -> None:
    captured = exchange("ibkr_go_sv225_head_timestamp.txt", "client")[0]
    ours = Encoder(225, 1).head_timestamp(1, series_contract(AAPL), "TRADES", True)
    assert ours == framed(captured[:-1] + b"\x02")


def test_contract_details_are_asked_as_a_real_client_did() -> None:
    captured = exchange("ibkr_go_sv225_contract_not_found.txt", "client")[0]
    query = InstrumentQuery(symbol="ZZZZNONE", exchange="SMART", currency="USD")
    assert Encoder(225, 1).contract_details(1, query_contract(query)) == framed(captured)


def test_nothing_ever_asks_to_be_kept_up_to_date() -> None:
    assert bars(200, 1).endswith(b"TRADES\x002\x000\x00\x00")


def test_a_schedule_is_a_request_for_daily_bars_of_that_name() -> None:
    frame = Encoder(200, 1).schedule(5, series_contract(AAPL), end="20240105-00:00:00", duration="20 D", use_rth=True)
    assert b"\x0020240105-00:00:00\x001 day\x0020 D\x001\x00SCHEDULE\x002\x00" in frame


def test_cancels_name_the_request() -> None:
    assert Encoder(200, 1).cancel_historical_bars(77) == framed(b"25\x001\x0077\x00")
    assert Encoder(200, 1).cancel_head_timestamp(77) == framed(b"90\x0077\x00")
    assert Encoder(225, 1).cancel_historical_bars(77) == framed(bytes.fromhex("000000e1084d"))


def test_what_ibapi_cannot_encode_is_refused_with_its_own_words() -> None:
    with pytest.raises(RequestRefused, match="cannot be encoded") as refusal:
        Encoder(200, 1).matching_symbols(1, "MÜNCHEN")
    assert refusal.value.permanent
    assert refusal.value.reaction == "client_bug"


def test_a_request_the_server_is_too_old_for_is_refused_before_it_leaves() -> None:
    with pytest.raises(RequestRefused, match="schedule"):
        Encoder(163, 1).schedule(5, series_contract(AAPL), end="", duration="20 D", use_rth=True)


def test_a_refusal_does_not_stick_to_the_next_request() -> None:
    encoder = Encoder(200, 1)
    with pytest.raises(RequestRefused):
        encoder.matching_symbols(1, "Ü")
    assert encoder.matching_symbols(2, "AAPL") == framed(b"81\x002\x00AAPL\x00")


def test_two_connections_with_different_versions_do_not_disturb_each_other() -> None:
    text, binary = Encoder(200, 1), Encoder(225, 1)
    assert text.current_time() == framed(b"49\x001\x00")
    assert binary.current_time() == framed(bytes.fromhex("000000f9"))
    assert text.current_time() == framed(b"49\x001\x00")


def test_contract_details_can_be_cancelled_from_215_on() -> None:
    assert Encoder(213, 1).cancel_contract_details(77) is None
    assert Encoder(215, 1).cancel_contract_details(77) == framed(bytes.fromhex("00000132084d"))
