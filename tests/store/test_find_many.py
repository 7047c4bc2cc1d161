"""Finding many instruments at once gives what finding each gives."""

from dataclasses import replace

from sqlalchemy import Engine

from ingest.domain.series import Origin
from ingest.store import instruments
from tests import given

META = replace(given.AAPL, con_id=107113386, symbol="FB", local_symbol="FB")


def test_many_are_found_as_each_is(engine: Engine) -> None:
    with engine.begin() as connection:
        for one in (given.AAPL, given.ES, given.EURUSD, given.BTC, META):
            instruments.save(connection, one, Origin.LIVE)
        instruments.save(connection, given.AAPL, Origin.SYNTHETIC)
        instruments.save(connection, replace(META, symbol="META", local_symbol="META"), Origin.LIVE)
    asked = ["aapl", "ES", "ESZ4", "EUR.USD", "eur", "META", "FB", "con_id:265598", "con_id:1", "NOPE", " BTC "]
    for origin in (None, Origin.LIVE, Origin.SYNTHETIC):
        with engine.connect() as connection:
            found = instruments.find_many(connection, asked, origin=origin)
            assert found == {text: instruments.find(connection, text, origin=origin) for text in asked}
    assert not found["ES"]


def test_none_are_found_where_none_are_asked_for(engine: Engine) -> None:
    with engine.connect() as connection:
        assert instruments.find_many(connection, []) == {}
