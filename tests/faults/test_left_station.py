"""A station that was left asks for nothing more, head timestamps included: each is one of the login's sixty."""

import asyncio

from sqlalchemy import Engine

from ingest.domain.answer import RequestRecord
from ingest.domain.series import Origin
from ingest.fetch import Fetcher, RetryPolicy
from ingest.gateway.address import GatewayAddress
from ingest.gateway.client import Gateway
from ingest.gateway.gate import PacedGate
from ingest.gateway.pacing import Pacer
from ingest.simulator.manners.latency import Latency
from ingest.simulator.server import serve
from ingest.simulator.settings import ServerOptions
from ingest.store import series as series_store
from ingest.worker.locking import SharedLocks
from ingest.worker.run import Options
from ingest.worker.slices import Station, SteadyTime
from tests.faults.scene import NOW, SPANS, Scene, market, unheard
from tests.faults.virtual import LoopClock, LoopSimulatorClock, run_virtually


def test_a_slice_that_begins_when_its_station_was_left_asks_nothing(engine: Engine) -> None:
    scene = Scene(engine, 200)
    heard: list[RequestRecord] = []

    async def begin_late() -> None:
        clock = LoopClock(NOW, asyncio.get_running_loop())
        options = ServerOptions(max_version=200, latency=Latency(0.1, 0.0))
        async with await serve(options, market(), LoopSimulatorClock(NOW.timestamp()), unheard) as simulator:
            gate = PacedGate(Pacer(scene.rules), clock)
            address = GatewayAddress(port=simulator.port)
            async with Gateway(address, clock, gate, scene.deadlines, on_record=heard.append) as gateway:
                fetcher = Fetcher(gateway, clock, RetryPolicy(), 30.0)
                locks = SharedLocks(engine)
                station = Station(engine, SteadyTime(gateway, clock), fetcher, clock, lambda: Options(SPANS), locks)
                station.leave()
                with engine.begin() as connection:
                    row = series_store.ensure(connection, scene.series, Origin.SYNTHETIC)
                await station.work(row, (scene.wish,), 600.0, tried=(), retry_failed=False)
                locks.close()

    run_virtually(begin_late())
    assert heard == []
