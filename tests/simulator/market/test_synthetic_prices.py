"""Prices and volumes of the invented market are such as a market could have had."""

from collections.abc import Callable
from datetime import UTC, date, datetime

import numpy as np
import pytest

from ingest.simulator.market.synthetic.market import SyntheticMarket
from ingest.simulator.market.types import BAR_SIZES, Bars, Contract

Find = Callable[..., Contract]
Ask = Callable[..., Bars]

ALL = ("TRADES", "AGGTRADES", "ADJUSTED_LAST", "MIDPOINT", "BID", "ASK", "OPTION_IMPLIED_VOLATILITY", "FEE_RATE")
MONTHS = ("2016-05-02", "2021-06-14", "2024-11-25", "2026-11-30", "2029-12-10")
SIZES = {size.text: size for size in BAR_SIZES}


def a_week(market: SyntheticMarket, one: Contract, what: str, month: str, size: str) -> Bars:
    start = int(datetime.fromisoformat(month).replace(tzinfo=UTC).timestamp())
    return market.bars(one, what, SIZES[size], start, start + 7 * 86_400, use_rth=False)


@pytest.mark.parametrize("month", MONTHS)
def test_every_bar_of_every_series_is_possible(market: SyntheticMarket, month: str) -> None:
    for one in market.contracts()[:: 1 if month == MONTHS[2] else 7]:
        for what in (what for what in ALL if market.has_series(one, what)):
            bars = a_week(market, one, what, month, "5 mins")
            name = (one.local_symbol, what)
            assert np.all(np.diff(bars.start) > 0), name
            assert np.all(bars.low > 0), name
            assert np.all(bars.low <= np.minimum(bars.open, bars.close)), name
            assert np.all(bars.high >= np.maximum(bars.open, bars.close)), name
            if what in ("TRADES", "AGGTRADES", "ADJUSTED_LAST") and one.sec_type != "IND":
                assert np.all((bars.low <= bars.wap) & (bars.wap <= bars.high)), name
                assert np.all((bars.count >= 1) & (bars.volume > 0)), name


@pytest.mark.parametrize("what", ["MIDPOINT", "BID", "ASK", "BID_ASK"])
def test_quotes_have_no_volume(find: Find, ask: Ask, what: str) -> None:
    bars = ask(find(symbol="MSFT"), what, "1 hour", "2024-01-02", "2024-01-05")
    assert set(bars.volume) == set(bars.wap) == set(bars.count) == {-1}


def test_an_index_trades_nothing(find: Find, ask: Ask) -> None:
    bars = ask(find(symbol="SPX"), "TRADES", "1 hour", "2024-01-02", "2024-01-05")
    assert set(bars.volume) == set(bars.wap) == set(bars.count) == {0}


def test_prices_lie_on_the_tick(find: Find, ask: Ask) -> None:
    for facts, what, per_unit in (
        ({"symbol": "KO"}, "TRADES", 100),
        ({"local_symbol": "NQZ6", "expiry": "20261218"}, "TRADES", 4),
        ({"local_symbol": "EUR.USD"}, "ASK", 100_000),
    ):
        bars = ask(find(**facts), what, "1 min", "2026-11-02", "2026-11-04")
        assert len(bars) > 300
        for column in (bars.open, bars.high, bars.low, bars.close):
            assert np.array_equal(np.rint(column * per_unit) / per_unit, column)


def test_volumes_are_whole_but_for_coins(find: Find, ask: Ask) -> None:
    shares = ask(find(symbol="KO"), "TRADES", "1 min", "2024-01-02", "2024-01-03").volume
    coins = ask(find(symbol="BTC"), "AGGTRADES", "1 min", "2024-01-02", "2024-01-03").volume
    assert np.array_equal(shares, np.rint(shares))
    assert not np.array_equal(coins, np.rint(coins))


