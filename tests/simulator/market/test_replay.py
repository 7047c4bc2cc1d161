"""A recorded market says what the file says."""

import tempfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.simulator.market import open_market
from ingest.simulator.market.replay.market import ReplayMarket
from ingest.simulator.market.types import BAR_SIZES, Bars, Contract

SIZES = {size.text: size for size in BAR_SIZES}
EVER = (-(2**33), 2**33)

Write = Callable[..., Path]


def epoch(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def frame(times: list[str], **columns: object) -> pd.DataFrame:
    """Bars of XYZ at these UTC times; open 10, 11, 12, … unless told otherwise."""
    first = 10.0 + np.arange(len(times))
    usual = {
        "symbol": "XYZ",
        "ts": pd.to_datetime(times, utc=True),
        "open": first,
        "high": first + 0.7,
        "low": first - 0.3,
        "close": first + 0.1,
        "volume": 100.0 * (1 + np.arange(len(times))),
    }
    return pd.DataFrame({**usual, **columns})


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(bars: pd.DataFrame, name: str = "bars.parquet") -> Path:
        place = tmp_path / name
        if place.suffix == ".csv":
            bars.to_csv(place, index=False)
        else:
            bars.to_parquet(place, index=False)
        return place

    return written


def only(place: Path) -> tuple[ReplayMarket, Contract]:
    market = ReplayMarket(place)
    (contract,) = market.contracts()
    return market, contract


def ask(
    place: Path, size: str, what: str = "TRADES", start: int = EVER[0], end: int = EVER[1], *, use_rth: bool = True
) -> Bars:
    market, contract = only(place)
    return market.bars(contract, what, SIZES[size], start, end, use_rth=use_rth)


def times(bars: Bars) -> list[str]:
    return [f"{datetime.fromtimestamp(start, UTC):%m-%d %H:%M}" for start in bars.start.tolist()]


MINUTES = [f"2024-01-0{day} {clock}" for day in (2, 3) for clock in ("14:30", "14:31", "14:59", "15:00", "20:59")]


@given(
    st.lists(st.tuples(*[st.floats(1e-3, 1e6)] * 4, st.floats(0, 1e12)), min_size=1, max_size=300),
    st.sampled_from(["bars.parquet", "bars.csv"]),
)
@settings(deadline=None, max_examples=25)
def test_a_daily_file_is_replayed_to_the_last_bit_even_where_it_makes_no_sense(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[float, ...]], name: str
) -> None:
    days = pd.bdate_range("2001-03-05", periods=len(rows)).strftime("%Y-%m-%d").tolist()
    numbers = np.array(rows)
    place = tmp_path_factory.mktemp("replay") / name
    columns = dict(zip(("open", "high", "low", "close", "volume"), numbers.T, strict=True))
    bars = frame(days, bar="1d", what="TRADES", **columns)
    (bars.to_csv if name.endswith("csv") else bars.to_parquet)(place, index=False)
    told = ask(place, "1 day")
    assert told.start.tolist() == [epoch(day) for day in days]
    for column, values in columns.items():
        assert np.array_equal(getattr(told, column), values)
    assert set(told.wap) == set(told.count) == {-1}


def test_rows_may_stand_in_any_order_and_in_several_files(tmp_path: Path, write: Write) -> None:
    days = ["2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05"]
    bars = frame(days)
    write(bars.iloc[[3, 0]], "one.parquet")
    write(bars.iloc[[2, 1]], "two.csv")
    (tmp_path / "notes.txt").write_text("not bars")
    assert ask(tmp_path, "1 day").open.tolist() == [10.0, 11.0, 12.0, 13.0]


