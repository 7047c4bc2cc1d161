"""A worker whose database goes away for a while, whose gateway restarts, or which is paused: it waits, and goes on."""

import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ingest.app.ordering import order_of, series_of
from ingest.app.queueing import fills_of
from ingest.clock import SystemClock
from ingest.domain.bar_size import BarSize
from ingest.domain.job import Job, JobState
from ingest.domain.series import Origin
from ingest.domain.window import Window
from ingest.plan.spans import Spans
from ingest.simulator.market import open_market
from ingest.store import bars, instruments, job_listing, jobs, migrate, posts
from ingest.store.embedded import EmbeddedServer
from ingest.store.engine import create_engine
from ingest.store.series import listing
from tests.acceptance.running import CommandLine, simulator
from tests.soak.truth import difference

pytestmark = pytest.mark.slow

NOW = "2024-06-10T12:00:00Z"
START, END = date(2023, 12, 4), date(2024, 6, 1)
SYMBOLS = ("AAPL", "MSFT", "IBM", "KO")
QUICK = {"INGEST_WORKER_HEARTBEAT_SECONDS": "1", "INGEST_GATEWAY_CONCURRENCY": "4"}


def queue_fills(ingest: CommandLine, engine: Engine, size: BarSize) -> None:
    """One job for each symbol, from what the database knows of them."""
    assert ingest.run("instruments", "add", *SYMBOLS).returncode == 0
    clock = SystemClock(start=datetime.fromisoformat(NOW))
    with engine.begin() as connection:
        found = [instruments.find(connection, symbol)[0].instrument for symbol in SYMBOLS]
        orders = [order_of(series_of(one, size, None, outside_rth=False), START, END, clock) for one in found]
        fills = fills_of(
            connection, orders, Origin.SYNTHETIC, wish="", firing=None, priority=0, now=clock.now(), spans=Spans()
        )
        jobs.queue_fills(connection, fills)


def all_jobs(engine: Engine) -> tuple[Job, ...]:
    with engine.connect() as connection:
        return job_listing.listing(connection)


def eventually(holds: Callable[[], bool], process: "subprocess.Popen[str]", seconds: float = 60) -> None:
    for _ in range(int(seconds * 10)):
        if holds():
            return
        assert process.poll() is None, "the worker ended"
        select.select([], [], [], 0.1)
    raise AssertionError("it did not come to that")


@contextmanager
def working(ingest: CommandLine, *options: str) -> Iterator["subprocess.Popen[str]"]:
    with (ingest.folder / "worker.log").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "ingest", "worker", *options],
            cwd=ingest.folder,
            env=ingest.environment,
            stdout=log,
            stderr=log,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def all_done(engine: Engine) -> bool:
    found = all_jobs(engine)
    return bool(found) and all(job.state is JobState.DONE for job in found)


def assert_true_and_whole(engine: Engine, seed: int) -> None:
    market = open_market("synthetic", seed)
    span = Window(datetime(2023, 12, 2, tzinfo=UTC), datetime(2024, 6, 1, tzinfo=UTC))
    with engine.connect() as connection:
        rows = listing(connection)
        assert len(rows) == len(SYMBOLS)
        for row in rows:
            assert not difference(market, row, bars.read(connection, row), span, exactly=True)


@pytest.mark.timeout(150)
def test_a_database_that_stops_twice_costs_time_and_nothing_else(tmp_path: Path) -> None:
    with EmbeddedServer.start(tmp_path / "server") as server:
        engine = create_engine(server.url, pooled=False)
        migrate.upgrade(engine)
        with simulator(tmp_path, "--now", NOW, "--seed", "4", "--latency", "0.4") as sim:
            ingest = CommandLine.at(tmp_path, port=sim.port, database_url=server.url, **QUICK)
            queue_fills(ingest, engine, BarSize.MIN_1)
            shares = []
            with working(ingest) as worker:
                for requests in (8, 40):
                    eventually(lambda least=requests: len(sim.bar_requests()) > least, worker)  # type: ignore[misc]
                    server.cluster._pg_ctl("stop", "--mode", "immediate", "--wait")
                    select.select([], [], [], 1.0)
                    shares.append(EmbeddedServer.start(tmp_path / "server"))
                eventually(lambda: all_done(engine), worker, 90)
                worker.send_signal(signal.SIGTERM)
                assert worker.wait(timeout=30) == 0
            assert "Traceback" not in (tmp_path / "worker.log").read_text(encoding="utf-8")
        assert_true_and_whole(engine, 4)
        for share in shares:
            share.stop()


@pytest.mark.timeout(100)
def test_a_paused_gateway_gives_its_jobs_back_and_goes_on_when_it_may(
    tmp_path: Path, database_url: str, engine: Engine
) -> None:
    with simulator(tmp_path, "--now", NOW, "--seed", "4", "--latency", "0.4") as sim:
        ingest = CommandLine.at(tmp_path, port=sim.port, database_url=database_url, **QUICK)
        queue_fills(ingest, engine, BarSize.MIN_1)
        with working(ingest) as worker:
            eventually(lambda: len(sim.bar_requests()) > 8, worker)
            assert ingest.run("jobs", "pause", "--gateway", "default").returncode == 0
            eventually(lambda: standing(engine) == "paused", worker)
            eventually(lambda: all(job.state is JobState.WAITING for job in all_jobs(engine)), worker)
            asked = len(sim.bar_requests())
            select.select([], [], [], 1.5)
            assert len(sim.bar_requests()) == asked, "nothing is asked while it is paused"
            assert ingest.run("jobs", "resume", "--gateway", "default").returncode == 0
            eventually(lambda: all_done(engine), worker)
            assert max(job.progress.slices for job in all_jobs(engine)) > 1
            worker.send_signal(signal.SIGINT)
            assert worker.wait(timeout=30) == 130
        windows = [
            (each["window_start"], each["window_end"], each["contract"]["symbol"]) for each in sim.bar_requests()
        ]
        assert len(windows) == len(set(windows)), "what was on the wire was waited for"
    assert_true_and_whole(engine, 4)