def test_the_bid_is_below_the_ask_and_the_midpoint_between(find: Find, ask: Ask) -> None:
    euro = find(local_symbol="EUR.USD")
    bid, middle, offer = (
        ask(euro, what, "1 min", "2024-01-02", "2024-01-03").close for what in ("BID", "MIDPOINT", "ASK")
    )
    assert np.all(bid < offer)
    assert np.allclose(middle, (bid + offer) / 2, atol=1e-9)
    assert np.all(offer - bid < 0.0001)


def test_liquid_names_trade_in_nearly_every_regular_minute(find: Find, ask: Ask) -> None:
    apple = find(symbol="AAPL")
    assert len(ask(apple, "TRADES", "1 min", "2024-01-02", "2024-01-12")) >= 8 * 390 - 8
    extended = len(ask(apple, "TRADES", "1 min", "2024-01-02", "2024-01-12", use_rth=False))
    assert 8 * 600 < extended < 8 * 800


def test_a_thin_name_misses_most_minutes_and_some_whole_sessions(market: SyntheticMarket, find: Find, ask: Ask) -> None:
    thin = find(symbol="THIN")
    minutes = len(ask(thin, "TRADES", "1 min", "2024-01-02", "2024-04-01"))
    sessions = len(market.sessions(thin, date(2024, 1, 2), date(2024, 3, 31), use_rth=True))
    days = len(ask(thin, "TRADES", "1 day", "2024-01-02", "2024-04-01", use_rth=False))
    assert 0 < minutes < 0.1 * sessions * 390
    assert sessions * 0.5 < days < sessions - 3
    assert len(ask(thin, "BID", "1 day", "2024-01-02", "2024-04-01", use_rth=False)) == sessions


def test_one_trade_has_one_price_and_two_or_three_have_no_more_than_two(find: Find, ask: Ask) -> None:
    bars = ask(find(symbol="THIN"), "TRADES", "1 min", "2024-01-02", "2024-06-01", use_rth=False)
    one, two = bars.count == 1, (bars.count == 2) | (bars.count == 3)
    assert one.sum() > 20
    assert two.sum() > 20
    assert np.array_equal(bars.high[one], bars.low[one])
    assert np.array_equal(bars.high[two] - bars.low[two], np.abs(bars.close[two] - bars.open[two]))


def test_nobody_trades_a_future_two_years_before_its_end(find: Find, ask: Ask) -> None:
    december = find(local_symbol="ESZ6", expiry="20261218")
    early = ask(december, "TRADES", "1 min", "2025-01-06", "2025-01-11", use_rth=False)
    late = ask(december, "TRADES", "1 min", "2026-11-02", "2026-11-07", use_rth=False)
    assert len(early) < 0.05 * len(late)


def test_a_continuous_future_is_its_front_contract(find: Find, ask: Ask, same: Callable[[Bars, Bars], bool]) -> None:
    continuous = find(symbol="ES", sec_type="CONTFUT")
    march, june = find(local_symbol="ESH4", expiry="20240315"), find(local_symbol="ESM4", expiry="20240621")
    before, after = ("2024-02-26", "2024-03-02"), ("2024-03-11", "2024-03-15")
    assert same(*(ask(one, "TRADES", "1 hour", *before, use_rth=False) for one in (continuous, march)))
    assert same(*(ask(one, "TRADES", "1 hour", *after, use_rth=False) for one in (continuous, june)))
    assert ask(june, "TRADES", "1 day", *after).close[0] > ask(march, "TRADES", "1 day", *after).close[0]


def test_index_fund_and_future_move_together(find: Find, ask: Ask) -> None:
    span = ("2023-06-01", "2024-06-01")
    spx, spy = (
        ask(find(symbol=symbol, sec_type=kind), "TRADES", "1W", *span)
        for symbol, kind in (("SPX", "IND"), ("SPY", "STK"))
    )
    es = ask(find(symbol="ES", sec_type="CONTFUT"), "TRADES", "1W", *span)
    moves = [np.diff(np.log(bars.close)) for bars in (spx, spy, es)]
    assert np.corrcoef(moves)[0].min() > 0.9