@pytest.mark.parametrize("name", ["bars.parquet", "bars.csv"])
@pytest.mark.parametrize(
    "spell",
    [
        lambda ts: ts.dt.date,
        lambda ts: ts.dt.tz_localize(None),
        lambda ts: ts.dt.tz_convert("America/New_York"),
        lambda ts: ts.dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        lambda ts: ts.dt.strftime("%Y-%m-%d"),
        lambda ts: ts.astype("datetime64[s, UTC]").astype("int64"),
    ],
)
def test_times_may_be_written_in_any_common_way(
    write: Write, name: str, spell: Callable[[pd.Series], pd.Series]
) -> None:
    bars = frame(["2024-01-02", "2024-07-03"])
    told = ask(write(bars.assign(ts=spell(bars["ts"])), name), "1 day")
    assert times(told) == ["01-02 00:00", "07-03 00:00"]


def test_sizes_finer_than_the_recorded_one_have_a_series_but_no_bars(write: Write) -> None:
    place = write(frame(["2024-01-02", "2024-01-03"]))
    market, contract = only(place)
    assert market.has_series(contract, "TRADES")
    assert not market.has_series(contract, "MIDPOINT")
    for size in BAR_SIZES:
        assert len(ask(place, size.text)) == {"day": 2, "week": 1, "month": 1}.get(size.unit, 0)


def test_days_add_up_to_weeks_and_months(write: Write) -> None:
    place = write(frame(["2024-01-25", "2024-01-26", "2024-01-29", "2024-01-31", "2024-02-01"]))
    weeks, months = ask(place, "1W"), ask(place, "1M")
    assert times(weeks) == ["01-26 00:00", "02-02 00:00"]
    assert times(months) == ["01-31 00:00", "02-29 00:00"]
    assert (weeks.open[1], weeks.high[1], weeks.low[1], weeks.close[1]) == (12.0, 14.7, 11.7, 14.1)
    assert months.volume.tolist() == [1000.0, 500.0]


def test_minutes_add_up_to_coarser_sizes_and_days(write: Write) -> None:
    place = write(frame(MINUTES, bar="1 min", wap=np.arange(10) + 10.2, count=7))
    assert times(ask(place, "1 min")) == [text[5:] for text in MINUTES]
    hours = ask(place, "1 hour")
    assert times(hours)[:3] == ["01-02 14:30", "01-02 15:00", "01-02 20:00"]
    assert (hours.open[0], hours.high[0], hours.low[0], hours.close[0]) == (10.0, 12.7, 9.7, 12.1)
    assert (hours.volume[0], hours.count[0]) == (600.0, 21)
    assert hours.wap[0] == pytest.approx((100 * 10.2 + 200 * 11.2 + 300 * 12.2) / 600)
    days = ask(place, "1 day")
    assert times(days) == ["01-02 00:00", "01-03 00:00"]
    assert (days.open[1], days.close[1], days.volume[1]) == (15.0, 19.1, 4000.0)
    assert len(ask(place, "30 secs")) == 0


def test_a_recorded_day_is_preferred_to_the_sum_of_recorded_minutes(write: Write) -> None:
    minutes, days = frame(MINUTES, bar="1 min"), frame(["2024-01-02"], bar="1 day", close=99.0)
    place = write(pd.concat([minutes, days], ignore_index=True))
    assert ask(place, "1 day").close.tolist() == [99.0]
    assert len(ask(place, "1 hour")) == 6


def test_bars_outside_regular_hours_are_told_only_when_asked_for(write: Write) -> None:
    place = write(frame(["2024-01-02 13:00", "2024-01-02 15:00", "2024-01-02 22:00"], bar="1 hour"))
    assert len(ask(place, "1 hour", use_rth=True)) == 1
    assert len(ask(place, "1 hour", use_rth=False)) == 3
    assert ask(place, "1 day", use_rth=True).volume.tolist() == [200.0]
    assert ask(place, "1 day", use_rth=False).volume.tolist() == [600.0]


def test_a_forming_bar_tells_its_opening_and_nothing_else(write: Write) -> None:
    place = write(frame(["2024-01-02", "2024-01-03"], average=[10.1, 11.1], bar_count=5))
    before = ask(place, "1 day", end=epoch("2024-01-03 14:30"))
    forming = ask(place, "1 day", end=epoch("2024-01-03 15:00"))
    closed = ask(place, "1 day", end=epoch("2024-01-03 21:00"))
    assert before.open.tolist() == [10.0]
    assert (forming.open[1], forming.high[1], forming.low[1], forming.close[1]) == (11.0, 11.0, 11.0, 11.0)
    assert (forming.volume[1], forming.wap[1], forming.count[1]) == (0.0, 11.0, 0)
    assert (closed.high[1], closed.close[1], closed.volume[1], closed.wap[1]) == (11.7, 11.1, 200.0, 11.1)


