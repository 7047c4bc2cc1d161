"""The end of a firing: what is said of it, the snapshot it wishes, and that no crash loses either."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from ingest.app import concluding
from ingest.app.concluding import conclude, conclusion_of
from ingest.clock import FakeClock, SystemClock
from ingest.config import ExactSettings
from ingest.domain.conclusion import Conclusion, FailedJob, UnmetSymbol
from ingest.domain.job import Fill, JobProgress, Lane
from ingest.domain.ledger import Entry, State
from ingest.domain.series import Origin
from ingest.errors import DatabaseError, DatabaseUnreachable
from ingest.export import export
from ingest.load import Settlement, load
from ingest.store import firings, job_listing, jobs, wishes
from ingest.store.series import SeriesRow
from ingest.wishes import ExportWish, Job
from tests import given
from tests.app.wishing import DAILY, MINUTES, fired, hold, job, wish
from tests.export.stock import hold as stock
from tests.store import settled
from tests.store.test_jobs import status

DUE = given.at("2024-06-10 20:45")  # Monday, after New York's close
JUNE_WEEK = given.window("2024-06-03", "2024-06-11")
DENIED = "162: Historical Market Data Service error message:No market data permissions for NYSE STK"
EXPORTING = job(export=ExportWish(Path("out")))


def concluded(engine: Engine, firing: int, **clock: Any) -> Conclusion:
    return conclude(engine, ExactSettings(clock=clock), FakeClock(DUE + timedelta(hours=1)), firing)


def queue(engine: Engine, row: SeriesRow, firing: int, state: str, **progress: Any) -> int:
    """A fill of the firing that has ended."""
    with engine.begin() as connection:
        (queued,) = jobs.queue_fills(
            connection, [Fill(row.id, (JUNE_WEEK,), Lane.LARGE, wish="nightly", firing=firing)]
        )
        job_listing.save_progress(connection, queued.job_id, JobProgress(**progress))
        status(connection, queued.job_id, state)
    return queued.job_id


def bars_in(engine: Engine) -> SeriesRow:
    """Six daily bars of AAPL, all that the week has."""
    return stock(engine, DAILY, settled.bars("2024-06-03", 6, seconds=86_400), [Entry(JUNE_WEEK, State.COVERED)])


def prepared(engine: Engine, wished: Job) -> tuple[SeriesRow, int]:
    row = bars_in(engine)
    with engine.begin() as connection:
        wish(connection, wished, DAILY)
        return row, fired(connection, wished, DUE)


def kept(engine: Engine, firing: int) -> Conclusion | None:
    with engine.connect() as connection:
        found = firings.by_id(connection, firing)
    assert found is not None
    return None if found.outcome is None else conclusion_of(found.outcome)


def snapshots(folder: Path) -> list[Path]:
    return [each for each in (folder / "out").glob("*") if not each.is_symlink()]


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_good_night_is_counted_exported_and_kept(engine: Engine, tmp_path: Path) -> None:
    row, firing = prepared(engine, EXPORTING)
    queue(engine, row, firing, "succeeded", bars=6, settled=2)
    done = concluded(engine, firing)
    assert (done.wish, done.cause, done.due_at, done.firing) == ("nightly", "schedule", DUE, firing)
    assert (done.series, done.complete, done.bars, done.requests) == (1, 1, 6, 2)
    assert (done.unsettled, done.unmet, done.failed, done.is_complete) == ((), (), (), True)
    assert done.snapshot is not None
    assert (done.snapshot.series, done.snapshot.bars) == (1, 6)
    assert [tmp_path / done.snapshot.path] == snapshots(tmp_path)
    assert kept(engine, firing) == done, "nothing is lost on the way through JSON"


def test_concluding_again_changes_nothing(engine: Engine, tmp_path: Path) -> None:
    row, firing = prepared(engine, EXPORTING)
    done = concluded(engine, firing)
    with engine.begin() as connection:
        hold(connection, row, "2024-06-05", "2024-06-06", State.TIMED_OUT)
    assert concluded(engine, firing) == done
    assert len(snapshots(tmp_path)) == 1


def test_what_is_missing_is_said_with_its_reason(engine: Engine) -> None:
    wished = job()
    unmet = [{"symbol": "NOSUCH", "kind": "UnknownInstrument", "reason": "IB knows no contract for NOSUCH STK."}]
    with engine.begin() as connection:
        daily, minutes, euro = wish(connection, wished, DAILY, MINUTES, given.series(given.EURUSD))
        firing = fired(connection, wished, DUE, unmet)
        hold(connection, daily, "2024-06-03", "2024-06-11")
        hold(connection, minutes, "2024-06-03", "2024-06-11")
        hold(connection, minutes, "2024-06-05", "2024-06-06", State.FAILED, DENIED)
        hold(connection, minutes, "2024-06-07", "2024-06-08", State.FAILED, DENIED)
        hold(connection, minutes, "2024-06-04", "2024-06-05", State.TIMED_OUT)
    refused = queue(engine, minutes, firing, "failed", note=DENIED, settled=3)
    queue(engine, euro, firing, "cancelled")
    done = concluded(engine, firing)
    assert (done.series, done.complete, done.requests, done.cancelled, done.is_complete) == (3, 1, 3, 1, False)
    assert [(line.series, line.state, line.reason, line.stretches) for line in done.unsettled] == [
        ("AAPL 1m TRADES", "timed_out", "", 1),
        ("AAPL 1m TRADES", "failed", DENIED, 2),
        ("EUR.USD 1m TRADES", "unknown", "", 1),
    ]
    assert (done.unsettled[1].start, done.unsettled[1].end) == (given.at("2024-06-05"), given.at("2024-06-08"))
    assert done.failed == (FailedJob(refused, "AAPL 1m TRADES", DENIED),)
    assert done.unmet == (UnmetSymbol("NOSUCH", "IB knows no contract for NOSUCH STK."),)
    assert kept(engine, firing) == done


def test_a_job_that_a_later_firing_took_over_is_said_to_be_carried_on(engine: Engine) -> None:
    """So each night has its digest, however long a backfill of the same wish takes."""
    wished = job()
    with engine.begin() as connection:
        daily, minutes = wish(connection, wished, DAILY, MINUTES)
        hold(connection, daily, "2024-06-03", "2024-06-11")
        first, second = fired(connection, wished, DUE), fired(connection, wished, DUE + timedelta(days=1))
        for firing in (first, second):
            jobs.queue_fills(connection, [Fill(minutes.id, (JUNE_WEEK,), Lane.LARGE, wish="nightly", firing=firing)])
    with engine.begin() as connection:
        assert [each.id for each in firings.claim_ended(connection)] == [first]
    done = concluded(engine, first)
    assert (done.complete, done.carried_on, done.is_complete) == (1, 1, False)
    assert concluded(engine, second).carried_on == 0, "its own job is nobody else's"


def test_what_closed_since_it_was_due_belongs_to_the_next_firing(engine: Engine) -> None:
    wished = job()
    with engine.begin() as connection:
        (minutes,) = wish(connection, wished, MINUTES)
        firing = fired(connection, wished, DUE)
        hold(connection, minutes, "2024-06-03", "2024-06-10 20:44")
    assert concluded(engine, firing).is_complete, "an hour has passed since"
    with engine.begin() as connection:
        later = fired(connection, wished, DUE + timedelta(minutes=2))
    assert concluded(engine, later).complete == 0


def test_jobs_of_other_firings_do_not_count(engine: Engine) -> None:
    row, firing = prepared(engine, job())
    queue(engine, row, firing + 1, "failed", bars=99, settled=99, note="no")
    done = concluded(engine, firing)
    assert (done.bars, done.requests, done.failed) == (0, 0, ())


def test_bars_that_came_back_different_are_counted(engine: Engine) -> None:
    row, firing = prepared(engine, job())
    other = settled.with_close(settled.bars("2024-06-03", 6, seconds=86_400), 2, 7.0)
    asked = settled.record(row, window=JUNE_WEEK, sent_at=DUE + timedelta(minutes=1))
    load(engine, [Settlement(row, asked, other, (), (Entry(JUNE_WEEK, State.COVERED),))])
    assert concluded(engine, firing).revised == 1
    with engine.begin() as connection:
        later = fired(connection, job(), DUE + timedelta(minutes=2))
    assert concluded(engine, later).revised == 0


def test_a_universe_that_failed_as_a_whole_does_not_fill_pages(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concluding, "_MOST_UNSETTLED", 1)
    with engine.begin() as connection:
        wish(connection, job(), DAILY, MINUTES)
        firing = fired(connection, job(), DUE)
    done = concluded(engine, firing)
    assert (len(done.unsettled), done.unsettled_left_out, done.series - done.complete) == (1, 1, 2)


def test_an_export_that_fails_is_in_the_conclusion(engine: Engine) -> None:
    _, firing = prepared(engine, job(export=ExportWish(Path("/proc/out"))))
    done = concluded(engine, firing)
    assert done.snapshot is None
    assert "/proc/out" in done.export_problem
    assert not done.is_complete
    assert concluded(engine, firing) == done, "it is not tried again"


def test_only_the_wishs_series_are_exported(engine: Engine) -> None:
    stock(engine, MINUTES, settled.bars("2024-06-03 13:30", 390))
    _, firing = prepared(engine, EXPORTING)
    done = concluded(engine, firing)
    assert done.snapshot is not None
    assert (done.snapshot.series, done.snapshot.bars) == (1, 6)


class Killed(BaseException):
    """Stands for a process that is gone."""


def dies(monkeypatch: pytest.MonkeyPatch, at: Callable[..., Any], calls: list[Any]) -> None:
    """Exports from now on are counted in `calls` and end as `at` does."""

    def counted(*given: Any, **named: Any) -> Any:
        calls.append(given)
        return at(*given, **named)

    monkeypatch.setattr(concluding, "export", counted)


def killed(*_: Any, **__: Any) -> None:
    raise Killed


def test_a_death_while_exporting_costs_one_more_export_and_no_conclusion(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, firing = prepared(engine, EXPORTING)
    queue(engine, row, firing, "succeeded", bars=6)
    calls: list[Any] = []

    def published_then_killed(*given: Any, **named: Any) -> None:
        export(*given, **named)
        raise Killed

    dies(monkeypatch, published_then_killed, calls)
    with pytest.raises(Killed):
        concluded(engine, firing)
    before = kept(engine, firing)
    assert before is not None
    assert (before.bars, before.snapshot, before.exports_begun) == (6, None, 1)
    dies(monkeypatch, export, calls)
    done = concluded(engine, firing)
    assert done.snapshot is not None
    assert replace(done, snapshot=None, exports_begun=1) == before, "judged once"
    assert concluded(engine, firing) == done == kept(engine, firing)
    assert len(calls) == len(snapshots(tmp_path)) == 2


def test_an_export_that_kills_is_not_tried_for_ever(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    _, firing = prepared(engine, EXPORTING)
    calls: list[Any] = []
    dies(monkeypatch, killed, calls)
    for _ in range(2):
        with pytest.raises(Killed):
            concluded(engine, firing)
    done = concluded(engine, firing)
    assert (len(calls), done.snapshot) == (2, None)
    assert done.export_problem.startswith("The export died 2 times")
    assert concluded(engine, firing) == done
    assert len(calls) == 2


def test_a_database_that_goes_away_while_exporting_is_for_the_queue_to_wait_for(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, firing = prepared(engine, EXPORTING)

    def away(*_: Any, **__: Any) -> None:
        raise DatabaseUnreachable("The connection was lost.")

    dies(monkeypatch, away, [])
    with pytest.raises(DatabaseUnreachable):
        concluded(engine, firing)
    dies(monkeypatch, export, [])
    assert concluded(engine, firing).snapshot is not None


def test_real_bars_are_exported_where_a_wish_was_tried_with_a_simulator(engine: Engine) -> None:
    stock(engine, DAILY, settled.bars("2024-06-03", 3, seconds=86_400), [], origin=Origin.SYNTHETIC)
    bars_in(engine)
    with engine.begin() as connection:
        rows = [*wish(connection, EXPORTING, DAILY), *wish(connection, EXPORTING, DAILY, origin=Origin.SYNTHETIC)]
        wishes.put_series(connection, "nightly", [row.id for row in rows])
        firing = fired(connection, EXPORTING, DUE)
    done = concluded(engine, firing)
    assert done.snapshot is not None
    assert (done.series, done.snapshot.series, done.snapshot.bars) == (2, 1, 6)


def test_a_wish_that_came_to_nothing(engine: Engine, tmp_path: Path) -> None:
    with engine.begin() as connection:
        wish(connection, EXPORTING)
        firing = fired(connection, EXPORTING, DUE, [{"symbol": "NOSUCH", "kind": "", "reason": "no"}])
    done = concluded(engine, firing)
    assert (done.series, done.complete, done.is_complete, done.snapshot) == (0, 0, False, None)
    assert not snapshots(tmp_path)


def test_moments_are_the_products_also_on_a_faster_clock(engine: Engine) -> None:
    _, firing = prepared(engine, job())
    clock = FakeClock(DUE + timedelta(hours=1))
    with engine.connect() as connection:
        found = firings.by_id(connection, firing)
    assert found is not None
    age = SystemClock().now() - found.fired_at
    done = conclude(engine, ExactSettings(clock={"scale": 3600.0}), clock, firing)
    assert abs(done.started_at - (clock.now() - 3600 * age)) < timedelta(hours=1)


def test_a_firing_that_is_not_there(engine: Engine) -> None:
    with pytest.raises(DatabaseError, match="There is no firing 12345"):
        concluded(engine, 12345)
