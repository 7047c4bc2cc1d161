"""IB counts small requests by login: several processes, and processes that are killed, keep its rules together.

The simulator is the judge: it counts every request that arrives, in its own time, and shares no code with the pacer.
"""

import asyncio
import json
import random
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from sqlalchemy import Engine, text

from ingest.simulator.clock import SimulatorClock
from ingest.simulator.manners.latency import Latency
from ingest.simulator.server import RunningSimulator, serve
from ingest.simulator.settings import ServerOptions
from tests.acceptance.asking import CONTRACTS, FIRST_CON_ID
from tests.simulator.server.tiny import AAPL, TinyMarket, at

pytestmark = pytest.mark.slow

SCALE = 60.0
KILLS = 10


@pytest.fixture
async def simulator() -> AsyncIterator[RunningSimulator]:
    listed = tuple(
        replace(AAPL, con_id=FIRST_CON_ID + n, symbol=f"S{n}", local_symbol=f"S{n}") for n in range(CONTRACTS)
    )
    clock = SimulatorClock(base=at("2024-01-08T12:00:00"), scale=SCALE)
    async with await serve(ServerOptions(latency=Latency(0.5)), TinyMarket(listed), clock, lambda event: None) as found:
        yield found
        assert not found.failures


async def started(simulator: RunningSimulator, database_url: str, **more: int) -> Process:
    given = {"database": database_url, "port": simulator.port, "scale": SCALE, "first": 0, "client_id": 1, **more}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.acceptance.asking", json.dumps(given), stdout=PIPE, stderr=PIPE
    )


async def finished(process: Process) -> None:
    out, problem = await process.communicate()
    assert (process.returncode, out) == (0, b"all answered\n"), problem.decode()


async def test_two_processes_on_one_login_break_no_rule(
    simulator: RunningSimulator, database_url: str, engine: Engine
) -> None:
    """They ask 100 questions together (60 may go in ten minutes), and twenty of them are the same in both."""
    first = await started(simulator, database_url, count=50)
    second = await started(simulator, database_url, first=30, count=50, client_id=2)
    await asyncio.gather(finished(first), finished(second))
    assert simulator.violations == ()
    assert simulator.counters["requests"] == 100
    assert open_bookings(engine) == 100, "answers are settled by whoever stores them, and nobody does here"


@pytest.mark.timeout(240)
async def test_a_process_that_is_killed_again_and_again_breaks_no_rule(
    simulator: RunningSimulator, database_url: str, engine: Engine
) -> None:
    """Each time it starts with the same questions: a crash loop at its worst."""
    chance, kills = random.Random(7), 0
    while kills < KILLS:
        seen, enough = simulator.counters.get("requests", 0), chance.randint(1, 25)
        process = await started(simulator, database_url, count=30)
        ending = asyncio.ensure_future(process.wait())
        while not ending.done() and simulator.counters.get("requests", 0) < seen + enough:
            await asyncio.wait([ending], timeout=0.002)
        if not ending.done():
            process.kill()
            kills += 1
        await process.communicate()
    await finished(await started(simulator, database_url, count=30))
    assert simulator.violations == ()
    assert simulator.counters["requests"] > 90, "the budget of ten minutes was not what was in the way"
    assert open_bookings(engine) >= simulator.counters["requests"], "something left without a booking"


def open_bookings(engine: Engine) -> int:
    with engine.connect() as connection:
        counted = "SELECT count(*) FROM ingest.requests WHERE booked_at IS NOT NULL AND outcome = 'sent'"
        return int(connection.execute(text(counted)).scalar_one())