def test_a_question_takes_the_bars_that_overlap_it(write: Write) -> None:
    place = write(frame(MINUTES, bar="1 min"))
    middle = ask(place, "1 min", start=epoch("2024-01-02 14:31:30"), end=epoch("2024-01-02 15:00"))
    assert times(middle) == ["01-02 14:31", "01-02 14:59"]
    assert times(ask(place, "1 min", start=epoch("2024-01-02 14:32"), end=epoch("2024-01-02 15:00"))) == ["01-02 14:59"]
    hour = ask(place, "1 hour", start=epoch("2024-01-02 14:45"), end=epoch("2024-01-02 14:59:30"))
    assert times(hour) == ["01-02 14:30"]
    assert hour.close.tolist() == [12.0]  # of 14:59 only the opening is known
    days = ask(place, "1 day", start=epoch("2024-01-03 18:00"))
    assert times(days) == ["01-03 00:00"]


@settings(deadline=None, max_examples=40)
@given(st.data(), st.sampled_from(["1 min", "5 mins", "1 hour", "1 day"]), st.booleans())
def test_a_smaller_question_is_a_slice_of_the_whole(data: st.DataObject, size: str, use_rth: bool) -> None:
    market, contract = RECORDED
    first, last = epoch("2024-01-02"), epoch("2024-01-06")
    start = data.draw(st.integers(first, last))
    end = data.draw(st.integers(start, last))
    whole = market.bars(contract, "TRADES", SIZES[size], *EVER, use_rth=use_rth)
    part = market.bars(contract, "TRADES", SIZES[size], start, end, use_rth=use_rth)
    places = np.searchsorted(whole.start, part.start)
    assert np.array_equal(whole.start[places], part.start)
    assert np.array_equal(np.diff(places), np.ones(max(len(places) - 1, 0)))
    for name in Bars.__slots__:
        assert np.array_equal(getattr(whole, name)[places[:-1]], getattr(part, name)[:-1])


def _recorded() -> tuple[ReplayMarket, Contract]:
    minutes = pd.date_range("2024-01-02 10:00", "2024-01-05 23:00", freq="3min").strftime("%Y-%m-%d %H:%M").tolist()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "bars.parquet"
        frame(minutes, bar="1 min").to_parquet(place)
        return only(place)


RECORDED = _recorded()


def test_a_bar_on_a_day_without_a_session_makes_one(write: Write) -> None:
    market, contract = only(
        write(frame(["2012-10-26", "2012-10-29", "1962-07-04"]))
    )  # the hurricane; a holiday long ago
    (stormy,) = market.sessions(contract, date(2012, 10, 29), date(2012, 10, 29), use_rth=True)
    assert (stormy.open, stormy.close) == (epoch("2012-10-29 13:30"), epoch("2012-10-29 20:00"))
    assert market.sessions(contract, date(2012, 10, 30), date(2012, 10, 30), use_rth=True) == ()
    assert market.head(contract, "TRADES") == epoch("1962-07-04 13:30")
    bars = market.bars(contract, "TRADES", SIZES["1 day"], *EVER, use_rth=True)
    assert len(bars) == 3


def test_no_recorded_minute_is_lost_between_sessions(write: Write) -> None:
    odd = ["2024-01-02 02:00", "2024-01-06 15:00", "2024-01-06 15:01", "2024-01-08 08:59", "2024-01-09 01:00"]
    place = write(frame(odd, bar="1 min"))
    assert times(ask(place, "1 min", use_rth=False)) == [text[5:] for text in odd]
    assert ask(place, "1 hour", use_rth=False).volume.sum() == ask(place, "1 min", use_rth=False).volume.sum()
    days = ask(place, "1 day", use_rth=False)
    assert times(days) == ["01-01 00:00", "01-06 00:00", "01-08 00:00"]
    assert days.volume.tolist() == [100.0, 500.0, 900.0]
    market, contract = only(place)
    sessions = market.sessions(contract, date(2024, 1, 1), date(2024, 1, 9), use_rth=False)
    assert all(any(one.open <= epoch(text) < one.close for one in sessions) for text in odd)


