"""The ledger's promises that only the database can keep, and the questions it answers."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from ingest.domain.ledger import Entry, Ledger, State
from ingest.domain.series import Origin
from ingest.errors import DatabaseError
from ingest.store import ledger, series
from ingest.store.series import SeriesRow
from tests import given

DAY = given.window("2024-01-02", "2024-01-03")


def insert(engine: Engine, row: SeriesRow, held: str, state: str = "covered", more: str = "'', false") -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO ingest.ledger (series_id, held, state, reason, permanent)"
                f" VALUES ({row.id}, '{held}', '{state}', {more})"
            )
        )


def test_the_database_refuses_a_minute_in_two_states(engine: Engine, series_row: SeriesRow) -> None:
    insert(engine, series_row, "[2024-01-02 00:00+00, 2024-01-03 00:00+00)")
    with pytest.raises(DatabaseError, match="ledger_one_state"):
        insert(engine, series_row, "[2024-01-02 23:59+00, 2024-01-04 00:00+00)", "timed_out")
    with engine.begin() as connection:
        other = series.ensure(connection, given.series(given.EURUSD), Origin.LIVE)
    insert(engine, other, "[2024-01-02 23:59+00, 2024-01-04 00:00+00)", "timed_out")
    insert(engine, series_row, "[2024-01-03 00:00+00, 2024-01-04 00:00+00)", "timed_out")


@pytest.mark.parametrize("held", ["[2024-01-02, 2024-01-03]", "(2024-01-02, 2024-01-03)", "empty", "[2024-01-02,)"])
def test_only_windows_are_held(engine: Engine, series_row: SeriesRow, held: str) -> None:
    with pytest.raises(DatabaseError, match="ledger_held_is_a_window"):
        insert(engine, series_row, held)


@pytest.mark.parametrize("held", ["[2024-01-02, infinity)", "[-infinity, 2024-01-03)"])
def test_no_end_of_time_is_held(engine: Engine, series_row: SeriesRow, held: str) -> None:
    with pytest.raises(DatabaseError, match="ledger_held_is_a_window"):
        insert(engine, series_row, held)


def test_states_and_reasons_are_checked(engine: Engine, series_row: SeriesRow) -> None:
    held = "[2024-01-02, 2024-01-03)"
    with pytest.raises(DatabaseError, match="ledger_state"):
        insert(engine, series_row, held, "no_data")
    with pytest.raises(DatabaseError, match="ledger_failure_has_a_reason"):
        insert(engine, series_row, held, "failed")
    with pytest.raises(DatabaseError, match="ledger_only_failures_are_permanent"):
        insert(engine, series_row, held, "timed_out", "'', true")


def test_the_summary_adds_up_each_state(engine: Engine, series_row: SeriesRow) -> None:
    with engine.begin() as connection:
        ledger.record(
            connection,
            series_row.id,
            [
                Entry(DAY, State.COVERED),
                Entry(given.window("2024-01-05", "2024-01-07"), State.COVERED),
                Entry(given.window("2024-01-03", "2024-01-04"), State.TIMED_OUT),
            ],
            None,
        )
        covered, timed_out = ledger.summary(connection)
        assert ledger.summary(connection, [series_row.id + 1]) == ()
    assert (covered.state, covered.span, covered.stretches) == (State.COVERED, timedelta(days=3), 2)
    assert covered.window == given.window("2024-01-02", "2024-01-07")
    assert (timed_out.state, timed_out.span) == (State.TIMED_OUT, timedelta(days=1))


def test_news_of_many_series_are_written_at_once(engine: Engine, series_row: SeriesRow) -> None:
    with engine.begin() as connection:
        other = series.ensure(connection, given.series(given.EURUSD), Origin.LIVE)
        entry, failure = Entry(DAY, State.COVERED), Entry(DAY, State.FAILED, "321: bad", True)
        ledger.record_all(connection, [ledger.News(series_row.id, entry), ledger.News(other.id, failure)])
        ledger.record_all(connection, [])
        held = ledger.read_many(connection, [series_row.id, other.id, 999])
    assert held == {series_row.id: Ledger((entry,)), other.id: Ledger((failure,)), 999: Ledger()}


def test_nothing_wished_is_nothing_missing(engine: Engine, series_row: SeriesRow) -> None:
    with engine.connect() as connection:
        assert ledger.missing(connection, series_row.id, ()) == ()
        assert ledger.missing(connection, series_row.id, (DAY,)) == (DAY,)


def test_a_long_ledger_takes_news_by_its_index(engine: Engine, series_row: SeriesRow) -> None:
    fill = text("""
        INSERT INTO ingest.ledger (series_id, held, state)
        SELECT :series_id, tstzrange(t, t + interval '30 minutes'), 'timed_out'
        FROM generate_series('2015-01-01+00'::timestamptz, '2016-01-01+00', interval '1 hour') AS t
    """)
    with engine.begin() as connection:
        connection.execute(fill, {"series_id": series_row.id})
        ledger.record(connection, series_row.id, [Entry(given.window("2015-03-01", "2015-04-01"), State.COVERED)], None)
        found = ledger.read(connection, series_row.id)
    assert found.windows(State.COVERED) == (given.window("2015-03-01", "2015-04-01"),)
    assert len(found.entries) == 8761 - 31 * 24 + 1
