"""One backfill of ten sessions against a simulated Gateway, and what the database holds when it has ended.

Everything is the product's own: gateway, gate, fetcher, run, database. Only time is virtual, so deadlines of minutes
and hours hold. The market itself is the truth that stored bars are held against, to the last bit.
"""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Engine

from ingest.domain.bar_size import BarSize
from ingest.domain.bars import BAR_SCHEMA
from ingest.domain.instrument import Instrument
from ingest.domain.ledger import Entry, Ledger, State
from ingest.domain.request import Duration
from ingest.domain.series import Series
from ingest.domain.what import WhatToShow
from ingest.domain.window import Window, total
from ingest.errors import GatewayError
from ingest.fetch import Fetcher, RetryPolicy
from ingest.gateway.address import Deadlines, GatewayAddress
from ingest.gateway.client import Gateway
from ingest.gateway.gate import PacedGate
from ingest.gateway.pacing import Pacer, PacingRules
from ingest.plan.spans import DEFAULT_SPANS, Spans
from ingest.progress import Progress, RunReport
from ingest.simulator.faults.script import parse_script
from ingest.simulator.manners.latency import Latency
from ingest.simulator.market import open_market
from ingest.simulator.market.types import BAR_SIZES, Contract, Market
from ingest.simulator.server import serve
from ingest.simulator.settings import ServerOptions
from ingest.store import bars as bar_store
from ingest.store import ledger
from ingest.store import series as series_store
from ingest.worker.lines import Order
from ingest.worker.run import Options, Run
from tests.faults.virtual import LoopClock, LoopSimulatorClock

NOW = datetime(2024, 6, 10, 12, 0, tzinfo=UTC)
WISH = Window(datetime(2024, 5, 13, tzinfo=UTC), datetime(2024, 5, 25, tzinfo=UTC))
CONCURRENCY = 2
SECONDS_PER_REQUEST = 60.0

SPANS = Spans({**DEFAULT_SPANS, BarSize.MIN_5: Duration(2, "D"), BarSize.SEC_30: Duration(7200, "S")})


@lru_cache(maxsize=1)
def market() -> Market:
    return open_market("synthetic", 11)


@lru_cache(maxsize=1)
def contract() -> Contract:
    return next(one for one in market().contracts() if one.symbol == "AAPL" and one.sec_type == "STK")


def instrument() -> Instrument:
    listed = contract()
    return Instrument(
        listed.con_id,
        listed.symbol,
        listed.sec_type,
        listed.exchange,
        listed.currency,
        primary_exchange=listed.primary_exchange,
        local_symbol=listed.local_symbol,
    )