def test_a_minute_from_before_any_calendar_is_told_too(write: Write) -> None:
    place = write(frame(["1985-07-01 14:00", "2024-01-02 15:00"], bar="1 min"))
    assert times(ask(place, "1 day")) == ["07-01 00:00", "01-02 00:00"]


def test_a_stretched_session_ends_where_the_next_begins(write: Write) -> None:
    market, contract = only(write(frame(["2024-01-03 22:30", "2024-01-04 00:30"], sec_type="FUT", bar="1 hour")))
    before, after = market.sessions(contract, date(2024, 1, 3), date(2024, 1, 4), use_rth=False)
    assert before.close == after.open == epoch("2024-01-03 23:00")


def test_a_bar_is_over_when_the_next_one_starts(write: Write) -> None:
    place = write(frame(["2024-01-02 14:30", "2024-01-02 15:00"], bar="1 hour"))
    assert ask(place, "1 hour", end=epoch("2024-01-02 15:00")).volume.tolist() == [100.0]
    assert ask(place, "1 hour", end=epoch("2024-01-02 14:59")).volume.tolist() == [0.0]


def test_a_symbol_of_digits_is_text(write: Write) -> None:
    assert [only(write(frame(["2024-01-02"], symbol=name), "bars.csv"))[1].symbol for name in ("0700", "TRUE")] == [
        "0700", "TRUE",
    ]  # fmt: skip


def test_a_coin_trades_around_the_clock_and_a_currency_pair_has_midpoints(tmp_path: Path, write: Write) -> None:
    hours = ["2024-01-06 03:00", "2024-01-06 04:00"]
    write(frame(hours, symbol="BTC", sec_type="CRYPTO", bar="1h"), "coin.parquet")
    write(
        frame(["2024-01-07 23:00", "2024-01-08 03:00"], symbol="EUR.USD", sec_type="CASH", bar="1h", volume=np.nan),
        "pair.csv",
    )
    market = ReplayMarket(tmp_path)
    coin, pair = market.contracts()
    assert (coin.exchange, coin.time_zone_id) == ("PAXOS", "UTC")
    assert (pair.symbol, pair.currency, pair.local_symbol, pair.exchange) == ("EUR", "USD", "EUR.USD", "IDEALPRO")
    assert len(market.bars(coin, "AGGTRADES", SIZES["1 day"], *EVER, use_rth=True)) == 1
    day = market.bars(pair, "MIDPOINT", SIZES["1 day"], *EVER, use_rth=True)
    assert (times(day), day.volume.tolist(), day.wap.tolist()) == (["01-08 00:00"], [-1.0], [-1.0])
    assert day.count.tolist() == [-1]
    assert not market.has_series(coin, "TRADES")


def test_con_ids_follow_the_symbols(write: Write) -> None:
    bars = pd.concat([frame(["2024-01-02"], symbol=symbol) for symbol in ("ZZ", "AA", "NA", "TRUE")])
    for name in ("bars.csv", "bars.parquet"):
        contracts = ReplayMarket(write(bars, name)).contracts()
        assert [(one.symbol, one.con_id) for one in contracts] == [
            ("AA", 950_000_001), ("NA", 950_000_002), ("TRUE", 950_000_003), ("ZZ", 950_000_004),
        ]  # fmt: skip


