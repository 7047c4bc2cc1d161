"""What a name means to a reader: labels, symbols, numbers, former names, and what wins when several bear it."""

from dataclasses import replace

import pytest
from sqlalchemy import Engine

from ingest import feed
from ingest.domain.bar_size import BarSize
from ingest.domain.instrument import Instrument
from ingest.domain.series import Origin
from ingest.errors import AmbiguousInstrument, UnknownInstrument, UsageError
from ingest.store import instruments
from tests import given
from tests.export import stock
from tests.store import settled

MEXICAN = Instrument(38708077, "AAPL", "STK", "MEXI", "MXN", local_symbol="AAPL")
OPTION = Instrument(
    700, "AAPL", "OPT", "SMART", "USD", local_symbol="AAPL  240119C00190000", expiry="20240119", strike=190, right="C"
)
DAY = ("1m", "2024-01-02T14:30", "2024-01-02T15:00")


def held(engine: Engine, instrument: Instrument, price: float, origin: Origin = Origin.LIVE) -> None:
    stock.hold(engine, given.series(instrument), settled.bars("2024-01-02 14:30", 390, price=price), origin=origin)


def price(engine: Engine, name: str, **options: object) -> float:
    frame = feed.bars(name, *DAY, source=engine, **options)  # type: ignore[call-overload]
    return float(frame["close"].iloc[0])


@pytest.mark.parametrize("name", ["AAPL", "aapl", " AAPL ", "con_id:265598"])
def test_label_and_number_find_an_instrument_in_any_case(engine: Engine, name: str) -> None:
    held(engine, given.AAPL, 100)
    held(engine, stock.MSFT, 300)
    assert price(engine, name) == 100


def test_a_future_is_found_by_its_label(engine: Engine) -> None:
    held(engine, given.ES, 5000)
    assert price(engine, "ESZ4") == 5000
    assert price(engine, "es") == 5000


def test_a_label_wins_over_the_symbol_of_an_option(engine: Engine) -> None:
    held(engine, OPTION, 5)
    assert price(engine, "AAPL") == 5
    held(engine, given.AAPL, 100)
    assert price(engine, "AAPL") == 100
    assert price(engine, "aapl 240119C00190000") == 5


def test_real_bars_win_over_simulated_ones_unless_they_are_asked_for(engine: Engine) -> None:
    held(engine, given.AAPL, 7, origin=Origin.SYNTHETIC)
    assert price(engine, "AAPL") == 7
    held(engine, given.AAPL, 100)
    assert price(engine, "AAPL") == 100
    assert price(engine, "AAPL", origin="synthetic") == 7
    assert price(engine, "con_id:265598") == 100


def test_simulated_bars_never_stand_in_for_real_ones_of_another_size(engine: Engine) -> None:
    held(engine, given.AAPL, 7, origin=Origin.SYNTHETIC)
    stock.hold(engine, given.series(bar_size=BarSize.DAY_1), settled.bars("2024-01-02", 1))
    with pytest.warns(feed.IncompleteWarning, match=r"AAPL 1m TRADES lacks"):
        assert len(feed.bars("AAPL", *DAY, source=engine)) == 0


def test_two_real_ones_of_a_name_are_listed_and_told_apart_by_number(engine: Engine) -> None:
    held(engine, given.AAPL, 100)
    held(engine, MEXICAN, 1700)
    with pytest.raises(AmbiguousInstrument, match=r"AAPL STK MEXI MXN con_id:38708077; AAPL STK SMART USD con_id:265"):
        price(engine, "AAPL")
    assert price(engine, "con_id:38708077") == 1700
    both = feed.bars(["con_id:38708077", "con_id:265598"], *DAY, source=engine)
    assert both.groupby("symbol")["close"].min().to_dict() == {"con_id:265598": 100, "con_id:38708077": 1700}


def test_of_two_the_only_one_held_in_this_form_is_meant(engine: Engine) -> None:
    held(engine, given.AAPL, 100)
    stock.hold(engine, given.series(MEXICAN, BarSize.DAY_1), settled.bars("2024-01-02", 1))
    assert price(engine, "AAPL") == 100


