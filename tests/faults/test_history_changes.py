"""IB's history changes: closes are settled later, and after a split everything earlier is on another price basis.

The market that the simulator serves is changed between two runs, as IB's is; what is held must end as the market is
now, with what it was before kept, and readers must never see two bases in one series.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pytest
from sqlalchemy import Engine

from ingest.app.ordering import update_orders
from ingest.clock import FakeClock
from ingest.domain.bar_size import BarSize
from ingest.domain.ledger import Ledger, State
from ingest.domain.series import Series
from ingest.domain.what import WhatToShow
from ingest.domain.window import Window
from ingest.fetch import Fetcher, RetryPolicy
from ingest.gateway.address import GatewayAddress
from ingest.gateway.client import Gateway
from ingest.gateway.gate import PacedGate
from ingest.gateway.pacing import Pacer, PacingRules
from ingest.plan.spans import Spans
from ingest.progress import Progress, RunReport
from ingest.simulator.faults.script import parse_script
from ingest.simulator.manners.latency import Latency
from ingest.simulator.market.types import BAR_SIZES, Bars, Contract, Market, Session
from ingest.simulator.market.types import BarSize as TheirSize
from ingest.simulator.server import serve
from ingest.simulator.settings import ServerOptions
from ingest.store import bars as bar_store
from ingest.store import ledger, series
from ingest.store.series import SeriesRow
from ingest.worker.lines import Order
from ingest.worker.run import Options, Run
from tests import given
from tests.faults.scene import instrument, market, unheard
from tests.faults.virtual import LoopClock, LoopSimulatorClock, run_virtually
from tests.store import settled

FIRST, LATER = given.at("2024-05-25 01:00"), given.at("2024-06-12 01:00")
HELD = given.window("2024-04-22", "2024-05-25")
SPLIT = int(given.at("2024-05-28").timestamp())


@dataclass(frozen=True, slots=True)
class Changed:
    """A market after a split of `factor` on the day before which prices are changed, and with one close settled."""

    base: Market
    factor: float = 1.0
    settled: str = ""

    def contracts(self) -> Sequence[Contract]:
        return self.base.contracts()

    def has_series(self, contract: Contract, what: str) -> bool:
        return self.base.has_series(contract, what)

    def head(self, contract: Contract, what: str) -> int | None:
        return self.base.head(contract, what)

    def sessions(self, contract: Contract, first: date, last: date, *, use_rth: bool) -> Sequence[Session]:
        return self.base.sessions(contract, first, last, use_rth=use_rth)

    def bars(self, contract: Contract, what: str, size: TheirSize, start: int, end: int, *, use_rth: bool) -> Bars:
        found = self.base.bars(contract, what, size, start, end, use_rth=use_rth)
        earlier = found.start < SPLIT
        prices = {
            name: np.where(earlier, np.round(getattr(found, name) * self.factor, 2), getattr(found, name))
            for name in (("open", "high", "low", "close", "wap") if self.factor != 1.0 else ("close",))
        }
        if self.settled and size.unit != "seconds":
            late = found.start == int(given.at(self.settled).timestamp())
            prices["close"] = np.where(late, found.low, prices["close"])
        return replace(found, **prices)


async def a_run(
    engine: Engine, served: Market, orders: Sequence[Order], now: datetime, script: str = ""
) -> tuple[RunReport, int]:
    clock = LoopClock(now, asyncio.get_running_loop())
    options = ServerOptions(max_version=200, latency=Latency(0.2, 0.0), faults=parse_script(script))
    async with await serve(options, served, LoopSimulatorClock(now.timestamp()), unheard) as simulator:
        address = GatewayAddress(port=simulator.port, client_id=3, login_name="main", max_server_version=200)
        async with Gateway(address, clock, PacedGate(Pacer(PacingRules()), clock)) as gateway:
            fetcher = Fetcher(gateway, clock, RetryPolicy(), 60.0)
            run = Run(engine, gateway, fetcher, clock, Progress(clock.now()), Options(Spans(), 2))
            report = await run.complete(orders)
        assert not simulator.failures
        return report, simulator.counters["requests"]


def the_series(size: BarSize) -> Series:
    return Series(instrument(), size, WhatToShow.TRADES)


def backfill(engine: Engine, size: BarSize) -> None:
    order = Order(the_series(size), (HELD,))
    report, _ = run_virtually(a_run(engine, market(), [order], FIRST))
    assert report.is_complete


def update(engine: Engine, served: Market, script: str = "") -> tuple[RunReport, int]:
    with engine.connect() as connection:
        rows = series.listing(connection)
    return run_virtually(a_run(engine, served, update_orders(engine, rows, FakeClock(LATER)), LATER, script))


def held(engine: Engine) -> tuple[SeriesRow, pa.Table, Ledger]:
    with engine.connect() as connection:
        (row,) = series.listing(connection)
        return row, bar_store.read(connection, row), ledger.read(connection, row.id)


def closes(served: Market, size: BarSize, span: Window) -> dict[datetime, float]:
    """What the market says now."""
    theirs = next(one for one in BAR_SIZES if one.text == size.value)
    first, last = int(span.start.timestamp()), int(span.end.timestamp())
    listed = next(one for one in served.contracts() if one.con_id == instrument().con_id)
    found = served.bars(listed, "TRADES", theirs, first, last, use_rth=True)
    return {
        datetime.fromtimestamp(int(at), UTC): float(price) for at, price in zip(found.start, found.close, strict=True)
    }


def stored(table: pa.Table) -> dict[datetime, float]:
    return dict(zip(table["ts"].to_pylist(), table["close"].to_pylist(), strict=True))


@pytest.mark.parametrize("size", [BarSize.DAY_1, BarSize.MIN_5])
def test_after_a_split_everything_is_asked_for_again_on_the_new_basis(engine: Engine, size: BarSize) -> None:
    backfill(engine, size)
    after = Changed(market(), factor=0.1)
    report, _ = update(engine, after)
    row, table, known = held(engine)
    assert row.epoch == 1
    assert report.is_complete
    assert stored(table) == pytest.approx(closes(after, size, Window(HELD.start, LATER)))
    assert {entry.state for entry in known} == {State.COVERED}
    assert settled.count(engine, "revisions") == 0, "a new epoch keeps the old one whole"


def test_a_split_that_was_met_by_a_run_without_time_to_ask_again_leaves_no_old_price_to_readers(engine: Engine) -> None:
    """The tail is answered, the rest times out: what is seen is on one basis, and what is not is told."""
    backfill(engine, BarSize.DAY_1)
    after = Changed(market(), factor=0.1)
    earlier = '["2024-05-02T14:00:00Z", "2024-05-02T15:00:00Z"]'
    silence = f'[[fault]]\naction = "silence"\nmatch = {{ message = "historical", window = {earlier} }}\n'
    report, _ = update(engine, after, silence)
    row, table, known = held(engine)
    assert row.epoch == 1
    assert not report.is_complete
    assert stored(table).items() <= closes(after, BarSize.DAY_1, Window(HELD.start, LATER)).items()
    assert known.windows() == (Window(known.entries[0].window.start, known.entries[-1].window.end),), "no hole unsaid"
    again, _ = update(engine, after)
    assert again.is_complete
    assert stored(held(engine)[1]) == pytest.approx(closes(after, BarSize.DAY_1, Window(HELD.start, LATER)))


def test_a_close_that_was_settled_later_is_corrected_and_the_old_one_kept(engine: Engine) -> None:
    backfill(engine, BarSize.DAY_1)
    before = stored(held(engine)[1])
    now = Changed(market(), settled="2024-05-24")
    report, asked = update(engine, now)
    row, table, _ = held(engine)
    assert row.epoch == 0
    assert report.is_complete
    assert stored(table) == pytest.approx(closes(now, BarSize.DAY_1, Window(HELD.start, LATER)))
    assert stored(table)[given.at("2024-05-24")] != before[given.at("2024-05-24")]
    assert (settled.count(engine, "revisions"), asked) == (1, 1)
    assert report.series[0].revised == 1


def test_history_that_did_not_change_is_left_as_it_is(engine: Engine) -> None:
    backfill(engine, BarSize.MIN_5)
    report, _ = update(engine, market())
    row, table, _ = held(engine)
    assert (row.epoch, settled.count(engine, "revisions"), report.series[0].revised) == (0, 0, 0)
    assert stored(table) == pytest.approx(closes(market(), BarSize.MIN_5, Window(HELD.start, LATER)))
