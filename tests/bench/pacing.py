"""How close the pacing comes to the best that anybody could do, judged by the simulator on a faster clock.

Small bars: 600 requests, distinct in everything, so that only "no more than 60 in any 600 s" binds. The best any
schedule can do: request 60·k + 1 may not arrive before 600·k s after the first, or 61 would lie within 600 s; so the
last group (k = 9) cannot begin before 5,400 s, and 60 at once every 600 s would be done by then. The whole way is
measured: every request is booked in a real PostgreSQL before it leaves. On the faster clock a millisecond of ours is a
sixth of a second.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Engine

from ingest.app.booking import DatabaseBook
from ingest.clock import Clock, SystemClock
from ingest.config import ExactSettings
from ingest.database import Database
from ingest.domain.bar_size import BarSize
from ingest.domain.instrument import Instrument
from ingest.domain.request import Duration, HistoricalRequest
from ingest.domain.series import Origin, Series
from ingest.domain.what import WhatToShow
from ingest.gateway.address import GatewayAddress
from ingest.gateway.client import Gateway
from ingest.gateway.gate import PacedGate
from ingest.gateway.pacing import Pacer, PacingRules
from ingest.simulator.clock import SimulatorClock
from ingest.simulator.manners.latency import Latency
from ingest.simulator.market.types import Bars, Contract
from ingest.simulator.market.types import BarSize as SimulatedSize
from ingest.simulator.server import RunningSimulator, serve
from ingest.simulator.settings import ServerOptions
from ingest.store import migrate
from ingest.store import series as series_store
from tests.given import at
from tests.simulator.server.tiny import AAPL, TinyMarket, line_of_bars

SMALL_SCALE = 165.0
GROUP, GROUPS = 60, 10
CONTRACTS = 60
NOON, END = at("2024-01-08 12:00"), at("2024-01-05 20:00")


class PlainMarket(TinyMarket):
    """Bars that cost nothing to make: in one process with the client, the simulator must not keep it waiting."""

    def bars(self, contract: Contract, what: str, size: SimulatedSize, start: int, end: int, *, use_rth: bool) -> Bars:
        step = size.seconds or 86_400
        starts = range(max(start, end - 12 * step) // step * step, end, step)
        return line_of_bars(starts, [step] * len(starts))


@dataclass(frozen=True, slots=True)
class SmallBars:
    """`best` is what no schedule can beat; seconds of the simulator's time."""

    took: float
    best: float
    violations: int


def small_bars(folder: Path, *, groups: int = GROUPS) -> SmallBars:
    """Ask for `groups` · 60 small requests at once, and see how long the gate takes to let them all through."""
    with Database.open(ExactSettings(home=folder), checked=False) as database:
        migrate.upgrade(database.engine)
        return asyncio.run(_small_bars(database.engine, groups))


async def _small_bars(engine: Engine, groups: int) -> SmallBars:
    series = [Series(_instrument(number), BarSize.SEC_5, WhatToShow.TRADES) for number in range(CONTRACTS)]
    with engine.begin() as connection:  # as a run does before it asks
        for one in series:
            series_store.ensure(connection, one, Origin.SYNTHETIC)
    wanted = [
        HistoricalRequest(one, END - timedelta(minutes=n), Duration(60, "S")) for n in range(groups) for one in series
    ]
    clock = SystemClock(SMALL_SCALE, start=NOON)
    # A hundredth of a wall second to either side, as much as half a second is on a clock that is not sped up.
    rules = PacingRules(open_requests=32, guard=0.012 * SMALL_SCALE, grace=0.012 * SMALL_SCALE)
    gate = PacedGate(Pacer(rules), clock)
    gate.share(DatabaseBook(engine, clock, rules, SMALL_SCALE))
    async with await _simulator(SMALL_SCALE, Latency(0.05)) as simulator:
        took = await _all_answers(simulator, gate, clock, wanted)
        return SmallBars(took, 600.0 * (groups - 1), len(simulator.violations))


async def _all_answers(
    simulator: RunningSimulator, gate: PacedGate, clock: Clock, wanted: Sequence[HistoricalRequest]
) -> float:
    """Seconds from asking for all to the last answer."""
    async with Gateway(GatewayAddress(port=simulator.port), clock, gate) as gateway:
        for what in (WhatToShow.TRADES, WhatToShow.MIDPOINT):  # first answers cost imports and caches on both sides
            warm = replace(wanted[0].series, bar_size=BarSize.MIN_1, what=what)
            await gateway.historical_bars(HistoricalRequest(warm, END, Duration(1, "D")), None, 600)
        began = clock.monotonic()
        await asyncio.gather(*(gateway.historical_bars(request, None, 600) for request in wanted))
        return clock.monotonic() - began


async def _simulator(scale: float, latency: Latency) -> RunningSimulator:
    listed = tuple(replace(AAPL, con_id=1 + n, symbol=f"S{n}", local_symbol=f"S{n}") for n in range(CONTRACTS))
    options = ServerOptions(latency=latency)
    return await serve(options, PlainMarket(listed), SimulatorClock(NOON.timestamp(), scale), lambda event: None)


def _instrument(number: int) -> Instrument:
    return Instrument(1 + number, f"S{number}", "STK", "SMART", "USD", local_symbol=f"S{number}")
