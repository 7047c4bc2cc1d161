"""Larger bars out of smaller ones are the larger bars IB makes itself: held against the synthetic market's own."""

from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from ingest import feed
from ingest.domain.bar_size import BarSize
from ingest.domain.bars import BAR_SCHEMA
from ingest.domain.instrument import Instrument
from ingest.domain.series import Origin
from ingest.errors import UsageError
from ingest.feed.asking import Answer
from ingest.feed.choosing import Chosen
from ingest.feed.frames import deliver, tidy
from ingest.simulator.market.synthetic.market import SyntheticMarket
from ingest.simulator.market.types import BAR_SIZES, Contract
from tests import given

MARKET = SyntheticMarket(7)
#: Half days, a daylight-saving weekend of both continents, a holiday and a normal week are in here.
SPAN = ("2024-06-24", "2024-07-09")
CLOCKS_CHANGE = ("2024-03-06", "2024-03-13")
THANKSGIVING = ("2023-11-21", "2023-11-28")


def contract(local_symbol: str, sec_type: str) -> Contract:
    return next(
        one
        for one in MARKET.contracts()
        if (one.local_symbol, one.sec_type, one.currency) == (local_symbol, sec_type, "USD")
    )


def instrument_of(one: Contract) -> Instrument:
    facts = ("con_id", "symbol", "sec_type", "exchange", "currency", "primary_exchange", "local_symbol")
    return Instrument(**{fact: getattr(one, fact) for fact in facts}, time_zone_id=one.time_zone_id)


def frame(one: Contract, what: str, size: str, span: tuple[str, str], use_rth: bool, engine: str = "pandas") -> Any:
    """The market's own bars of the sessions dated in `span`, in the shape the feed gives."""
    parsed = BarSize.parse(size)
    sessions = MARKET.sessions(one, *(datetime.fromisoformat(day).date() for day in span), use_rth=use_rth)
    start, end = sessions[0].open, sessions[-1].close
    if parsed.is_daily:  # by date: the evening before would bring in the day before
        start = int(given.at(sessions[0].day.isoformat()).timestamp())
    asked = next(each for each in BAR_SIZES if BarSize.parse(each.text) is parsed)
    bars = MARKET.bars(one, what, asked, start, end, use_rth=use_rth)
    columns = [
        pa.array(bars.start * 1_000_000).cast(BAR_SCHEMA.field("ts").type),
        *(pa.array(getattr(bars, name)) for name in ("open", "high", "low", "close")),
        *(pa.array(column, mask=column < 0) for column in (bars.volume, bars.wap, bars.count)),
    ]
    series = given.series(instrument_of(one), parsed, what=given.series().what.parse(what), use_rth=use_rth)
    answer = Answer(Chosen(series.instrument.label, series, Origin.SYNTHETIC, None), given.window(*span), (), ())
    table = tidy([(series.instrument.label, pa.table(columns, BAR_SCHEMA))], {"series": [answer.series_record()]})
    return deliver(table, engine)


def check(made: pd.DataFrame, own: pd.DataFrame) -> None:
    """Prices and instants to the last bit; sums but for the order in which they were added."""
    exact = ["symbol", "ts", "open", "high", "low", "close", "bar_count"]
    pd.testing.assert_frame_equal(made[exact], own[exact], check_exact=True)
    pd.testing.assert_frame_equal(made, own, rtol=1e-11)
    assert made.attrs == own.attrs


CASES = [
    (contract("AAPL", "STK"), "TRADES", True),
    (contract("AAPL", "STK"), "TRADES", False),
    (contract("AAPL", "STK"), "BID", True),
    (contract("THIN", "STK"), "TRADES", True),
    (contract("ESU4", "FUT"), "TRADES", False),
    (contract("ESU4", "FUT"), "TRADES", True),
    (contract("EUR.USD", "CASH"), "MIDPOINT", True),
    (contract("BTC.USD", "CRYPTO"), "AGGTRADES", True),
    (contract("SPX", "IND"), "TRADES", True),
]


