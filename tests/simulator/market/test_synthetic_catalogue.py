"""What can be looked up in the invented market."""

from collections.abc import Callable
from datetime import date

import pytest

from ingest.simulator.market import open_market
from ingest.simulator.market.synthetic.futures import third_friday
from ingest.simulator.market.synthetic.market import SyntheticMarket
from ingest.simulator.market.types import BAR_SIZES, Contract

Find = Callable[..., Contract]


def test_con_ids_are_unique_and_private(market: SyntheticMarket) -> None:
    numbers = [contract.con_id for contract in market.contracts()]
    assert len(set(numbers)) == len(numbers)
    assert min(numbers) == 900_000_001
    assert max(numbers) < 950_000_001


def test_con_ids_do_not_depend_on_the_seed(market: SyntheticMarket) -> None:
    assert SyntheticMarket(8).contracts() == market.contracts()


@pytest.mark.parametrize(
    ("symbol", "con_id"), [("AAPL", 900_000_001), ("BRK B", 900_000_008), ("THIN", 900_000_010), ("QQQ", 900_000_012)]
)
def test_a_stock_keeps_its_con_id(find: Find, symbol: str, con_id: int) -> None:
    assert find(symbol=symbol, sec_type="STK").con_id == con_id


def test_one_symbol_is_listed_in_two_currencies(market: SyntheticMarket) -> None:
    listed = [one for one in market.contracts() if one.symbol == "SHOP"]
    assert [(one.primary_exchange, one.currency) for one in listed] == [("NYSE", "USD"), ("TSE", "CAD")]


def test_futures_run_from_2015_to_2030_in_quarters(market: SyntheticMarket) -> None:
    for root, multiplier in (("ES", "50"), ("NQ", "20")):
        chain = [one for one in market.contracts() if one.symbol == root and one.sec_type == "FUT"]
        assert len(chain) == 64
        assert (chain[0].contract_month, chain[-1].contract_month) == ("201503", "203012")
        assert {one.multiplier for one in chain} == {multiplier}
        assert {one.trading_class for one in chain} == {root}


def test_a_future_has_its_local_symbol_and_expiry(find: Find) -> None:
    december = find(local_symbol="ESZ6", expiry="20261218")
    assert (december.symbol, december.exchange, december.time_zone_id) == ("ES", "CME", "US/Central")


def test_an_expiry_moves_back_before_a_holiday() -> None:
    assert third_friday(2026, 6) == date(2026, 6, 18)  # the 19th is Juneteenth
    assert third_friday(2024, 12) == date(2024, 12, 20)


def test_an_option_names_its_underlying(find: Find) -> None:
    option = find(local_symbol="SPY   261218C00600000")
    underlying = find(con_id=option.under_con_id)
    assert (underlying.symbol, underlying.stock_type) == ("SPY", "ETF")
    assert (option.strike, option.right, option.multiplier) == (600.0, "C", "100")


@pytest.mark.parametrize(
    ("facts", "present", "absent"),
    [
        (
            {"symbol": "AAPL"},
            "TRADES ADJUSTED_LAST MIDPOINT BID ASK BID_ASK HISTORICAL_VOLATILITY",
            "AGGTRADES YIELD_BID",
        ),
        ({"local_symbol": "EUR.USD"}, "MIDPOINT BID ASK BID_ASK", "TRADES ADJUSTED_LAST HISTORICAL_VOLATILITY"),
        ({"symbol": "SPX"}, "TRADES HISTORICAL_VOLATILITY", "MIDPOINT BID ASK BID_ASK ADJUSTED_LAST"),
        ({"symbol": "BTC"}, "AGGTRADES MIDPOINT", "TRADES ADJUSTED_LAST"),
        ({"local_symbol": "ESZ6", "expiry": "20261218"}, "TRADES MIDPOINT", "ADJUSTED_LAST AGGTRADES"),
        ({"symbol": "ES", "sec_type": "CONTFUT"}, "TRADES SCHEDULE", "ADJUSTED_LAST"),
        ({"local_symbol": "SPY   261218P00600000"}, "TRADES BID", "SCHEDULE OPTION_IMPLIED_VOLATILITY"),
    ],
)
def test_a_contract_has_the_series_that_ib_lists_for_its_type(
    market: SyntheticMarket, find: Find, facts: dict[str, str], present: str, absent: str
) -> None:
    one = find(**facts)
    assert [what for what in present.split() if not market.has_series(one, what)] == []
    assert [what for what in absent.split() if market.has_series(one, what)] == []
    assert all(market.head(one, what) is None for what in absent.split())


def test_more_stocks_can_be_had_and_change_nothing_else() -> None:
    large = open_market("synthetic+250", 7)
    extra = large.contracts()[len(SyntheticMarket(7).contracts()) :]
    assert [extra[0].symbol, extra[-1].symbol, len({one.con_id for one in large.contracts()})] == [
        "S0001",
        "S0250",
        len(large.contracts()),
    ]
    assert large.contracts()[:-250] == SyntheticMarket(7).contracts()
    size = next(one for one in BAR_SIZES if one.text == "1 day")
    bars = [large.bars(one, "TRADES", size, 1_704_067_200, 1_706_745_600, use_rth=True) for one in extra[:2]]
    assert len(bars[0].close) == 21
    assert (bars[0].close != bars[1].close).all()
