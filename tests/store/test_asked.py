"""What was asked for is remembered until it is in some state of the ledger."""

from sqlalchemy import Engine

from ingest.domain.ledger import Entry, State
from ingest.store import asked, ledger
from ingest.store.series import SeriesRow
from tests import given

YEAR = given.window("2023-01-01", "2024-01-01")


def test_time_that_was_asked_for_is_unknown_until_the_ledger_holds_it(engine: Engine, series_row: SeriesRow) -> None:
    with engine.begin() as connection:
        assert asked.unknown(connection, [series_row.id]) == {series_row.id: ()}
        asked.add(connection, series_row.id, (given.window("2023-01-01", "2023-06-01"),))
        asked.add(connection, series_row.id, (given.window("2023-05-01", "2024-01-01"),))
        assert asked.unknown(connection, [series_row.id]) == {series_row.id: (YEAR,)}
        tried = [
            Entry(given.window("2022-11-01", "2023-03-01"), State.COVERED),
            Entry(given.window("2023-03-01", "2023-04-01"), State.TIMED_OUT),
        ]
        ledger.record(connection, series_row.id, tried, None)
        assert asked.unknown(connection, [series_row.id]) == {
            series_row.id: (given.window("2023-04-01", "2024-01-01"),)
        }
        ledger.record(connection, series_row.id, [Entry(YEAR, State.COVERED)], None)
        assert asked.unknown(connection, [series_row.id]) == {series_row.id: ()}


def test_stretches_stay_apart(engine: Engine, series_row: SeriesRow) -> None:
    parts = (given.window("2023-01-01", "2023-02-01"), given.window("2023-03-01", "2023-04-01"))
    with engine.begin() as connection:
        asked.add(connection, series_row.id, parts)
        asked.add(connection, series_row.id, ())
        assert asked.unknown(connection, [series_row.id]) == {series_row.id: parts}


def test_what_was_asked_for_by_mistake_is_forgotten(engine: Engine, series_row: SeriesRow) -> None:
    with engine.begin() as connection:
        asked.add(connection, series_row.id, (YEAR,))
        assert asked.forget(connection, [series_row.id, series_row.id + 1]) == 1
        assert asked.unknown(connection, [series_row.id]) == {series_row.id: ()}
        assert asked.forget(connection, [series_row.id]) == 0