@pytest.mark.timeout(100)
def test_a_cancelled_job_stops_at_once_and_keeps_what_came(tmp_path: Path, database_url: str, engine: Engine) -> None:
    with simulator(tmp_path, "--now", NOW, "--latency", "1.5") as sim:
        ingest = CommandLine.at(tmp_path, port=sim.port, database_url=database_url, **QUICK)
        queue_fills(ingest, engine, BarSize.MIN_1)
        with working(ingest) as worker:
            eventually(lambda: sum(len(held(engine, row.id)) > 0 for row in rows_of(engine)) == len(SYMBOLS), worker)
            assert ingest.run("jobs", "cancel", "--all", "--yes").returncode == 0
            eventually(lambda: all(job.state is JobState.CANCELLED for job in all_jobs(engine)), worker)
            select.select([], [], [], 1.0)
            asked = len(sim.bar_requests())
            select.select([], [], [], 1.0)
            assert len(sim.bar_requests()) == asked
    assert ingest.run("coverage", "--prove").returncode == 0
    assert sum(len(held(engine, row.id)) for row in rows_of(engine)) > 1000


#: The server's own error when it cannot extend a file.
NO_ROOM = """
CREATE FUNCTION ingest.no_room() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
CREATE TRIGGER no_room BEFORE INSERT ON ingest.ledger EXECUTE FUNCTION ingest.no_room()
"""


@pytest.mark.timeout(100)
def test_a_database_that_is_full_is_waited_for_and_costs_no_job(
    tmp_path: Path, database_url: str, engine: Engine
) -> None:
    shared = ("--now", NOW, "--seed", "4", "--time-scale", "50", "--latency", "20")
    with simulator(tmp_path, *shared) as sim:
        ingest = CommandLine.at(tmp_path, port=sim.port, database_url=database_url, INGEST_CLOCK_SCALE="50", **QUICK)
        queue_fills(ingest, engine, BarSize.MIN_1)
        with engine.begin() as connection:
            connection.exec_driver_sql(NO_ROOM)
        with working(ingest) as worker:
            eventually(lambda: standing(engine) == "database full", worker)
            eventually(lambda: all(job.state is JobState.WAITING for job in all_jobs(engine)), worker)
            assert len(sim.bar_requests()) <= 20, "it goes on asking for what it cannot keep"
            with engine.begin() as connection:
                connection.exec_driver_sql("DROP TRIGGER no_room ON ingest.ledger")
            eventually(lambda: all_done(engine), worker)
    assert_true_and_whole(engine, 4)


DEAF = """
[[fault]]
action = "silence"
match = { message = "historical" }
"""


@pytest.mark.timeout(100)
def test_a_gateway_that_answers_nothing_leaves_its_jobs_to_another(
    tmp_path: Path, database_url: str, engine: Engine
) -> None:
    """It is connected and says that all is well. At twenty times the wall's clock its pauses are seconds."""
    (tmp_path / "deaf.toml").write_text(DEAF)
    for name in ("deaf", "well"):
        (tmp_path / name).mkdir()
    shared = ("--now", NOW, "--seed", "4", "--time-scale", "20", "--latency", "4")
    with (
        simulator(tmp_path / "deaf", *shared, "--faults", str(tmp_path / "deaf.toml")) as deaf,
        simulator(tmp_path / "well", *shared) as well,
    ):
        gateways = "".join(
            f'[gateways.{name}]\nport = {sim.port}\nlogin = "{name}"\n'
            for name, sim in (("deaf", deaf), ("well", well))
        )
        (tmp_path / "ingest.toml").write_text(
            f"[gateway]\nrequest_seconds = 10\n[worker]\nfirst_wait_minutes = 1\n[clock]\nscale = 20\n{gateways}"
        )
        ingest = CommandLine.at(tmp_path, port=well.port, database_url=database_url, **QUICK)
        queue_fills(ingest, engine, BarSize.MIN_1)
        with working(ingest, "--gateway", "deaf") as first:
            eventually(lambda: standing(engine) == "no answers", first)
            with working(ingest, "--gateway", "well") as second:
                eventually(lambda: all_done(engine), second)
            assert first.poll() is None
    assert len(deaf.bar_requests()) >= 10, "it never was in the way"
    assert {job.progress.gateway for job in all_jobs(engine)} == {"well"}
    assert_true_and_whole(engine, 4)


def standing(engine: Engine) -> str:
    with engine.connect() as connection:
        found = posts.listing(connection)
    return found[0].state if found else ""


def rows_of(engine: Engine):  # type: ignore[no-untyped-def]
    with engine.connect() as connection:
        return listing(connection)


def held(engine: Engine, series_id: int):  # type: ignore[no-untyped-def]
    with engine.connect() as connection:
        (row,) = [each for each in listing(connection) if each.id == series_id]
        return bars.read(connection, row)
