"""Night after night: every series brought up to date through a gateway on bad days, then held against the truth."""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine

from ingest.app.connecting import counting, gate_of, make_run, open_gateway
from ingest.app.ordering import order_of, series_of
from ingest.app.resolving import resolve
from ingest.app.standing import ledgers_of
from ingest.config import ExactSettings, GatewaySettings
from ingest.domain.bar_size import BarSize
from ingest.domain.instrument import InstrumentQuery
from ingest.domain.series import Series
from ingest.domain.what import WhatToShow
from ingest.domain.window import Window
from ingest.errors import IngestError
from ingest.progress import Progress, RunReport
from ingest.simulator.faults.script import FaultScript, parse_script
from ingest.simulator.manners.latency import Latency
from ingest.simulator.market import open_market
from ingest.simulator.market.types import Market
from ingest.simulator.server import RunningSimulator, serve
from ingest.simulator.settings import ServerOptions
from ingest.store import bars
from ingest.store.series import listing
from tests.soak.truth import difference
from tests.soak.warp import SimulatorWarpClock, WarpClock, WarpLoop

START = datetime(2024, 4, 1, 1, 30, tzinfo=UTC)
HISTORY = timedelta(days=10)
_STOCKS = ("AAPL", "MSFT", "IBM", "GOOG", "AMZN", "NVDA", "TSLA", "BRK B", "KO", "SPY", "QQQ")
_PAIRS = ("EUR.USD", "GBP.USD", "USD.JPY")
_SIZES = ("1d", "1h", "30m", "15m", "5m")
_QUOTES = (WhatToShow.MIDPOINT, WhatToShow.BID, WhatToShow.ASK)

#: What goes wrong by chance (each with its own seed), and what goes wrong by the clock.
_BAD_DAYS = """
[[fault]]
action = "silence"
match = { message = "historical", probability = 0.01, seed = 1 }
[[fault]]
action = "error"
known = "no_data_spanish"
match = { message = "historical", probability = 0.01, seed = 2 }
[[fault]]
action = "delay"
seconds = 45
match = { message = "historical", probability = 0.02, seed = 3 }
[[fault]]
action = "truncated"
fraction = 0.5
match = { message = "historical", probability = 0.01, seed = 4, times = 40 }
[[fault]]
action = "duplicates"
match = { message = "historical", probability = 0.005, seed = 5 }
[[fault]]
action = "disorder"
match = { message = "historical", probability = 0.005, seed = 6 }
[[fault]]
action = "half_frame"
match = { message = "historical", probability = 0.003, seed = 7 }
[[fault]]
action = "bad_frame"
match = { message = "historical", probability = 0.003, seed = 8 }
[[fault]]
action = "drop"
match = { message = "historical", probability = 0.002, seed = 9 }
[[fault]]
action = "align"
match = { message = "historical", probability = 0.01, seed = 10 }
[[fault]]
action = "restart"
seconds = 120
at = "2024-04-01T03:45:00Z"
every = 86400.0
[[fault]]
action = "connection_lost"
seconds = 60
after = 40.0
every = 90000.0
[[fault]]
action = "farm_down"
seconds = 200
after = 70.0
every = 180000.0
[[fault]]
action = "logout"
seconds = 72000
at = "2024-04-06T00:00:00Z"
every = 604800.0
"""


@dataclass(slots=True)
class Diary:
    """What happened: nights run, runs that ended early and why, nights that could not get everything."""

    nights: int = 0
    incomplete: int = 0
    ended_early: list[str] = field(default_factory=list)
    requests: int = 0
    faults: int = 0
    violations: int = 0
    bars: int = 0
    series: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not self.wrong and not self.violations


def wishes(count: int) -> Iterator[tuple[str, BarSize, WhatToShow | None]]:
    """Instruments × sizes × data types, shuffled by a fixed seed, the first `count`."""
    every = [(name, BarSize.parse(size), what) for name in _STOCKS for size in _SIZES for what in (None, *_QUOTES)]
    every += [(name, BarSize.parse(size), what) for name in _PAIRS for size in _SIZES for what in _QUOTES]
    random.Random(4).shuffle(every)
    yield from every[:count]


