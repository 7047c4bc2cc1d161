"""All kinds of sizes and instruments: what is stored is what the market holds, and the ledger can prove it."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from sqlalchemy import Engine

from ingest.app.connecting import counting, gate_of, make_run, open_gateway
from ingest.app.ordering import order_of, series_of
from ingest.app.resolving import resolve
from ingest.app.standing import ledgers_of
from ingest.clock import SystemClock
from ingest.config import ExactSettings, GatewaySettings
from ingest.domain.bar_size import BarSize
from ingest.domain.instrument import InstrumentQuery
from ingest.domain.ledger import State
from ingest.domain.window import Windows
from ingest.plan.edge import DELAY
from ingest.progress import Progress, RunReport, SeriesReport
from ingest.simulator.clock import SimulatorClock
from ingest.simulator.manners.latency import Latency
from ingest.simulator.market import open_market
from ingest.simulator.market.types import BAR_SIZES, Market
from ingest.simulator.server import serve
from ingest.simulator.settings import ServerOptions
from ingest.store import bars
from ingest.store.series import SeriesRow, listing
from ingest.worker.settling import NOT_YET

pytestmark = pytest.mark.slow

NOW = datetime(2024, 3, 20, 15, 7, 30, tzinfo=UTC)
#: Two weeks around the change to summer time, and to the very present.
START = date(2024, 3, 5)
SMALL_START = date(2024, 3, 19)
NAMES = ("AAPL", "THIN", "ESM4", "EUR.USD", "SPX:IND", "BTC:CRYPTO")
#: One of each kind: how IB counts their spans, cuts their sessions and dates them differs.
SIZES = [BarSize.parse(alias) for alias in ("1s", "30s", "1m", "5m", "1h", "4h", "8h", "1d", "1w", "1mo")]
#: Weeks and months need room.
LONG_START = date(2023, 1, 3)


@pytest.fixture(scope="module")
def market() -> Market:
    return open_market("synthetic", 5)


@pytest.mark.parametrize("hours", ["regular", "all hours"])
@pytest.mark.parametrize("size", SIZES, ids=lambda size: size.alias)
async def test_what_is_stored_is_what_the_market_holds(
    market: Market, engine: Engine, tmp_path: Path, size: BarSize, hours: str
) -> None:
    report = await filled(market, engine, tmp_path, size, outside_rth=hours != "regular")
    edges = {each.series_id: newest_edge(each) for each in report.series}
    with engine.connect() as connection:
        rows = listing(connection)
        wishes = {each.series_id: each.wish for each in report.series}
        for row in rows:
            assert_equal(market, row, wishes[row.id], bars.read(connection, row), edges[row.id])
    assert not [each.unproved for each in ledgers_of(engine, rows, prove=True) if each.unproved]


async def filled(market: Market, engine: Engine, home: Path, size: BarSize, *, outside_rth: bool) -> RunReport:
    options = ServerOptions(latency=Latency(0, 0), pacing="off", message_rate_rule="off")
    clock = SystemClock(start=NOW, scale=50.0)
    start = SMALL_START if size.is_small else LONG_START if size.is_period else START
    async with await serve(options, market, SimulatorClock(NOW.timestamp(), 50.0), lambda _event: None) as simulator:
        settings = ExactSettings(home=home, gateway=GatewaySettings(port=simulator.port))
        progress, gate = Progress(clock.now()), gate_of(settings, clock)
        async with open_gateway(settings, clock, gate, on_record=counting(progress)) as gateway:
            names = NAMES[: 1 if outside_rth else 2] if size.is_small else NAMES
            found = [await resolve(gateway, engine, InstrumentQuery.parse(name)) for name in names]
            orders = [
                order_of(series_of(one, size, None, outside_rth=outside_rth), start, None, clock) for one in found
            ]
            report = await make_run(settings, engine, gateway, clock, progress).complete(orders)
        assert not simulator.failures
    return report


def newest_edge(report: SeriesReport) -> datetime:
    """Where the newest edge begins that a thin market leaves open; nothing else may be open."""
    assert all((state, reason) == (State.PENDING, NOT_YET) for state, reason, _ in report.problems), report.problems
    assert not report.unknown
    begins = [window.start for _, _, window in report.problems]
    length = report.series.bar_size.length
    assert all(start > NOW - DELAY - length for start in begins)
    return min(begins, default=NOW)


def assert_equal(market: Market, row: SeriesRow, wish: Windows, held: pa.Table, edge: datetime) -> None:
    size = row.series.bar_size
    contract = next(one for one in market.contracts() if one.con_id == row.series.instrument.con_id)
    kind = next(each for each in BAR_SIZES if each.text == size.value)
    start, end = size.floor(wish[0].start), NOW - timedelta(minutes=2)
    series = row.series
    truth = market.bars(
        contract, series.what.value, kind, int(start.timestamp()), int(end.timestamp()), use_rth=series.use_rth
    )
    got = held["ts"].cast("int64").to_numpy() // 1_000_000
    last = min(int(end.timestamp()) - (0 if size.is_daily else size.seconds), int(edge.timestamp()) - 1)
    if size.is_daily:  # the newest day, week or month may still be forming, or be over and held
        last = int(got[-1]) if len(got) else 0
        assert datetime.fromtimestamp(last, UTC) >= NOW - timedelta(days={"1W": 14, "1M": 62}.get(size.value, 4))
    both = truth.start <= last
    assert np.array_equal(got[got <= last], truth.start[both]), f"{series}"
    for name in ("open", "high", "low", "close"):
        mine = held[name].to_numpy()[got <= last]
        assert np.allclose(mine, getattr(truth, name)[both], rtol=0, atol=1e-9), f"{series} {name}"
