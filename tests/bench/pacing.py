"""How close the pacing comes to the best that anybody could do, in the judgement of the simulator.

Both run on a virtual loop: time passes only while everybody waits, so that hours take seconds and a busy machine
changes nothing. Computing costs no time on it; a booking's few milliseconds, sixty times in ten minutes, are 0.04 %.

Small bars: 600 requests, distinct in everything, so that only "no more than 60 in any 600 s" binds. The best any
schedule can do: request 60·k + 1 may not arrive before 600·k s after the first, or 61 would lie within 600 s; so the
last group (k = 9) cannot begin before 5,400 s, and 60 at once every 600 s would be done by then. The whole way is
measured: every request is booked in a real PostgreSQL before it leaves (whose clock is the loop's, too).

Large bars: the service takes a second an answer, and five more for each request that is open beyond ten; nobody is
told. A client that knows it keeps ten open; ours begins with four and learns.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Connection, Engine, event, text

from ingest.app.booking import DatabaseBook
from ingest.domain.bar_size import BarSize
from ingest.domain.request import Duration, HistoricalRequest
from ingest.domain.series import Series
from ingest.domain.what import WhatToShow
from ingest.gateway.adaptive import OpenRequests
from ingest.gateway.address import GatewayAddress
from ingest.gateway.client import Gateway
from ingest.gateway.gate import PacedGate
from ingest.gateway.pacing import Pacer, PacingRules
from ingest.simulator.manners.latency import Latency
from ingest.store import migrate
from ingest.store.embedded import EmbeddedServer
from ingest.store.engine import create_engine
from tests.bench.judge import CONTRACTS, NOON, instrument, judge
from tests.faults.virtual import LoopClock, run_virtually
from tests.given import at

GROUPS = 10  # of 60: one request of each contract
LARGE_SECONDS = 400.0
HIDDEN_LIMIT = 10
END = at("2024-01-05 20:00")
#: Put before PostgreSQL's own in the search path of every session.
_CLOCK = """
CREATE SCHEMA bench;
CREATE FUNCTION bench.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
RETURN to_timestamp(current_setting('bench.now')::float8);
"""


@dataclass(frozen=True, slots=True)
class SmallBars:
    """`best` is what no schedule can beat; seconds of the simulator's time."""

    took: float
    best: float
    violations: int


def small_bars(folder: Path, *, groups: int = GROUPS) -> SmallBars:
    """Ask for `groups` · 60 small requests at once, and see how long the gate takes to let them all through."""
    server = EmbeddedServer.start(folder / "pacing")
    engine = create_engine(server.url)
    try:
        migrate.upgrade(engine)
        with engine.begin() as connection:
            connection.execute(text(_CLOCK))
        return run_virtually(_small_bars(engine, groups))
    finally:
        engine.dispose()
        server.stop()


async def _small_bars(engine: Engine, groups: int) -> SmallBars:
    series = [Series(instrument(number), BarSize.SEC_5, WhatToShow.TRADES) for number in range(CONTRACTS)]
    wanted = [_request(one, number) for number in range(groups) for one in series]
    clock = LoopClock(NOON, asyncio.get_running_loop())
    _tell_time(engine, clock)
    gate = PacedGate(Pacer(PacingRules(open_requests=32)), clock)
    gate.share(DatabaseBook(engine, clock, gate.pacer.rules))
    async with (
        await judge(Latency(0.05)) as simulator,
        Gateway(GatewayAddress(port=simulator.port), clock, gate) as gateway,
    ):
        began = clock.monotonic()
        await asyncio.gather(*(gateway.historical_bars(request, None, 60) for request in wanted))
        return SmallBars(clock.monotonic() - began, 600.0 * (groups - 1), len(simulator.violations))


def _tell_time(engine: Engine, clock: LoopClock) -> None:
    """Every transaction begins by learning what time it is; while a thread is at work, time stands still."""

    @event.listens_for(engine, "begin")
    def tell(connection: Connection) -> None:
        for name, value in (("bench.now", str(clock.monotonic())), ("search_path", "bench, pg_catalog, public")):
            connection.exec_driver_sql("SELECT set_config(%s, %s, false)", (name, value))


def _request(series: Series, number: int) -> HistoricalRequest:
    return HistoricalRequest(series, END - timedelta(minutes=number), Duration(60, "S"))


@dataclass(frozen=True, slots=True)
class LargeBars:
    """Answers a second of the simulator's time: of a client that knows the limit, and of one that learns it."""

    knowing: float
    learning: float
    allowed: int


def large_bars(*, seconds: float = LARGE_SECONDS) -> LargeBars:
    """For so long of the simulator's time each, against a service that slows down beyond a limit it hides."""
    rules = PacingRules(open_requests=32)
    knowing, _ = run_virtually(_large_bars(OpenRequests(HIDDEN_LIMIT, HIDDEN_LIMIT), rules, seconds))
    learning, allowed = run_virtually(_large_bars(OpenRequests(32), rules, seconds))
    return LargeBars(knowing, learning, allowed)


async def _large_bars(load: OpenRequests, rules: PacingRules, seconds: float) -> tuple[float, int]:
    clock = LoopClock(NOON, asyncio.get_running_loop())
    latency = Latency(base=1.0, soft_limit=HIDDEN_LIMIT, overload_seconds=5.0)
    async with (
        await judge(latency) as simulator,
        Gateway(GatewayAddress(port=simulator.port), clock, PacedGate(Pacer(rules), clock, load)) as gateway,
    ):
        began = clock.monotonic()
        answers = await asyncio.gather(*(_asking(gateway, clock, number, began + seconds) for number in range(32)))
        return sum(answers) / (clock.monotonic() - began), load.allowed


async def _asking(gateway: Gateway, clock: LoopClock, number: int, until: float) -> int:
    """One of those who ask, one request after the other; gives how many were answered."""
    series, answered = Series(instrument(number), BarSize.HOUR_1, WhatToShow.TRADES), 0
    while clock.monotonic() < until:
        await gateway.historical_bars(HistoricalRequest(series, END, Duration(1, "D")), None, 120)
        answered += 1
    return answered
