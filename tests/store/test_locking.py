"""The locks of runs when their session is lost: taken again as soon as that can be, and never silently given up."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from sqlalchemy import Connection, Engine, text

from ingest.domain.bar_size import BarSize
from ingest.errors import DatabaseUnreachable, SeriesBusy
from ingest.store import series
from ingest.store.engine import create_engine
from ingest.store.series import SeriesRow
from ingest.worker import locking
from ingest.worker.locking import LockKeeper, Locks, Share, SharedLocks, held


@pytest.fixture
def rows(engine: Engine, series_row: SeriesRow) -> list[SeriesRow]:
    sizes = (BarSize.MIN_5, BarSize.HOUR_1)
    with engine.begin() as connection:
        return [
            series.ensure(connection, replace(series_row.series, bar_size=size), series_row.origin) for size in sizes
        ]


@contextmanager
def away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nobody gets a connection."""

    def refuse(_engine: Engine) -> None:
        raise DatabaseUnreachable("The database does not answer.")

    with monkeypatch.context() as patched:
        patched.setattr(Engine, "connect", refuse)
        yield


def end_session(engine: Engine, locks: Locks) -> None:
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": locks._backend})


def is_free(engine: Engine, row: SeriesRow) -> bool:
    with Locks.on(engine) as others:
        try:
            others.take(row)
        except SeriesBusy:
            return False
        return True


def test_a_run_has_its_locks_again_when_the_database_was_away_for_more_than_one_attempt(
    engine: Engine, rows: list[SeriesRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Locks.on(engine) as mine:
        for row in rows:
            mine.take(row)
        with away(monkeypatch):
            for _ in range(2):
                with pytest.raises(DatabaseUnreachable):
                    mine.retake()
        mine.retake()
        assert not any(is_free(engine, row) for row in rows)


def test_a_run_that_begins_in_an_outage_costs_the_others_no_locks(
    engine: Engine, rows: list[SeriesRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = SharedLocks(engine)
    with shared.share(engine) as first, shared.share(engine) as second:
        first.take(rows[0])
        end_session(engine, shared._locks)
        with away(monkeypatch):
            for _ in range(2):
                with pytest.raises(DatabaseUnreachable):
                    second.take(rows[1])
        first.retake()
        assert not is_free(engine, rows[0])
    shared.close()


def test_a_session_that_is_found_lost_at_the_end_of_a_run_is_replaced_for_the_next(
    engine: Engine, rows: list[SeriesRow]
) -> None:
    shared = SharedLocks(engine)
    with shared.share(engine) as other:
        with shared.share(engine) as first:
            first.take(rows[0])
            other.take(rows[1])
            end_session(engine, shared._locks)
        with shared.share(engine) as next_one:
            next_one.take(rows[0])
            assert not any(is_free(engine, row) for row in rows)
    shared.close()


def test_the_locks_of_many_gateways_leave_the_pool_to_everybody_else(
    engine: Engine, series_row: SeriesRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine.pool, "_timeout", 1.0)
    gateways = [SharedLocks(engine) for _ in range(12)]
    for number, shared in enumerate(gateways):
        shared.take(replace(series_row, id=number))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1
    for shared in gateways:
        shared.close()


async def test_locks_are_given_back_beside_the_loop() -> None:
    """A database that hangs would else stop everything: gateways, signs of life, signals."""
    may_end = threading.Event()

    @contextmanager
    def slow() -> Iterator[LockKeeper]:
        yield Share(SharedLocks(create_engine("postgresql://127.0.0.1:1/nowhere")))
        assert may_end.wait(10.0), "the loop waits for it"

    asyncio.get_running_loop().call_later(0.05, may_end.set)
    async with held(slow()):
        pass


@pytest.mark.parametrize("is_shared", [False, True])
async def test_a_lock_that_is_being_taken_when_its_run_is_cancelled_is_given_back(
    engine: Engine, rows: list[SeriesRow], monkeypatch: pytest.MonkeyPatch, *, is_shared: bool
) -> None:
    """The thread goes on; nobody else would ever give it back, and the series would stand still."""
    taking, may_take, taken = threading.Event(), threading.Event(), threading.Event()
    try_lock = series.try_lock

    def slow(connection: Connection, series_id: int) -> series.LockHolder | None:
        taking.set()
        assert may_take.wait(10.0)
        return try_lock(connection, series_id)

    def take(locks: LockKeeper) -> None:
        try:
            for row in rows:
                locks.take(row)
        finally:
            taken.set()

    async def run() -> None:
        async with held(shared.share(engine) if is_shared else Locks.on(engine)) as locks:
            await asyncio.to_thread(take, locks)

    shared = SharedLocks(engine)
    with monkeypatch.context() as patched:
        patched.setattr(series, "try_lock", slow)
        running = asyncio.create_task(run())
        assert await asyncio.to_thread(taking.wait, 10.0)
        running.cancel()
        asyncio.get_running_loop().call_later(0.1, may_take.set)
        with pytest.raises(asyncio.CancelledError):
            await running
        assert await asyncio.to_thread(taken.wait, 10.0)
    assert all(is_free(engine, row) for row in rows)
    shared.close()


@pytest.mark.parametrize("is_shared", [False, True])
def test_what_is_released_is_free_at_once_not_when_the_server_notices(
    engine: Engine, rows: list[SeriesRow], monkeypatch: pytest.MonkeyPatch, *, is_shared: bool
) -> None:
    shared, alone = SharedLocks(engine), Locks(engine)
    (shared if is_shared else alone).take(rows[0])
    with monkeypatch.context() as patched:
        patched.setattr(Locks, "_drop", lambda _locks: None)
        shared.close() if is_shared else alone.release()
    assert is_free(engine, rows[0])
    shared.close()
    alone.release()


def test_a_database_that_hangs_keeps_nobody_from_leaving(
    engine: Engine, rows: list[SeriesRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    may_end = threading.Event()
    monkeypatch.setattr(locking, "_UNLOCK_SECONDS", 0.1)
    monkeypatch.setattr(series, "unlock_all", lambda _connection: may_end.wait(10.0))
    locks = Locks(engine)
    locks.take(rows[0])
    leaving = threading.Thread(target=locks.release, daemon=True)
    leaving.start()
    leaving.join(5.0)
    assert not leaving.is_alive()
    may_end.set()