def test_one_symbol_on_two_exchanges_is_two_contracts(write: Write) -> None:
    american = frame(["2024-05-20"], exchange="NYSE", currency="USD")
    canadian = frame(["2024-05-21"], exchange="TSE", currency="CAD", timezone="America/Toronto")
    market = ReplayMarket(write(pd.concat([american, canadian])))
    toronto, new_york = market.contracts()
    assert (new_york.primary_exchange, new_york.exchange, new_york.valid_exchanges) == ("NYSE", "SMART", "SMART,NYSE")
    assert (toronto.currency, toronto.time_zone_id) == ("CAD", "America/Toronto")
    assert market.sessions(toronto, date(2024, 5, 20), date(2024, 5, 20), use_rth=True) == ()  # Victoria Day
    assert len(market.sessions(new_york, date(2024, 5, 20), date(2024, 5, 20), use_rth=True)) == 1


@pytest.mark.parametrize("spelling", ["1 min", "1m", ""])
def test_a_bar_size_may_be_spelt_short_or_be_seen_from_the_times(write: Write, spelling: str) -> None:
    assert len(ask(write(frame(MINUTES, bar=spelling)), "1 min")) == 10


@pytest.mark.parametrize(
    ("column", "break_it", "says"),
    [
        ("close", lambda bars: bars.drop(columns="close"), "missing"),
        ("ts", lambda bars: bars.drop(columns="ts"), "missing"),
        ("volume", lambda bars: bars.drop(columns="volume"), "missing"),
        ("high", lambda bars: bars.assign(high="much"), "not a number"),
        ("low", lambda bars: bars.assign(low=[1.0, np.nan]), "row 1"),
        ("ts", lambda bars: bars.assign(ts="soon"), "not a time"),
        ("ts", lambda bars: bars.assign(ts=pd.to_datetime(["2024-01-02", "2024-01-02"], utc=True)), "two 1 day bars"),
        ("ts", lambda bars: bars.assign(ts=[pd.Timestamp("2024-01-02", tz="UTC"), pd.NaT]), "row 1"),
        ("ts", lambda bars: bars.assign(ts=bars["ts"] + pd.Timedelta("5h"), bar="1 day"), "00:00 UTC"),
        ("ts", lambda bars: bars.assign(ts=bars["ts"] + pd.Timedelta("5ms"), bar="1 min"), "whole seconds"),
        ("bar", lambda bars: bars.assign(bar="7 mins"), "none of"),
        ("bar", lambda bars: bars.assign(ts=bars["ts"] + pd.Timedelta("7min")), "do not show"),
        ("symbol", lambda bars: bars.assign(symbol=["XYZ", ""]), "empty"),
        ("sec_type", lambda bars: bars.assign(sec_type="STOCK"), "none of"),
        ("timezone", lambda bars: bars.assign(timezone="America/Atlantis"), "Atlantis"),
    ],
)
@pytest.mark.parametrize("name", ["bars.parquet", "bars.csv"])
def test_a_malformed_file_is_refused_by_name_and_column(
    write: Write, name: str, column: str, break_it: Callable[[pd.DataFrame], pd.DataFrame], says: str
) -> None:
    place = write(break_it(frame(["2024-01-02", "2024-01-03"])), name)
    with pytest.raises(ValueError, match=says) as refusal:
        ReplayMarket(place)
    assert str(refusal.value).startswith(f"{place}: column {column!r}: ")


def test_a_file_that_is_no_table_is_refused_by_name(tmp_path: Path) -> None:
    place = tmp_path / "bars.parquet"
    place.write_bytes(b"hello")
    with pytest.raises(ValueError, match=r"bars\.parquet: cannot be read"):
        ReplayMarket(place)


def test_a_file_without_bars_is_a_market_without_contracts(write: Write) -> None:
    for name in ("bars.parquet", "bars.csv"):
        assert ReplayMarket(write(frame([]), name)).contracts() == ()


def test_a_market_is_opened_by_name_or_path(tmp_path: Path, write: Write) -> None:
    assert open_market("synthetic", 3).contracts()[0].symbol == "AAPL"
    assert open_market(str(write(frame(["2024-01-02"]))), 3).contracts()[0].symbol == "XYZ"
    with pytest.raises(FileNotFoundError, match="nowhere"):
        open_market(str(tmp_path / "nowhere"), 3)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="empty"):
        open_market(str(tmp_path / "empty"), 3)