@pytest.mark.parametrize("size", ["5m", "1h", "4h", "1d"])
@pytest.mark.parametrize(
    ("one", "what", "use_rth"), CASES, ids=lambda value: getattr(value, "local_symbol", str(value))
)
def test_minutes_add_up_to_the_larger_bars_ib_makes(one: Contract, what: str, use_rth: bool, size: str) -> None:
    minutes = frame(one, what, "1m", SPAN, use_rth)
    check(feed.resample(minutes, size), frame(one, what, size, SPAN, use_rth))


@pytest.mark.parametrize("span", [CLOCKS_CHANGE, THANKSGIVING])
@pytest.mark.parametrize("symbol", [("AAPL", "STK"), ("ESZ4", "FUT"), ("EUR.USD", "CASH")])
def test_clock_changes_and_half_days_do_not_matter(span: tuple[str, str], symbol: tuple[str, str]) -> None:
    one = contract(*symbol)
    what = "MIDPOINT" if one.sec_type == "CASH" else "TRADES"
    minutes = frame(one, what, "1m", span, use_rth=False)
    for size in ("1h", "1d"):
        check(feed.resample(minutes, size), frame(one, what, size, span, use_rth=False))


def test_steps_lead_to_the_same_place_as_one_leap() -> None:
    minutes = frame(contract("AAPL", "STK"), "TRADES", "1m", SPAN, use_rth=True)
    check(feed.resample(feed.resample(minutes, "15m"), "1h"), feed.resample(minutes, "1h"))


def test_a_new_york_hour_starts_with_the_open_and_ends_with_the_close() -> None:
    hours = feed.resample(frame(contract("AAPL", "STK"), "TRADES", "1m", SPAN, use_rth=True), "1h")
    times = hours["ts"].dt.tz_convert("America/New_York").dt.strftime("%H:%M")
    full_day = hours["ts"].dt.date == datetime(2024, 7, 2).date()  # noqa: DTZ001
    assert times[full_day].tolist() == ["09:30", "10:00", "11:00", "12:00", "13:00", "14:00", "15:00"]


def test_several_series_keep_apart_and_in_order() -> None:
    parts = [frame(contract("AAPL", "STK"), "TRADES", "1m", SPAN, use_rth=True)]
    parts.append(frame(contract("ESU4", "FUT"), "TRADES", "1m", SPAN, use_rth=False))
    both = pd.concat(parts)
    both.attrs = {"missing": [], "series": [record for part in parts for record in part.attrs["series"]]}
    made = feed.resample(both, "1d")
    assert list(made["symbol"].unique()) == ["AAPL", "ESU4"]
    for part in parts:
        own = feed.resample(part, "1d")
        pd.testing.assert_frame_equal(made[made["symbol"] == own["symbol"][0]].reset_index(drop=True), own)


def test_every_engine_gives_and_gets_its_own_kind() -> None:
    asked = (contract("AAPL", "STK"), "TRADES", "1m", SPAN, True)
    pandas, arrow, polars = (frame(*asked, engine) for engine in ("pandas", "arrow", "polars"))
    pandas.attrs["missing"] = [{"symbol": "AAPL", "state": "unknown"}]
    own = feed.resample(pandas, "1h")
    assert own.attrs["missing"] == pandas.attrs["missing"]
    as_arrow, as_polars = feed.resample(arrow, "1h"), feed.resample(polars, "1h", like=pandas)
    assert isinstance(as_arrow, pa.Table) and isinstance(as_polars, pl.DataFrame)
    pd.testing.assert_frame_equal(deliver(as_arrow, "pandas"), own)
    assert as_polars.to_arrow().cast(as_arrow.schema).equals(as_arrow)


