"""Bars of different sizes, ranges and hours are views of one truth. The sums here are plain loops, on purpose."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.simulator.market.synthetic.market import SyntheticMarket
from ingest.simulator.market.types import BAR_SIZES, Bars, BarSize, Contract

MINUTE = next(size for size in BAR_SIZES if size.text == "1 min")
SECOND = BAR_SIZES[0]
INTRADAY = [size for size in BAR_SIZES if size.seconds > 60]
SUB_MINUTE = [size for size in BAR_SIZES if 1 < size.seconds <= 60]
LONG = [size for size in BAR_SIZES if size.unit != "seconds"]

Same = Callable[[Bars, Bars], bool]
#: Open, high, low, close, volume, turnover, count.
Row = tuple[float, float, float, float, float, float, int]

MARKET = SyntheticMarket(7)


def contract(local_symbol: str, sec_type: str, currency: str = "USD") -> Contract:
    (found,) = [
        one
        for one in MARKET.contracts()
        if (one.local_symbol, one.sec_type, one.currency) == (local_symbol, sec_type, currency)
        and one.expiry in ("", "20241220")
    ]
    return found


SERIES = st.sampled_from(
    [
        (contract("AAPL", "STK"), "TRADES"),
        (contract("AAPL", "STK"), "BID"),
        (contract("THIN", "STK"), "TRADES"),
        (contract("SHOP", "STK", "CAD"), "MIDPOINT"),
        (contract("ESZ4", "FUT"), "TRADES"),
        (contract("ES", "CONTFUT"), "TRADES"),
        (contract("EUR.USD", "CASH"), "MIDPOINT"),
        (contract("SPX", "IND"), "TRADES"),
        (contract("BTC.USD", "CRYPTO"), "AGGTRADES"),
        (contract("SPY", "STK"), "OPTION_IMPLIED_VOLATILITY"),
    ]
)
#: Instants of 2023 and 2024, to the second. The future is listed by the first and expires near the last.
INSTANTS = st.integers(1_673_000_000, 1_735_000_000)


def grouped(bars: Bars, label: Callable[[int], int]) -> dict[int, Row]:
    """Plain aggregation under the label of each bar's start."""
    rows: dict[int, Row] = {}
    for start, first, high, low, last, volume, wap, count in zip(
        *(column.tolist() for column in _columns(bars)), strict=True
    ):
        key = label(start)
        if key not in rows:
            rows[key] = (first, high, low, last, volume, wap * abs(volume), count)
            continue
        one = rows[key]
        sums = (one[4] + volume, one[5] + wap * volume, one[6] + count) if volume >= 0 else one[4:]
        rows[key] = (one[0], max(one[1], high), min(one[2], low), last, *sums)
    return rows


def _columns(bars: Bars) -> tuple[np.ndarray, ...]:
    return tuple(getattr(bars, name) for name in Bars.__slots__)


def told(bars: Bars) -> dict[int, Row]:
    """The bars in the same shape."""
    return grouped(bars, lambda start: start)


def agrees(coarse: Bars, fine: dict[int, Row]) -> None:
    rows = told(coarse)
    assert len(rows) == len(coarse)
    assert rows.keys() == fine.keys()
    for start, row in rows.items():
        assert row[:4] == fine[start][:4]
        assert row[4:] == pytest.approx(fine[start][4:], rel=1e-12)  # a coin's fractions do not add up exactly


def sessions_of(one: Contract, start: int, end: int, use_rth: bool) -> list[tuple[date, int, int]]:
    first, last = (datetime.fromtimestamp(at, UTC).date() for at in (start, end))
    found = MARKET.sessions(one, first - timedelta(days=40), last + timedelta(days=40), use_rth=use_rth)
    return [(session.day, session.open, session.close) for session in found]