def test_a_new_listing_begins_at_its_first_opening(market: SyntheticMarket, find: Find, ask: Ask) -> None:
    newcomer = find(symbol="NEWCO")
    opening = int(datetime(2024, 3, 4, 14, 30, tzinfo=UTC).timestamp())
    assert market.head(newcomer, "TRADES") == opening
    bars = ask(newcomer, "TRADES", "1 min", "2023-01-01", "2024-03-06", use_rth=False)
    assert bars.start[0] == opening
    assert len(ask(newcomer, "TRADES", "1 day", "1990-01-01", "2024-03-04 14:30")) == 0


@pytest.mark.parametrize(
    ("facts", "what", "head"),
    [
        ({"symbol": "AAPL"}, "TRADES", "1990-01-02 14:30"),
        ({"symbol": "AAPL"}, "BID", "2004-01-23 14:30"),
        ({"symbol": "AAPL"}, "OPTION_IMPLIED_VOLATILITY", "2005-01-03 14:30"),
        ({"local_symbol": "EUR.USD"}, "MIDPOINT", "2005-03-08 22:15"),
        ({"symbol": "BTC"}, "AGGTRADES", "2021-05-14 00:00"),
        ({"local_symbol": "ESZ6", "expiry": "20261218"}, "MIDPOINT", "2024-12-18 14:30"),
    ],
)
def test_a_series_begins_where_its_head_says(
    market: SyntheticMarket, find: Find, ask: Ask, facts: dict[str, str], what: str, head: str
) -> None:
    one = find(**facts)
    instant = int(datetime.fromisoformat(head).replace(tzinfo=UTC).timestamp())
    assert market.head(one, what) == instant
    assert ask(one, what, "1 min", 0, instant + 3600).start[0] == instant


def test_a_future_ends_on_its_last_trade_date(find: Find, ask: Ask) -> None:
    days = ask(find(local_symbol="ESH4", expiry="20240315"), "TRADES", "1 day", "2024-03-14", "2024-04-01")
    assert len(days) == 2


def test_adjusted_prices_meet_the_trades_after_the_last_dividend_and_lie_below_before(find: Find, ask: Ask) -> None:
    cola = find(symbol="KO")
    trades, adjusted = (ask(cola, what, "1 day", "2020-01-01", "2024-01-01") for what in ("TRADES", "ADJUSTED_LAST"))
    ratio = adjusted.close / trades.close
    assert ratio[-1] == 1.0
    assert 0.85 < ratio[0] < 0.95
    assert np.array_equal(adjusted.volume, trades.volume)
    assert np.count_nonzero(np.diff(ratio) > 0.004) == 16  # four a year


def test_a_new_dividend_changes_the_adjusted_past(find: Find, ask: Ask) -> None:
    cola = find(symbol="KO")
    seen_early, seen_late = (
        ask(cola, "ADJUSTED_LAST", "1 day", "2020-01-01", end).close[:100] for end in ("2022-01-01", "2023-01-01")
    )
    assert np.all(seen_late < seen_early)


def test_a_stock_without_dividends_needs_no_adjustment(find: Find, ask: Ask) -> None:
    tesla = find(symbol="TSLA")
    trades, adjusted = (ask(tesla, what, "1 day", "2020-01-01", "2021-01-01") for what in ("TRADES", "ADJUSTED_LAST"))
    assert np.array_equal(trades.close, adjusted.close)


def test_a_question_without_an_answer_gets_no_bars(market: SyntheticMarket, find: Find, ask: Ask) -> None:
    apple = find(symbol="AAPL")
    for size in BAR_SIZES:
        assert len(ask(apple, "TRADES", size.text, "2024-01-06", "2024-01-07")) == (1 if size.unit == "month" else 0)
        assert len(ask(apple, "TRADES", size.text, "1985-01-06", "1985-01-07")) == 0
        assert len(ask(apple, "TRADES", size.text, "2024-01-03", "2024-01-03")) in (0, 1)
    assert len(ask(apple, "AGGTRADES", "1 day", "2024-01-06", "2024-02-07")) == 0
    assert len(ask(apple, "SCHEDULE", "1 day", "2024-01-06", "2024-02-07")) == 0