def test_a_shuffled_frame_makes_the_same_bars() -> None:
    minutes = frame(contract("AAPL", "STK"), "TRADES", "1m", SPAN, use_rth=True)
    check(feed.resample(minutes.sample(frac=1, random_state=1), "1h"), feed.resample(minutes, "1h"))


def test_a_sum_with_an_unknown_part_is_unknown() -> None:
    minutes = frame(contract("AAPL", "STK"), "TRADES", "1m", SPAN, use_rth=True)
    minutes.loc[3, ["volume", "bar_count"]] = [np.nan, pd.NA]
    minutes.loc[100, "wap"] = np.nan
    made = feed.resample(minutes, "1h")
    assert made["volume"].isna().tolist()[:3] == [True, False, False]
    assert made["bar_count"].isna().tolist()[:3] == [True, False, False]
    assert made["wap"].isna().tolist()[:3] == [True, False, True]


def test_volume_that_is_zero_weighs_nothing() -> None:
    minutes = frame(contract("AAPL", "STK"), "TRADES", "1m", SPAN, use_rth=True)
    minutes.loc[:29, ["volume", "wap"]] = [0.0, np.nan]
    minutes.loc[30, ["volume", "wap"]] = [0.0, np.nan]
    made = feed.resample(minutes, "1h")
    assert made["volume"][0] == 0
    assert np.isnan(made["wap"][0])
    assert made["wap"][1] == pytest.approx(np.average(minutes["wap"][31:90], weights=minutes["volume"][31:90]))


def test_bars_outside_every_session_keep_to_themselves() -> None:
    """All hours, read with the calendar of regular ones: what came before the open is not in the first regular hour."""
    everything = frame(contract("AAPL", "STK"), "TRADES", "1m", SPAN, use_rth=False)
    everything.attrs["series"][0]["use_rth"] = True
    regular = frame(contract("AAPL", "STK"), "TRADES", "1h", SPAN, use_rth=True)
    made = feed.resample(everything, "1h")
    both = made.merge(regular, on="ts", suffixes=("", "_own"))
    assert len(both) == len(regular)
    assert (both["volume"] == both["volume_own"]).all()
    assert made["ts"].is_unique and made["ts"].is_monotonic_increasing
    assert made["volume"].sum() == everything["volume"].sum()


@pytest.mark.parametrize(
    ("change", "size", "says"),
    [
        (lambda frame: frame, "3x", "unknown bar size"),
        (lambda frame: frame, "1w", "1w cannot be put together from bars of 5m"),
        (lambda frame: frame, "1m", "1m cannot be put together from bars of 5m"),
        (lambda frame: frame, "3m", "3m cannot be put together from bars of 5m"),
        (lambda frame: frame.drop(columns="wap"), "1h", "has no wap"),
        (lambda frame: frame.assign(ts="x"), "1h", "does not hold bars"),
        (lambda frame: frame.assign(symbol="MSFT"), "1h", r"which series MSFT is.*like="),
        (lambda frame: frame.to_dict(), "1h", "dict is not a frame of bars"),
    ],
)
def test_what_cannot_be_put_together_says_why(change: Any, size: str, says: str) -> None:
    bars = frame(contract("AAPL", "STK"), "TRADES", "5m", SPAN, use_rth=True)
    with pytest.raises(UsageError, match=says):
        feed.resample(change(bars), size)


def test_averages_over_time_are_not_put_together() -> None:
    with pytest.raises(UsageError, match=r"BID_ASK hold averages.*Ask for 1h bars themselves"):
        feed.resample(frame(contract("EUR.USD", "CASH"), "BID_ASK", "1m", SPAN, use_rth=True), "1h")


def test_nothing_becomes_nothing() -> None:
    bars = frame(contract("AAPL", "STK"), "TRADES", "1m", SPAN, use_rth=True)
    empty = feed.resample(bars.iloc[:0], "1h")
    assert len(empty) == 0
    assert empty.dtypes.to_dict() == bars.dtypes.to_dict()
