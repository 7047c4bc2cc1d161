"""How close the pacing comes to the best that anybody could do, judged by the simulator on a faster clock.

Small bars: 600 requests, distinct in everything, so that only "no more than 60 in any 600 s" binds. The best any
schedule can do: request 60·k + 1 may not arrive before 600·k s after the first, or 61 would lie within 600 s; so the
last group (k = 9) cannot begin before 5,400 s, and 60 at once every 600 s would be done by then. The whole way is
measured: every request is booked in a real PostgreSQL before it leaves.

Large bars: the service takes a second an answer, and five more for each request that is open beyond ten; nobody is
told. A client that knows it keeps ten open; ours begins with four and learns.
"""

import asyncio
import sys
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Engine

from ingest.app.booking import DatabaseBook
from ingest.clock import SystemClock
from ingest.domain.bar_size import BarSize
from ingest.domain.request import Duration, HistoricalRequest
from ingest.domain.series import Origin, Series
from ingest.domain.what import WhatToShow
from ingest.gateway.adaptive import OpenRequests
from ingest.gateway.address import GatewayAddress
from ingest.gateway.client import Gateway
from ingest.gateway.gate import PacedGate
from ingest.gateway.pacing import Pacer, PacingRules
from ingest.simulator.manners.latency import Latency
from ingest.store import migrate
from ingest.store import series as series_store
from ingest.store.embedded import EmbeddedServer
from ingest.store.engine import create_engine
from tests.bench.judge import CONTRACTS, NOON, instrument, judge
from tests.given import at

SMALL_SCALE = 148.0
GROUPS = 10  # of 60: one request of each contract
END = at("2024-01-05 20:00")
LARGE_SCALE, LARGE_SECONDS = 25.0, 400.0
HIDDEN_LIMIT = 10
#: A disk does not run faster with the clock: its flush of 2 ms would be as one of a third of a second.
UNHURRIED = {"fsync": "off", "synchronous_commit": "off"}


@dataclass(frozen=True, slots=True)
class SmallBars:
    """`best` is what no schedule can beat; seconds of the simulator's time."""

    took: float
    best: float
    violations: int


def small_bars(folder: Path, *, groups: int = GROUPS) -> SmallBars:
    """Ask for `groups` · 60 small requests at once, and see how long the gate takes to let them all through."""
    server = EmbeddedServer.start(folder / "pacing", settings=UNHURRIED)
    engine = create_engine(server.url)
    patience = sys.getswitchinterval()
    sys.setswitchinterval(0.000_5)  # the loop and the booking's thread take turns; 5 ms would be most of a second
    try:
        migrate.upgrade(engine)
        return asyncio.run(_small_bars(engine, groups))
    finally:
        sys.setswitchinterval(patience)
        engine.dispose()
        server.stop()


async def _small_bars(engine: Engine, groups: int) -> SmallBars:
    series = [Series(instrument(number), BarSize.SEC_5, WhatToShow.TRADES) for number in range(CONTRACTS)]
    with engine.begin() as connection:  # as a run does before it asks
        for one in series:
            series_store.ensure(connection, one, Origin.SYNTHETIC)
    wanted = [_request(one, number) for number in range(groups) for one in series]
    clock = SystemClock(SMALL_SCALE, start=NOON)
    # Milliseconds of the wall, which are as much here as half a second is on a clock that is not sped up.
    rules = PacingRules(open_requests=32, guard=0.006 * SMALL_SCALE, grace=0.006 * SMALL_SCALE)
    gate = PacedGate(Pacer(rules), clock)
    gate.share(DatabaseBook(engine, clock, rules, SMALL_SCALE))
    async with (
        await judge(SMALL_SCALE, Latency(0.05)) as simulator,
        Gateway(GatewayAddress(port=simulator.port), clock, gate) as gateway,
    ):
        await _warm(gateway, series[:2])
        began = clock.monotonic()
        await asyncio.gather(*(gateway.historical_bars(request, None, 3600) for request in wanted))
        return SmallBars(clock.monotonic() - began, 600.0 * (groups - 1), len(simulator.violations))


async def _warm(gateway: Gateway, series: list[Series]) -> None:
    """First answers cost imports and caches on both sides."""
    for one in series:
        daily = HistoricalRequest(replace(one, bar_size=BarSize.MIN_1), END, Duration(1, "D"))
        await gateway.historical_bars(daily, None, 3600)


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
    knowing, _ = asyncio.run(_large_bars(OpenRequests(HIDDEN_LIMIT, HIDDEN_LIMIT), rules, seconds))
    learning, allowed = asyncio.run(_large_bars(OpenRequests(32), rules, seconds))
    return LargeBars(knowing, learning, allowed)


async def _large_bars(load: OpenRequests, rules: PacingRules, seconds: float) -> tuple[float, int]:
    clock = SystemClock(LARGE_SCALE, start=NOON)
    latency = Latency(base=1.0, soft_limit=HIDDEN_LIMIT, overload_seconds=5.0)
    async with (
        await judge(LARGE_SCALE, latency) as simulator,
        Gateway(GatewayAddress(port=simulator.port), clock, PacedGate(Pacer(rules), clock, load)) as gateway,
    ):
        await _warm(gateway, [Series(instrument(0), BarSize.HOUR_1, WhatToShow.TRADES)])
        began = clock.monotonic()
        answers = await asyncio.gather(*(_asking(gateway, clock, number, began + seconds) for number in range(32)))
        return sum(answers) / (clock.monotonic() - began), load.allowed


async def _asking(gateway: Gateway, clock: SystemClock, number: int, until: float) -> int:
    """One of those who ask, one request after the other; gives how many were answered."""
    series, answered = Series(instrument(number), BarSize.HOUR_1, WhatToShow.TRADES), 0
    while clock.monotonic() < until:
        await gateway.historical_bars(HistoricalRequest(series, END, Duration(1, "D")), None, 120)
        answered += 1
    return answered
