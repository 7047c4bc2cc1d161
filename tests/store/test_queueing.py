"""Orders as jobs: what is complete is left out, the rest has its lane and about as many requests as it takes."""

from datetime import timedelta

from sqlalchemy import Engine

from ingest.app.queueing import fills_of
from ingest.domain.bar_size import BarSize
from ingest.domain.job import Fill, Lane
from ingest.domain.ledger import Entry, State
from ingest.domain.series import Origin, Series
from ingest.domain.window import Windows
from ingest.plan.spans import Spans
from ingest.store import ledger
from ingest.store import series as series_store
from ingest.store.series import SeriesRow
from ingest.worker.lines import Order
from tests import given

NOW = given.at("2024-08-01 12:00")
JUNE = given.window("2024-06-03", "2024-06-29")
JULY = given.window("2024-07-01", "2024-07-27")


def fills(engine: Engine, *orders: tuple[Series, Windows], retry_failed: bool = False) -> list[Fill]:
    with engine.begin() as connection:
        return fills_of(
            connection,
            [Order(*each) for each in orders],
            Origin.LIVE,
            wish="night",
            firing=7,
            priority=3,
            now=NOW,
            spans=Spans(),
            retry_failed=retry_failed,
        )


def record(engine: Engine, row: SeriesRow, *entries: Entry) -> None:
    with engine.begin() as connection:
        ledger.record(connection, row.id, entries, None)


def test_a_series_of_its_own_is_made_and_estimated(engine: Engine) -> None:
    (made,) = fills(engine, (given.series(given.ES, BarSize.MIN_5), (JUNE,)))
    with engine.connect() as connection:
        row = series_store.find(connection, given.series(given.ES, BarSize.MIN_5), Origin.LIVE)
    assert row is not None
    assert made == Fill(row.id, (JUNE,), Lane.LARGE, "night", 3, 7, retry_failed=False, estimate=1)


def test_second_bars_wait_apart_and_take_more(engine: Engine) -> None:
    (made,) = fills(engine, (given.series(bar_size=BarSize.SEC_5), (JULY,)))
    assert made.lane is Lane.SMALL
    assert made.estimate == 18 * 4 + 2, "18 sessions of 6.5 hours and a half day, two hours a request"


def test_what_is_complete_is_left_out(engine: Engine, series_row: SeriesRow) -> None:
    record(engine, series_row, Entry(JUNE, State.COVERED))
    assert fills(engine, (series_row.series, (JUNE,))) == []
    later = (series_row.series, (given.window("2024-08-02", "2024-08-03"),))
    assert fills(engine, later) == [], "it is not due yet"
    (made,) = fills(engine, (series_row.series, (JUNE, JULY)))
    assert (made.windows, made.estimate) == ((JUNE, JULY), 3)


def test_what_ib_refused_for_good_is_complete_unless_it_is_asked_for_again(
    engine: Engine, series_row: SeriesRow
) -> None:
    record(engine, series_row, Entry(JUNE, State.FAILED, "no permission", permanent=True))
    assert fills(engine, (series_row.series, (JUNE,))) == []
    (made,) = fills(engine, (series_row.series, (JUNE,)), retry_failed=True)
    assert made.retry_failed


def test_what_timed_out_is_not_complete(engine: Engine, series_row: SeriesRow) -> None:
    record(engine, series_row, Entry(JUNE, State.TIMED_OUT))
    assert len(fills(engine, (series_row.series, (JUNE,)))) == 1


def test_a_series_ordered_twice_is_one_job(engine: Engine, series_row: SeriesRow) -> None:
    touching = given.window("2024-06-29", "2024-07-01")
    (made,) = fills(engine, (series_row.series, (JUNE,)), (series_row.series, (touching,)), (series_row.series, ()))
    assert made.windows == (given.window("2024-06-03", "2024-07-01"),)


def test_time_that_only_rules_settle_is_worth_one_look(engine: Engine) -> None:
    old = given.window("2020-01-01", "2020-02-01")
    assert NOW - old.end > timedelta(days=180)
    (made,) = fills(engine, (given.series(bar_size=BarSize.SEC_5), (old,)))
    assert made.estimate == 1
