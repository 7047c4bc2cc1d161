"""Expired futures whose bars are not all here."""

from dataclasses import replace

import pytest
from sqlalchemy import Engine

from ingest.app.expiring import expiry_end, left_behind
from ingest.domain.chain import Product
from ingest.domain.instrument import Instrument
from ingest.domain.ledger import Entry, State
from ingest.domain.series import Origin
from ingest.domain.window import Window
from ingest.store import ledger
from ingest.store import series as series_store
from tests import given
from tests.given import at

SILVER = Instrument(
    1, "SI", "FUT", "COMEX", "USD", local_symbol="SIK4", trading_class="SI", multiplier="5000", expiry="20240529"
)
MICRO = replace(SILVER, con_id=2, local_symbol="SILK4", trading_class="SIL", multiplier="1000")
NEXT = replace(SILVER, con_id=3, local_symbol="SIN4", expiry="20240729")
NOW = at("2024-06-10")
EARLY, LATE = Window(at("2024-05-01"), at("2024-05-20")), Window(at("2024-05-20"), at("2024-05-30"))


def begun(engine: Engine, instrument: Instrument, *entries: Entry, origin: Origin = Origin.LIVE) -> None:
    with engine.begin() as connection:
        row = series_store.ensure(connection, given.series(instrument), origin)
        ledger.record(connection, row.id, entries, None)


def left(engine: Engine) -> list[str]:
    return [row.series.instrument.label for row in left_behind(engine, Product.of(SILVER), Origin.LIVE, NOW)]


def test_only_expired_contracts_of_the_product_and_the_origin_are_left_behind(engine: Engine) -> None:
    for instrument, origin in ((SILVER, Origin.SYNTHETIC), (MICRO, Origin.LIVE), (NEXT, Origin.LIVE)):
        begun(engine, instrument, Entry(EARLY, State.COVERED), origin=origin)
    assert left(engine) == []
    begun(engine, SILVER, Entry(EARLY, State.COVERED))
    assert left(engine) == ["SIK4"]


@pytest.mark.parametrize(
    ("entries", "is_left"),
    [
        ([], False),
        ([Entry(EARLY, State.COVERED), Entry(LATE, State.COVERED)], False),
        ([Entry(EARLY, State.EMPTY_CONFIRMED), Entry(LATE, State.FAILED, "gone", permanent=True)], False),
        ([Entry(EARLY, State.COVERED), Entry(LATE, State.TIMED_OUT)], True),
        ([Entry(EARLY, State.COVERED), Entry(LATE, State.FAILED, "not today")], True),
        ([Entry(EARLY, State.PENDING), Entry(LATE, State.COVERED)], True),
        ([Entry(Window(at("2024-05-30"), NOW), State.TIMED_OUT)], False),
    ],
)
def test_a_series_is_left_behind_while_something_before_the_expiry_can_still_be_had(
    engine: Engine, entries: list[Entry], is_left: bool
) -> None:
    begun(engine, SILVER, *entries)
    assert left(engine) == (["SIK4"] if is_left else [])


@pytest.mark.parametrize(
    ("expiry", "end"), [("20240621", "2024-06-22"), ("202406", "2024-07-01"), ("202412", "2025-01-01")]
)
def test_an_expiry_ends_with_its_day_or_its_month(expiry: str, end: str) -> None:
    assert expiry_end(replace(SILVER, expiry=expiry)) == at(end)