def test_a_former_name_finds_its_instrument_while_nobody_else_bears_it(engine: Engine) -> None:
    facebook = Instrument(107113386, "FB", "STK", "SMART", "USD", primary_exchange="NASDAQ")
    held(engine, facebook, 300)
    with engine.begin() as connection:
        instruments.save(connection, replace(facebook, symbol="META"), Origin.LIVE)
    frame = feed.bars("FB", *DAY, source=engine)
    assert set(frame["symbol"]) == {"META"}
    held(engine, replace(facebook, con_id=999, symbol="FB"), 20)
    assert price(engine, "FB") == 20
    assert price(engine, "META") == 300


def test_an_unknown_name_says_where_to_look(engine: Engine) -> None:
    held(engine, given.AAPL, 7, origin=Origin.SYNTHETIC)
    with pytest.raises(UnknownInstrument, match=r"nothing is called 'MSFT'.*feed\.series\(\)"):
        feed.bars(["AAPL", "MSFT"], *DAY, source=engine)
    with pytest.raises(UnknownInstrument, match=r"nothing is called 'APPL', 'AAAPL'\. Similar: AAPL\. "):
        feed.bars(["APPL", "aapl", "AAAPL"], *DAY, source=engine)
    with pytest.raises(UnknownInstrument, match="nothing of origin live is called 'AAPL'"):
        feed.bars("AAPL", *DAY, source=engine, origin="live")


def test_hours_and_data_types_default_to_what_the_instrument_has(engine: Engine) -> None:
    stock.hold_mixture(engine)
    for use_rth in (True, False):  # forex has one kind of hours, booked as regular ones
        frame = feed.bars("EUR.USD", "1m", "2024-01-02T00:00", "2024-01-03T00:00", use_rth=use_rth, source=engine)
        assert len(frame) == 500
        assert frame.attrs["series"][0]["what_to_show"] == "MIDPOINT"


def test_series_follow_one_another_in_the_order_asked_each_once(engine: Engine) -> None:
    stock.hold_mixture(engine)
    frame = feed.bars(["MSFT", "AAPL", "msft"], *DAY, source=engine)
    assert list(frame["symbol"].unique()) == ["MSFT", "AAPL"]
    assert len(frame) == 60
    assert all(bars["ts"].is_monotonic_increasing for _, bars in frame.groupby("symbol"))


@pytest.mark.parametrize(
    ("arguments", "options", "says"),
    [
        (([], "1m", "2024-01-02"), {}, "No symbols"),
        (("", "1m", "2024-01-02"), {}, "No symbols"),
        (("AAPL", "7m", "2024-01-02"), {}, "unknown bar size '7m'; use one of"),
        (("AAPL", "1m", "yesterday"), {}, "'yesterday' is not a date; write 2024-01-31"),
        (("AAPL", "1m", "2024-01-03", "2024-01-02"), {}, "AAPL 1m TRADES: the end 2024-01-02 is not after the start"),
        (("AAPL", "1m", "2024-01-02"), {"what": "LAST"}, "unknown data type 'LAST'"),
        (("AAPL", "1m", "2024-01-02"), {"engine": "spark"}, "no engine 'spark'. Use pandas, arrow or polars"),
        (("AAPL", "1m", "2024-01-02"), {"origin": "fake"}, "no origin 'fake'. Use 'live' or 'synthetic'"),
        (("AAPL", "1m", "2024-01-02"), {"source": 5}, "5 is no source of bars"),
    ],
)
def test_nonsense_is_refused_in_one_line(
    engine: Engine, arguments: tuple[object, ...], options: dict[str, object], says: str
) -> None:
    held(engine, given.AAPL, 100)
    with pytest.raises(UsageError, match=says) as refused:
        feed.bars(*arguments, **({"source": engine} | options))  # type: ignore[call-overload]
    assert "\n" not in str(refused.value)
