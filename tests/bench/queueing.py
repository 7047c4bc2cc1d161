"""The queue by itself: jobs that do nothing, put in, claimed, locked by series and finished; claims from a long queue.

Only the queue is measured: what a job does with a gateway is measured elsewhere. The claim is Procrastinate's own
statement, with the index that our migration adds.
"""

import asyncio
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import procrastinate
from sqlalchemy import Engine, text

from ingest.clock import SystemClock
from ingest.domain.bar_size import BarSize
from ingest.domain.job import Fill, Lane
from ingest.domain.series import Origin
from ingest.queue.lanes import Crew, Places, forward_log
from ingest.queue.tasks import Handlers, make_app
from ingest.store import jobs, migrate
from ingest.store import series as series_store
from ingest.store.embedded import EmbeddedServer
from ingest.store.engine import create_engine
from tests import given

_BATCH = 500
_CLAIMS = 200
_SLOTS = 16
WINDOW = given.window("2024-01-02", "2024-06-01")


@dataclass(frozen=True, slots=True)
class Carried:
    """Jobs a second, from the first that is put in to the last that is finished."""

    jobs: int
    per_second: float


@dataclass(frozen=True, slots=True)
class Claims:
    """Milliseconds of a claim (median) from a short queue and from long ones."""

    short: float
    long: float
    long_paused: float
    long_other_lane: float
    same_series: float


def measure(folder: Path, *, quick: bool) -> tuple[Carried, Claims]:
    """On an embedded server of its own, with the settings that users have."""
    with EmbeddedServer.start(folder / "queue") as server:
        engine = create_engine(server.url)
        migrate.upgrade(engine)
        forward_log()
        with engine.begin() as connection:
            series_store.ensure(connection, given.series(bar_size=BarSize.MIN_1), Origin.SYNTHETIC)
        carried = asyncio.run(_carry(engine, 1_000 if quick else 6_000))
        claims = asyncio.run(_claim(engine, 10_000 if quick else 100_000))
        engine.dispose()
    return carried, claims


def _fills(first: int, count: int, *, lane: Lane = Lane.LARGE, wish: str = "", priority: int = 0) -> list[Fill]:
    return [Fill(number, (WINDOW,), lane, wish, priority) for number in range(first, first + count)]


def _put(engine: Engine, fills: list[Fill]) -> None:
    for start in range(0, len(fills), _BATCH):
        with engine.begin() as connection:
            jobs.queue_fills(connection, fills[start : start + _BATCH])


async def _carry(engine: Engine, count: int) -> Carried:
    clock = SystemClock()
    done = asyncio.Event()
    left = count

    async def nothing(_job_id: int, _args: Mapping[str, Any]) -> None:
        nonlocal left
        left -= 1
        if not left:
            done.set()

    app = make_app(engine.url, Handlers(nothing, nothing, nothing))
    async with app.open_async():
        crew = Crew(app, (Places(Lane.LARGE, _SLOTS),), 10.0, 1.0)
        working = asyncio.create_task(crew.run())
        began = clock.monotonic()
        await asyncio.to_thread(_put, engine, _fills(1, count))
        await done.wait()
        crew.stop()
        await working
        took = clock.monotonic() - began
    with engine.connect() as connection:
        finished = text("SELECT count(*) FROM ingest_queue.procrastinate_jobs WHERE status = 'succeeded'")
        assert connection.execute(finished).scalar_one() == count
    return Carried(count, count / took)


async def _claim(engine: Engine, many: int) -> Claims:
    async def never(_job_id: int, _args: Mapping[str, Any]) -> None:
        raise AssertionError("nothing is worked on here")

    app = make_app(engine.url, Handlers(never, never, never))
    async with app.open_async():
        worker = await app.job_manager.register_worker()
        short = await _timed(engine, app, worker, _fills(1, 2 * _CLAIMS))
        long = await _timed(engine, app, worker, _fills(1, many))
        paused = _fills(1, many, wish="p", priority=50)
        with engine.begin() as connection:
            jobs.pause(connection, "universe", "p")
        long_paused = await _timed(engine, app, worker, paused + _fills(many, 2 * _CLAIMS))
        other = _fills(1, many, lane=Lane.SMALL, priority=50)
        long_other = await _timed(engine, app, worker, other + _fills(many, 2 * _CLAIMS))
        same = [Fill(1, (WINDOW,), Lane.LARGE, f"w{number}") for number in range(many // 20)]
        same_series = await _timed(engine, app, worker, _fills(2, 2 * _CLAIMS) + same)
    return Claims(short, long, long_paused, long_other, same_series)


async def _timed(engine: Engine, app: procrastinate.App, worker: int, fills: list[Fill]) -> float:
    """Median milliseconds of a claim from a queue of just these jobs."""
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE ingest_queue.procrastinate_jobs CASCADE"))
    await asyncio.to_thread(_put, engine, fills)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE ingest_queue.procrastinate_jobs"))
    clock, took = SystemClock(), []
    for _ in range(_CLAIMS):
        began = clock.monotonic()
        job = await app.job_manager.fetch_job(queues=[Lane.LARGE.value], worker_id=worker)
        took.append(1000 * (clock.monotonic() - began))
        assert job is not None
    return statistics.median(took)
