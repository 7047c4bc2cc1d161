"""A job over a chain of futures, week after week: it rolls by itself, and no last bars are lost."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ingest.app.connecting import fill, open_gateway
from ingest.app.wishing import job_orders
from ingest.clock import SystemClock
from ingest.config import ExactSettings, GatewaySettings
from ingest.domain.bar_size import BarSize
from ingest.domain.ledger import State
from ingest.domain.window import Window
from ingest.progress import Progress
from ingest.simulator.clock import SimulatorClock
from ingest.simulator.manners.latency import Latency
from ingest.simulator.market import open_market
from ingest.simulator.market.types import Market
from ingest.simulator.server import serve
from ingest.simulator.settings import ServerOptions
from ingest.store import instruments, ledger
from ingest.store import series as series_store
from ingest.wishes import Ago, Job, SeriesWish, Universe, Want
from tests.given import at


@pytest.fixture(scope="module")
def market() -> Market:
    return open_market("synthetic", 1)


def job(since: Ago, *symbols: str) -> Job:
    series = (SeriesWish(BarSize.HOUR_1, outside_rth=True),)
    return Job("roll", Path("roll.toml"), Universe(symbols, exchange="CME"), series, Want(since))


async def ran(engine: Engine, market: Market, now: datetime, wished: Job) -> list[str]:
    """Run the job on a day; gives the contracts that it asked for."""
    clock = SystemClock(start=now)
    options = ServerOptions(latency=Latency(0, 0))
    async with await serve(options, market, SimulatorClock(now.timestamp()), lambda _event: None) as simulator:
        settings = ExactSettings(gateway=GatewaySettings(port=simulator.port, login="chain"))
        async with open_gateway(settings, clock) as gateway:
            made = await job_orders(gateway, engine, wished, clock)
        assert not made.unmet
        report = await fill(settings, engine, made.orders, Progress(clock.now()), clock)
        assert report.is_complete
    return [order.series.instrument.label for order in made.orders]


def held(engine: Engine, label: str, *states: State) -> Sequence[Window]:
    with engine.connect() as connection:
        (instrument,) = instruments.find(connection, label)
        (row,) = series_store.listing(connection, instrument_ids=[instrument.id])
        return ledger.read(connection, row.id).windows(*states)


async def test_a_chain_finishes_what_expired_and_then_leaves_it(engine: Engine, market: Market) -> None:
    wished = job(Ago(2, "week"), "ES:FUT:front2")
    assert await ran(engine, market, at("2024-06-19 12:00"), wished) == ["ESM4", "ESU4"]
    assert held(engine, "ESM4")[-1].end == at("2024-06-19 11:00"), "its last trade is on the 21st, at 13:30"
    assert await ran(engine, market, at("2024-06-24 12:00"), wished) == ["ESU4", "ESZ4", "ESM4"]
    assert held(engine, "ESM4", State.COVERED)[-1].end >= at("2024-06-21 14:00")
    assert len(held(engine, "ESM4", State.COVERED, State.EMPTY_CONFIRMED)) == 1
    assert await ran(engine, market, at("2024-06-26 12:00"), wished) == ["ESU4", "ESZ4"]


async def test_only_what_the_job_still_wants_is_finished(engine: Engine, market: Market) -> None:
    await ran(engine, market, at("2024-06-19 12:00"), job(Ago(1, "week"), "ES:FUT:front"))
    late = at("2024-06-19 12:00") + timedelta(weeks=4)
    assert await ran(engine, market, late, job(Ago(1, "week"), "ES:FUT:front")) == ["ESU4"], "it expired before `since`"
    assert await ran(engine, market, late, job(Ago(6, "week"), "NQ:FUT:front")) == ["NQU4"], "another product"
    assert await ran(engine, market, late, job(Ago(6, "week"), "ES:FUT:front")) == ["ESU4", "ESM4"]
