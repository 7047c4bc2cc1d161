"""The database stops in the middle of a load, or the wire to it is cut: nothing is lost or doubled, the run goes on."""

import asyncio
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine

from ingest.app.connecting import counting, gate_of, make_run, open_gateway
from ingest.app.ordering import order_of, series_of
from ingest.app.resolving import resolve
from ingest.clock import SystemClock
from ingest.config import ExactSettings, GatewaySettings
from ingest.domain.bar_size import BarSize
from ingest.domain.instrument import InstrumentQuery
from ingest.progress import Progress, RunReport
from ingest.simulator.clock import SimulatorClock
from ingest.simulator.manners.latency import Latency
from ingest.simulator.market import open_market
from ingest.simulator.market.types import BAR_SIZES, Market
from ingest.simulator.server import RunningSimulator, serve
from ingest.simulator.settings import ServerOptions
from ingest.store import bars, migrate
from ingest.store.embedded import EmbeddedServer
from ingest.store.engine import create_engine, parse_url
from ingest.store.series import listing

NOW = datetime(2024, 6, 10, 12, 0, tzinfo=UTC)
START, END = date(2023, 9, 1), date(2024, 6, 1)
SCALE = 10.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    with EmbeddedServer.start(tmp_path / "home") as running:
        engine = create_engine(running.url)
        migrate.upgrade(engine)
        engine.dispose()
        yield running


@dataclass(slots=True)
class CutWire:
    """A proxy in front of PostgreSQL's socket; `cut` drops every connection and refuses new ones until `mend`."""

    folder: Path
    target: str
    _pairs: list[tuple[socket.socket, socket.socket]] = field(default_factory=list)
    _is_cut: bool = False

    @contextmanager
    def listening(self) -> Iterator["CutWire"]:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(self.folder / ".s.PGSQL.5432"))
            listener.listen()
            thread = threading.Thread(target=self._accept, args=(listener,), daemon=True)
            thread.start()
            yield self
            self.cut()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()

    def cut(self) -> None:
        self._is_cut = True
        for pair in self._pairs:
            for end in pair:
                with _quietly():
                    end.shutdown(socket.SHUT_RDWR)
        self._pairs.clear()

    def mend(self) -> None:
        self._is_cut = False

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            if self._is_cut:
                client.close()
                continue
            backend = socket.socket(socket.AF_UNIX)
            backend.connect(self.target)
            self._pairs.append((client, backend))
            for source, sink in ((client, backend), (backend, client)):
                threading.Thread(target=_pump, args=(source, sink), daemon=True).start()


@contextmanager
def _quietly() -> Iterator[None]:
    try:
        yield
    except OSError:
        return


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with _quietly():
        while received := source.recv(65_536):
            sink.sendall(received)
    for end in (source, sink):
        with _quietly():
            end.shutdown(socket.SHUT_RDWR)
        end.close()


async def test_a_server_that_is_stopped_and_started_in_the_middle_of_loads(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    shares: list[EmbeddedServer] = []

    async def stop_and_start(progress: Progress) -> None:
        for share in (0.2, 0.5):
            await reached(progress, share)
            await asyncio.to_thread(_stop_at_once, server)
            await asyncio.sleep(0.3)
            again = await asyncio.to_thread(EmbeddedServer.start, tmp_path / "home")
            shares.append(again)
            assert again.url == server.url

    await run_while(create_engine(server.url), tmp_path, stop_and_start)
    for share in shares:
        share.stop()


async def test_a_wire_that_is_cut_in_the_middle_of_loads(server: EmbeddedServer, tmp_path: Path) -> None:
    target = parse_url(server.url).query["host"]
    folder = tmp_path / "w"
    folder.mkdir()
    with CutWire(folder, f"{target}/.s.PGSQL.5432").listening() as wire:

        async def cut_and_mend(progress: Progress) -> None:
            for share in (0.1, 0.3, 0.5, 0.7):
                await reached(progress, share)
                wire.cut()
                await asyncio.sleep(0.1)
                wire.mend()

        url = parse_url(server.url).set(query={"host": str(folder)})
        await run_while(create_engine(url), tmp_path, cut_and_mend)


async def run_while(engine: Engine, home: Path, mischief) -> None:  # type: ignore[no-untyped-def]
    market = open_market("synthetic", 9)
    clock = SystemClock(start=NOW, scale=SCALE)
    options = ServerOptions(latency=Latency(1.0, 0), message_rate_rule="off")
    async with await serve(options, market, SimulatorClock(NOW.timestamp(), SCALE), lambda _event: None) as simulator:
        progress = Progress(clock.now())
        trouble = asyncio.create_task(mischief(progress))
        report = await filled(engine, home, simulator, clock, progress)
        await asyncio.wait_for(trouble, 60)  # its last outage may end after the last load
    assert report.is_complete
    assert_equal(market, engine)
    engine.dispose()


async def filled(
    engine: Engine, home: Path, simulator: RunningSimulator, clock: SystemClock, progress: Progress
) -> RunReport:
    settings = ExactSettings(home=home, gateway=GatewaySettings(port=simulator.port, concurrency=2))
    gate = gate_of(settings, clock)
    async with open_gateway(settings, clock, gate, on_record=counting(progress)) as gateway:
        apple = await resolve(gateway, engine, InstrumentQuery.parse("AAPL"))
        order = order_of(series_of(apple, BarSize.MIN_1, None, outside_rth=False), START, END, clock)
        return await make_run(settings, engine, gateway, clock, progress).complete([order])


async def reached(progress: Progress, share: float) -> None:
    while not progress.planned or progress.settled < share * progress.planned:
        await asyncio.sleep(0.01)


def _stop_at_once(server: EmbeddedServer) -> None:
    """As a crash would: no time to finish anything."""
    cluster = server.cluster
    command = [str(cluster.binaries / "pg_ctl"), "stop", "--mode", "immediate", "--pgdata", str(cluster.data)]
    subprocess.run(command, check=True, capture_output=True, cwd="/", **cluster.account.run_as())


def assert_equal(market: Market, engine: Engine) -> None:
    contract = next(one for one in market.contracts() if one.symbol == "AAPL")
    minute = next(size for size in BAR_SIZES if size.text == "1 min")
    edges = [int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) for day in (START, END)]
    truth = market.bars(contract, "TRADES", minute, *edges, use_rth=True)
    with engine.connect() as connection:
        (row,) = listing(connection)
        held = bars.read(connection, row)
    assert np.array_equal(held["ts"].cast("int64").to_numpy() // 1_000_000, truth.start)
    assert np.array_equal(held["close"].to_numpy(), truth.close)