def soak(engine: Engine, home: Path, *, series: int, days: int, seed: int = 3) -> Diary:
    """So many nights, all faults on; then nights without faults until all is held (three at most)."""
    loop = WarpLoop()
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(_soak(loop, engine, home, series=series, days=days, seed=seed))
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
        asyncio.set_event_loop(None)


async def _soak(loop: WarpLoop, engine: Engine, home: Path, *, series: int, days: int, seed: int) -> Diary:
    market, clock, diary = open_market("synthetic", seed), WarpClock(loop, START), Diary()
    chosen: list[Series] = []
    async with await _simulator(loop, market, FaultScript()) as calm:
        chosen += await _resolved(engine, home, calm, clock, series)
    async with await _simulator(loop, market, parse_script(_BAD_DAYS), diary) as simulator:
        for night in range(days):
            await clock.sleep((START + timedelta(days=night) - clock.now()).total_seconds())
            await _night(engine, home, simulator, clock, chosen, diary)
        diary.violations = len(simulator.violations)
    for _ in range(3):
        async with await _simulator(loop, market, FaultScript()) as calm:
            report = await _night(engine, home, calm, clock, chosen, diary)
            diary.violations += len(calm.violations)
        if report is not None and report.is_complete:
            break
    else:
        diary.wrong.append("three calm nights could not complete it")
    _compare(market, engine, clock.now(), diary)
    return diary


async def _simulator(
    loop: WarpLoop, market: Market, faults: FaultScript, diary: Diary | None = None
) -> RunningSimulator:
    def listen(event: dict[str, object]) -> None:
        if diary is not None and event.get("event") in ("fault", "incident"):
            diary.faults += 1

    now = START + timedelta(seconds=loop.time())
    clock = SimulatorWarpClock(loop, now - timedelta(seconds=loop.time()))
    return await serve(ServerOptions(latency=Latency(0.3, 0.0001), faults=faults), market, clock, listen)


async def _resolved(
    engine: Engine, home: Path, simulator: RunningSimulator, clock: WarpClock, count: int
) -> list[Series]:
    settings = _settings(home, simulator)
    found = []
    async with open_gateway(settings, clock, gate_of(settings, clock)) as gateway:
        for name, size, what in wishes(count):
            instrument = await resolve(gateway, engine, InstrumentQuery.parse(name))
            found.append(series_of(instrument, size, what, outside_rth=False))
    return found


async def _night(
    engine: Engine, home: Path, simulator: RunningSimulator, clock: WarpClock, chosen: list[Series], diary: Diary
) -> RunReport | None:
    settings = _settings(home, simulator)
    gate = gate_of(settings, clock)
    progress = Progress(clock.now())
    diary.nights += 1
    try:
        async with open_gateway(settings, clock, gate, on_record=counting(progress)) as gateway:
            orders = [order_of(one, (START - HISTORY).date(), None, clock) for one in chosen]
            report = await make_run(settings, engine, gateway, clock, progress).complete(orders)
    except IngestError as error:
        diary.ended_early.append(f"{clock.now():%Y-%m-%d}: {error.message}")
        return None
    finally:
        diary.requests += progress.sent
    diary.incomplete += not report.is_complete
    return report


def _settings(home: Path, simulator: RunningSimulator) -> ExactSettings:
    return ExactSettings(home=home, gateway=GatewaySettings(port=simulator.port, login="soak", request_seconds=60))


def _compare(market: Market, engine: Engine, now: datetime, diary: Diary) -> None:
    """Every bar against the market, and every stretch of every ledger against the log of requests."""
    span = Window(START - HISTORY - timedelta(days=2), now)  # sessions may open days before their date
    with engine.connect() as connection:
        rows = listing(connection)
        diary.series = len(rows)
        for row in rows:
            held = bars.read(connection, row)
            diary.bars += held.num_rows
            problem = difference(market, row, held, span)
            if problem:
                diary.wrong.append(f"{row.series}: {problem}")
    unproved = [str(each.row.series) for each in ledgers_of(engine, rows, prove=True) if each.unproved]
    diary.wrong += [f"{name}: a stretch without proof" for name in unproved]
