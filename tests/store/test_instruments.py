"""Instruments: one row each, every name they had, found by any of them."""

from dataclasses import replace

from sqlalchemy import Engine

from ingest.domain.instrument import Instrument
from ingest.domain.series import Origin
from ingest.store import instruments
from tests import given

FACEBOOK = Instrument(107113386, "FB", "STK", "SMART", "USD", primary_exchange="NASDAQ", local_symbol="FB")
META = replace(FACEBOOK, symbol="META", local_symbol="META", long_name="META PLATFORMS INC", min_tick=0.01)


def test_an_instrument_comes_back_as_it_was_saved(engine: Engine) -> None:
    option = Instrument(
        1, "AAPL", "OPT", "SMART", "USD", local_symbol="AAPL  250117C00200000", trading_class="AAPL", multiplier="100",
        expiry="20250117", strike=200.0, right="C", long_name="APPLE INC", min_tick=0.01, time_zone_id="US/Eastern",
    )  # fmt: skip
    with engine.begin() as connection:
        instruments.save(connection, option, Origin.LIVE)
        found = instruments.by_con_id(connection, 1, Origin.LIVE)
    assert found is not None
    assert found.instrument == option


def test_a_changed_symbol_keeps_the_row_and_the_old_name(engine: Engine) -> None:
    with engine.begin() as connection:
        first = instruments.save(connection, FACEBOOK, Origin.LIVE, seen_at=given.at("2021-01-01"))
        again = instruments.save(connection, FACEBOOK, Origin.LIVE, seen_at=given.at("2022-06-08"))
        renamed = instruments.save(connection, META, Origin.LIVE, seen_at=given.at("2022-06-09"))
        spells = instruments.names(connection, first)
        found = instruments.by_con_id(connection, META.con_id, Origin.LIVE)
    assert first == again == renamed
    assert [(s.symbol, s.seen_from, s.seen_to) for s in spells] == [
        ("FB", given.at("2021-01-01"), given.at("2022-06-09")),
        ("META", given.at("2022-06-09"), None),
    ]
    assert found is not None
    assert (found.instrument, found.first_seen, found.last_seen) == (
        META,
        given.at("2021-01-01"),
        given.at("2022-06-09"),
    )


def test_a_former_name_finds_it_until_somebody_else_bears_it(engine: Engine) -> None:
    heir = Instrument(999, "FB", "STK", "SMART", "USD", local_symbol="FB")
    with engine.begin() as connection:
        instruments.save(connection, FACEBOOK, Origin.LIVE)
        instruments.save(connection, META, Origin.LIVE)
        assert [row.instrument for row in instruments.find(connection, "fb")] == [META]
        instruments.save(connection, heir, Origin.LIVE)
        assert [row.instrument for row in instruments.find(connection, "FB")] == [heir]


def test_labels_local_symbols_and_con_ids_find_it(engine: Engine) -> None:
    with engine.begin() as connection:
        for instrument in (given.AAPL, given.ES, given.EURUSD, given.BTC):
            instruments.save(connection, instrument, Origin.LIVE)
        for text in ("ESZ4", "ES", "con_id:495512563"):
            assert [row.instrument for row in instruments.find(connection, text)] == [given.ES]
        assert [row.instrument for row in instruments.find(connection, "eur.usd")] == [given.EURUSD]
        assert instruments.find(connection, "nothing") == ()


def test_the_same_con_id_of_both_origins_is_two_instruments(engine: Engine) -> None:
    with engine.begin() as connection:
        real = instruments.save(connection, given.AAPL, Origin.LIVE)
        simulated = instruments.save(connection, given.AAPL, Origin.SYNTHETIC)
        assert real != simulated
        assert [row.id for row in instruments.listing(connection, origin=Origin.SYNTHETIC)] == [simulated]
        assert len(instruments.find(connection, "AAPL")) == 2
