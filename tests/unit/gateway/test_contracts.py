import pytest
from ibapi.contract import ContractDetails

from ingest.domain.instrument import Instrument, InstrumentQuery
from ingest.gateway.contracts import found_instrument, query_contract, series_contract
from ingest.gateway.decoder import Decoder
from ingest.gateway.events import ContractFound
from tests.gateway.captures import text_payload


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("AAPL", {"secType": "STK", "exchange": "SMART", "currency": "", "includeExpired": False}),
        ("SPY:ETF", {"secType": "STK", "exchange": "SMART"}),
        ("VOD@LSE", {"secType": "STK", "exchange": "LSE"}),
        ("EUR.USD", {"secType": "CASH", "symbol": "EUR", "currency": "USD", "exchange": "IDEALPRO"}),
        ("BTC:CRYPTO", {"secType": "CRYPTO", "exchange": "PAXOS"}),
        ("ESZ6", {"secType": "FUT", "localSymbol": "ESZ6", "symbol": "", "exchange": "", "includeExpired": True}),
        ("ES:FUT:202612", {"symbol": "ES", "lastTradeDateOrContractMonth": "202612", "includeExpired": True}),
        ("SI:FUT:front2:SIL", {"symbol": "SI", "tradingClass": "SIL", "lastTradeDateOrContractMonth": ""}),
        ("ES:CONTFUT", {"secType": "CONTFUT", "exchange": "", "includeExpired": False}),
        ("SPX:IND", {"secType": "IND", "exchange": ""}),
        ("con_id:265598", {"conId": 265598, "secType": "", "symbol": "", "exchange": ""}),
        ("con_id:265598@NASDAQ", {"conId": 265598, "exchange": "NASDAQ"}),
    ],
)
def test_a_query_asks_for_what_was_said_and_sensible_defaults(typed: str, expected: dict[str, object]) -> None:
    contract = query_contract(InstrumentQuery.parse(typed))
    assert {name: getattr(contract, name) for name in expected} == expected


def test_an_option_query_carries_strike_right_and_multiplier() -> None:
    query = InstrumentQuery("SPY", "OPT", expiry="20261218", strike=500.0, right="C", multiplier="100")
    contract = query_contract(query)
    assert (contract.strike, contract.right, contract.multiplier, contract.exchange) == (500.0, "C", "100", "SMART")


def test_the_captured_details_become_an_instrument() -> None:
    (found,) = Decoder(200).decode(text_payload(10))
    assert isinstance(found, ContractFound)
    assert found_instrument(found.details, InstrumentQuery("AAPL")) == Instrument(
        con_id=265598,
        symbol="AAPL",
        sec_type="STK",
        exchange="SMART",
        currency="USD",
        primary_exchange="NASDAQ",
        local_symbol="AAPL",
        trading_class="NMS",
        long_name="APPLE INC",
        stock_type="COMMON",
        min_tick=0.01,
        time_zone_id="US/Eastern",
    )


def details(**fields: object) -> ContractDetails:
    found = ContractDetails()
    found.contract.conId, found.contract.symbol = 1, "ES"
    for name, value in fields.items():
        setattr(found.contract, name, value)
    return found


def test_a_continuous_future_keeps_its_type_although_the_front_contract_answers() -> None:
    answer = details(secType="FUT", lastTradeDateOrContractMonth="20261218", multiplier="50")
    assert found_instrument(answer, InstrumentQuery("ES", "CONTFUT")).sec_type == "CONTFUT"
    assert found_instrument(answer, InstrumentQuery("ES", "FUT")).sec_type == "FUT"


@pytest.mark.parametrize(
    ("month", "date", "expiry"),
    [
        ("20261218", "", "20261218"),
        ("20261218 08:30:00 US/Central", "", "20261218"),
        ("202612", "20261218", "20261218"),
        ("202612", "2026-12-18", "20261218"),
        ("", "", ""),
    ],
)
def test_the_expiry_is_eight_digits_where_ib_tells_it(month: str, date: str, expiry: str) -> None:
    answer = details(secType="FUT", lastTradeDateOrContractMonth=month, lastTradeDate=date)
    assert found_instrument(answer, InstrumentQuery("ES", "FUT")).expiry == expiry


def test_only_options_have_a_strike() -> None:
    option = found_instrument(details(secType="OPT", strike=500.0, right="CALL"), InstrumentQuery("SPY", "OPT"))
    assert (option.strike, option.right) == (500.0, "C")
    stock = found_instrument(details(secType="STK", strike=0.0, right="0"), InstrumentQuery("SPY"))
    assert (stock.strike, stock.right) == (None, "")


def test_history_is_asked_for_by_con_id_and_exchange() -> None:
    contract = series_contract(Instrument(495512563, "ES", "FUT", "CME", "USD", local_symbol="ESZ4"))
    assert (contract.conId, contract.exchange, contract.includeExpired) == (495512563, "CME", True)


def test_a_continuous_future_is_never_asked_for_by_con_id() -> None:
    contract = series_contract(Instrument(1, "ES", "CONTFUT", "CME", "USD", multiplier="50", trading_class="ES"))
    assert (contract.conId, contract.symbol, contract.secType) == (0, "ES", "CONTFUT")
    assert (contract.multiplier, contract.tradingClass, contract.includeExpired) == ("50", "ES", False)