@settings(deadline=None, max_examples=60)
@given(SERIES, st.sampled_from(INTRADAY), INSTANTS, st.integers(0, 8 * 86_400), st.booleans())
def test_every_intraday_size_is_the_sum_of_its_minutes(
    series: tuple[Contract, str], size: BarSize, start: int, length: int, use_rth: bool
) -> None:
    one, what = series
    end = start + length
    sessions = sessions_of(one, start, end, use_rth)

    def label(minute: int) -> int:
        (opened,) = [opens for _, opens, closes in sessions if opens <= minute < closes]
        return max(opened, minute // size.seconds * size.seconds)

    coarse = MARKET.bars(one, what, size, start, end, use_rth=use_rth)
    minutes = MARKET.bars(one, what, MINUTE, start - size.seconds, end, use_rth=use_rth)
    fine = grouped(minutes, label)
    agrees(coarse, {key: row for key, row in fine.items() if _overlaps(key, size, sessions, start)})


def _overlaps(bar: int, size: BarSize, sessions: list[tuple[date, int, int]], start: int) -> bool:
    (closes,) = [closes for _, opens, closes in sessions if opens <= bar < closes]
    return min(bar // size.seconds * size.seconds + size.seconds, closes) > start


@settings(deadline=None, max_examples=40)
@given(SERIES, st.sampled_from(LONG), INSTANTS, st.integers(0, 40 * 86_400), st.booleans())
def test_a_day_a_week_and_a_month_are_the_sum_of_the_minutes_of_their_sessions(
    series: tuple[Contract, str], size: BarSize, start: int, length: int, use_rth: bool
) -> None:
    one, what = series
    end = start + length
    sessions = sessions_of(one, start, end, use_rth)
    midnights = {day: _midnight(_named(day, size, sessions)) for day, _, _ in sessions}

    def label(minute: int) -> int:
        (day,) = [day for day, opens, closes in sessions if opens <= minute < closes]
        return midnights[day]

    coarse = MARKET.bars(one, what, size, start, end, use_rth=use_rth)
    minutes = MARKET.bars(one, what, MINUTE, start - 35 * 86_400, end, use_rth=use_rth)
    fine = grouped(minutes, label)
    agrees(coarse, {key: row for key, row in fine.items() if key // 86_400 >= start // 86_400})


def _midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def _named(day: date, size: BarSize, sessions: list[tuple[date, int, int]]) -> date:
    """The date on the bar: the day, the Friday of its week, the last session of its month."""
    if size.unit == "week":
        return next(later for n in range(7) if (later := day + timedelta(days=n)).weekday() == 4)
    if size.unit == "month":
        return max(other for other, _, _ in sessions if (other.year, other.month) == (day.year, day.month))
    return day


@settings(deadline=None, max_examples=60)
@given(SERIES, st.sampled_from(SUB_MINUTE), INSTANTS, st.integers(0, 2000), st.booleans())
def test_every_small_size_is_the_sum_of_its_seconds(
    series: tuple[Contract, str], size: BarSize, start: int, length: int, use_rth: bool
) -> None:
    one, what = series
    start = start // size.seconds * size.seconds
    coarse = MARKET.bars(one, what, size, start, start + length, use_rth=use_rth)
    seconds = MARKET.bars(one, what, SECOND, start, start + length, use_rth=use_rth)
    agrees(coarse, grouped(seconds, lambda second: second // size.seconds * size.seconds))


@settings(deadline=None, max_examples=60)
@given(SERIES, st.sampled_from(BAR_SIZES), INSTANTS, st.data(), st.booleans())
def test_a_smaller_question_is_a_slice_of_the_larger_answer(
    same: Same, series: tuple[Contract, str], size: BarSize, start: int, data: st.DataObject, use_rth: bool
) -> None:
    one, what = series
    length = _span(size)
    end = start + length
    low = data.draw(st.integers(start, end))
    high = data.draw(st.integers(low, end))
    large = MARKET.bars(one, what, size, start, end, use_rth=use_rth)
    small = MARKET.bars(one, what, size, low, high, use_rth=use_rth)
    places = np.searchsorted(large.start, small.start)
    assert same(_rows(small, slice(0, -1)), _rows(large, places[:-1]))
    assert np.array_equal(large.start[places], small.start)
    assert np.array_equal(np.diff(places), np.ones(max(len(places) - 1, 0)))
    if size.unit == "seconds":  # the bar that holds `high` may have had nothing in it yet, every other one is there
        inside = large.start[(large.start >= low) & (large.start + size.seconds <= high)]
        assert set(inside.tolist()) <= set(small.start.tolist())


def _span(size: BarSize) -> int:
    """A length in which there are bars enough but not too many."""
    if size.unit != "seconds":
        return 60 * 86_400
    return 4_000 if size.seconds < 60 else 4 * 86_400


def _rows(bars: Bars, chosen: slice | np.ndarray) -> Bars:
    return Bars(*(getattr(bars, name)[chosen] for name in Bars.__slots__))


@settings(deadline=None, max_examples=40)
@given(SERIES, st.sampled_from(BAR_SIZES), INSTANTS, st.booleans())
def test_the_bar_that_holds_the_end_knows_nothing_of_what_came_after(
    series: tuple[Contract, str], size: BarSize, end: int, use_rth: bool
) -> None:
    one, what = series
    back = _span(size)
    whole = MARKET.bars(one, what, size, end - back, end + back, use_rth=use_rth)
    cut = MARKET.bars(one, what, size, end - back, end, use_rth=use_rth)
    seconds = MARKET.bars(one, what, SECOND, end - 7_200, end, use_rth=use_rth)
    assert len(cut) == 0 or len(whole) >= len(cut)
    if len(seconds) and seconds.start[-1] >= end - 60:
        assert cut.close[-1] == seconds.close[-1]
    for row in range(max(len(cut) - 1, 0), len(cut)):
        place = int(np.searchsorted(whole.start, cut.start[row]))
        assert cut.open[row] == whole.open[place]
        assert cut.high[row] <= whole.high[place]
        assert cut.low[row] >= whole.low[place]
        assert cut.volume[row] <= whole.volume[place]


def test_a_minute_cut_in_the_middle_holds_exactly_its_first_seconds() -> None:
    apple = contract("AAPL", "STK")
    opened = 1_704_205_800  # 2024-01-02 14:30Z
    for elapsed in range(1, 61):
        cut = MARKET.bars(apple, "TRADES", MINUTE, opened, opened + elapsed, use_rth=True)
        seconds = MARKET.bars(apple, "TRADES", SECOND, opened, opened + elapsed, use_rth=True)
        agrees(cut, grouped(seconds, lambda second: second // 60 * 60))


def test_seconds_can_be_asked_for_from_the_middle_of_a_minute(same: Same) -> None:
    apple = contract("AAPL", "STK")
    opened = 1_704_205_800
    minute, rest = (
        MARKET.bars(apple, "BID", SECOND, opened + elapsed, opened + 60, use_rth=True) for elapsed in (0, 25)
    )
    assert (len(minute), len(rest)) == (60, 35)
    assert same(rest, _rows(minute, slice(25, None)))


@settings(deadline=None, max_examples=30)
@given(INSTANTS, st.sampled_from(INTRADAY + LONG))
def test_bid_ask_is_made_of_average_and_extreme_quotes(start: int, size: BarSize) -> None:
    euro = contract("EUR.USD", "CASH")
    end = start // 60 * 60 + 3 * 86_400
    both, bid, ask = (MARKET.bars(euro, what, size, start, end, use_rth=True) for what in ("BID_ASK", "BID", "ASK"))
    assert np.array_equal(both.high, ask.high)
    assert np.array_equal(both.low, bid.low)
    assert np.all((both.open > bid.low) & (both.open < bid.high))
    assert np.all((both.close > ask.low) & (both.close < ask.high))
    if size.unit != "seconds":
        return
    minutes = MARKET.bars(euro, "BID_ASK", MINUTE, start, end, use_rth=True)
    for row in range(1, len(both) - 1):
        inside = (minutes.start >= both.start[row]) & (minutes.start < both.start[row + 1])
        assert both.open[row] == pytest.approx(minutes.open[inside].mean(), abs=1e-9)
        assert both.close[row] == pytest.approx(minutes.close[inside].mean(), abs=1e-9)


def test_wap_is_the_price_of_all_shares_together() -> None:
    apple = contract("AAPL", "STK")
    start, end = 1_704_067_200, 1_706_745_600
    (month,) = [size for size in BAR_SIZES if size.unit == "month"]
    minutes = MARKET.bars(apple, "TRADES", MINUTE, start, end, use_rth=True)
    bar = MARKET.bars(apple, "TRADES", month, start, end, use_rth=True)
    assert len(bar) == 1
    assert bar.wap[0] == pytest.approx((minutes.wap * minutes.volume).sum() / minutes.volume.sum(), rel=1e-12)