@dataclass(frozen=True, slots=True)
class Scene:
    """What is wished for, from a Gateway of which version, into which database."""

    engine: Engine
    version: int
    bar_size: BarSize = BarSize.MIN_5
    wish: Window = WISH
    deadlines: Deadlines = field(default_factory=lambda: Deadlines(outage=6000))
    rules: PacingRules = field(default_factory=lambda: PacingRules(open_requests=CONCURRENCY))

    @property
    def series(self) -> Series:
        return Series(instrument(), self.bar_size, WhatToShow.TRADES)

    async def fill(self, script: str = "", *, retry_failed: bool = False) -> "Ending":
        """One run to its end, on a simulator that plays the script."""
        clock = LoopClock(NOW, asyncio.get_running_loop())
        options = ServerOptions(
            max_version=self.version,
            latency=Latency(0.2, 0.0),
            faults=parse_script(script),
        )
        began = clock.monotonic()
        async with await serve(options, market(), LoopSimulatorClock(NOW.timestamp()), unheard) as simulator:
            ending = await self._run(simulator.port, clock, retry_failed=retry_failed)
            assert not simulator.failures
            return replace(ending, seconds=clock.monotonic() - began, violations=len(simulator.violations))

    async def _run(self, port: int, clock: LoopClock, *, retry_failed: bool) -> "Ending":
        gate = PacedGate(Pacer(self.rules), clock)
        address = GatewayAddress(port=port, client_id=3, login_name="main", max_server_version=self.version)
        options = Options(SPANS, self.rules.open_requests, retry_failed)
        try:
            async with Gateway(address, clock, gate, self.deadlines) as gateway:
                fetcher = Fetcher(gateway, clock, RetryPolicy(), SECONDS_PER_REQUEST)
                run = Run(self.engine, gateway, fetcher, clock, Progress(clock.now()), options)
                return Ending(await run.complete([Order(self.series, (self.wish,))]))
        except GatewayError as error:
            return Ending(None, error)

    def held(self) -> "Held":
        """What the database holds now."""
        with self.engine.connect() as connection:
            rows = series_store.listing(connection)
            if not rows:
                return Held(Ledger(), BAR_SCHEMA.empty_table())
            (row,) = rows
            return Held(ledger.read(connection, row.id), bar_store.read(connection, row))

    @staticmethod
    def truth_of(size: BarSize, wish: Window = WISH) -> pa.Table:
        """The market's bars in the product's schema."""
        return _truth(size, wish)

    def truth(self) -> pa.Table:
        """The market's bars of the wish, in the product's schema."""
        return _truth(self.bar_size, self.wish)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended: with a report, or with the error that ended it; how long it took, which rules it broke."""

    report: RunReport | None
    error: GatewayError | None = None
    seconds: float = 0.0
    violations: int = 0

    @property
    def is_complete(self) -> bool:
        return self.report is not None and self.report.is_complete


@dataclass(frozen=True, slots=True)
class Held:
    """Ledger and bars of the one series."""

    ledger: Ledger
    bars: pa.Table

    @property
    def unsettled(self) -> list[Entry]:
        return [entry for entry in self.ledger if not entry.state.is_settled]

    def between(self, window: Window) -> pa.Table:
        return rows_between(self.bars, window)


def rows_between(table: pa.Table, window: Window) -> pa.Table:
    starts = table["ts"].to_numpy()
    first, last = (np.datetime64(edge.replace(tzinfo=None), "us") for edge in (window.start, window.end))
    return table.filter(pa.array((starts >= first) & (starts < last)))


def assert_true(held: Held, truth: pa.Table) -> None:
    """No stored bar differs from the market, none is missing where the ledger says covered, none is extra anywhere.

    What the ledger calls empty must be empty.
    """
    wanted = truth.filter(pc.is_in(truth["ts"], held.bars["ts"]))
    assert held.bars.equals(wanted), "a stored bar is not the market's, or is stored twice"
    for entry in held.ledger:
        if entry.state is State.COVERED:
            assert held.between(entry.window).equals(rows_between(truth, entry.window)), f"wrongly covered: {entry}"
        if entry.state is State.EMPTY_CONFIRMED:
            assert not rows_between(truth, entry.window).num_rows, f"not empty at all: {entry}"


def known_time(held: Held) -> timedelta:
    """How much time is in any state."""
    return total(held.ledger.windows())


@lru_cache(maxsize=8)
def _truth(size: BarSize, wish: Window) -> pa.Table:
    theirs = next(one for one in BAR_SIZES if one.text == size.value)
    first, last = int(wish.start.timestamp()), int(wish.end.timestamp())
    bars = market().bars(contract(), "TRADES", theirs, first, last, use_rth=True)
    # The average goes over the wire with one decimal more than the price's tick.
    average = np.array([float(f"{value:.3f}") for value in bars.wap])
    columns = [
        pa.array(bars.start * 1_000_000).cast(BAR_SCHEMA.field("ts").type),
        *(pa.array(one) for one in (bars.open, bars.high, bars.low, bars.close, bars.volume, average)),
        pa.array(bars.count),
    ]
    return pa.Table.from_arrays(columns, schema=BAR_SCHEMA)


def unheard(_event: object) -> None:
    """Nobody reads the simulator's log here."""
