"""The budget for small bars is shared out by priority: who is in no hurry leaves some of it to those who are."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Engine, func, select

from ingest.domain.answer import RequestRecord
from ingest.domain.bar_size import BarSize
from ingest.domain.series import Origin, Series
from ingest.domain.what import WhatToShow
from ingest.domain.window import Window
from ingest.fetch import Fetcher, RetryPolicy
from ingest.gateway.address import GatewayAddress
from ingest.gateway.client import Gateway
from ingest.gateway.gate import PacedGate
from ingest.gateway.pacing import Pacer, PacingRules
from ingest.simulator.manners.latency import Latency
from ingest.simulator.server import serve
from ingest.simulator.settings import ServerOptions
from ingest.store import series as series_store
from ingest.store.series import SeriesRow
from ingest.store.tables import requests
from ingest.worker.locking import SharedLocks
from ingest.worker.run import Options
from ingest.worker.slices import Station, SteadyTime
from tests import given
from tests.faults.scene import NOW, SPANS, instrument, market, unheard
from tests.faults.virtual import LoopClock, LoopSimulatorClock, run_virtually

RULES = PacingRules(open_requests=8)
#: Eighty requests and more, and four; SPANS asks for two hours at a time.
BACKFILL = given.window("2024-04-22", "2024-05-25")
NIGHTLY = Window(datetime(2024, 6, 7, 13, 30, tzinfo=UTC), datetime(2024, 6, 7, 20, 0, tzinfo=UTC))
#: By now the backfill has spent what it may.
LATER = 120.0


@dataclass(frozen=True, slots=True)
class Evening:
    """What the backfill had asked for when the nightly series began, and how long that took then."""

    spent: int
    seconds: float
    is_complete: bool
    violations: int


async def an_evening(engine: Engine, spare: int) -> Evening:
    """A backfill that leaves `spare` to others, and two minutes later somebody who leaves nothing."""
    clock = LoopClock(NOW, asyncio.get_running_loop())
    options = ServerOptions(max_version=200, latency=Latency(0.2, 0.0))
    stations: list[Station] = []

    def hear(record: RequestRecord) -> None:
        for each in stations:
            each.hear(record)

    locks = SharedLocks(engine)
    async with await serve(options, market(), LoopSimulatorClock(NOW.timestamp()), unheard) as simulator:
        address = GatewayAddress(port=simulator.port, client_id=3, login_name="main", max_server_version=200)
        async with Gateway(address, clock, PacedGate(Pacer(RULES), clock), on_record=hear) as gateway:
            fetcher = Fetcher(gateway, clock, RetryPolicy(), 30.0)
            station = Station(engine, SteadyTime(gateway, clock), fetcher, clock, lambda: Options(SPANS, 8), locks)
            stations.append(station)
            slow, urgent = (_row(engine, what) for what in (WhatToShow.TRADES, WhatToShow.MIDPOINT))
            backfill = asyncio.create_task(
                station.work(slow, (BACKFILL,), 3600.0, tried=(), retry_failed=False, spare=spare)
            )
            await clock.sleep(LATER)
            spent, began = _asked(engine), clock.monotonic()
            nightly = await station.work(urgent, (NIGHTLY,), 3600.0, tried=(), retry_failed=False)
            seconds = clock.monotonic() - began
            station.leave()
            await backfill
        violations = len(simulator.violations)
    locks.close()
    return Evening(spent, seconds, nightly.end.report.is_complete, violations)


def _row(engine: Engine, what: WhatToShow) -> SeriesRow:
    with engine.begin() as connection:
        return series_store.ensure(connection, Series(instrument(), BarSize.SEC_30, what), Origin.SYNTHETIC)


def _asked(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(requests)).scalar_one()


def test_a_backfill_that_leaves_some_of_the_budget_does_not_delay_what_is_urgent(engine: Engine) -> None:
    evening = run_virtually(an_evening(engine, 6))
    assert evening.spent == 54
    assert evening.seconds < 10
    assert evening.is_complete
    assert evening.violations == 0


def test_one_that_leaves_nothing_would_delay_it_by_minutes(engine: Engine) -> None:
    """What the reserve is for: so it is where nothing of a higher priority is known."""
    evening = run_virtually(an_evening(engine, 0))
    assert evening.spent == 60
    assert evening.seconds > 400
    assert evening.violations == 0
