"""Socket → committed bars: our run, ib_async with `DataFrame.to_sql`, and raw binary COPY of the same rows.

The same simulator serves both clients (in a process of its own, its answers encoded beforehand), the same PostgreSQL
takes all three. Each figure is bars a second of wall time, the best of several rounds taken in turn.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import ib_async
import numpy as np
import pandas as pd
from sqlalchemy import Engine, text

from ingest.app.connecting import clock_of, fill
from ingest.app.ordering import order_of, series_of
from ingest.config import ExactSettings, GatewaySettings, PlanSettings, Settings
from ingest.database import Database
from ingest.domain.bar_size import BarSize
from ingest.domain.instrument import Instrument
from ingest.progress import Progress
from ingest.store import bars, copying, migrate
from ingest.store import series as series_store
from ingest.store.series import SeriesRow
from ingest.worker.lines import Order
from tests.acceptance.running import simulator

SYMBOLS = ("AAPL", "MSFT", "IBM", "GOOG")
START, END = date(2023, 6, 1), date(2024, 6, 1)
CONCURRENCY = 8
#: Both clients keep to 45 messages a second, as IB demands; with the usual 7 sessions a request that alone would be the
#: limit, and the figure would say nothing about the pipeline.
SPAN = "30 D"
_THEIR_COLUMNS = (
    "date timestamptz, open float8, high float8, low float8, close float8, volume float8, average float8, "
    '"barCount" bigint, con_id bigint'
)


@dataclass(frozen=True, slots=True)
class Rates:
    """Bars a second."""

    ours: float
    ib_async: float
    copy: float


def measure(folder: Path, *, symbols: int, repeats: int) -> Rates:
    options = ("--latency", "0", "--pacing", "off", "--max-server-version", "200")
    with simulator(folder, *options) as sim:
        gateway = GatewaySettings(port=sim.port, concurrency=CONCURRENCY, messages_per_second=45)
        settings = ExactSettings(home=folder, gateway=gateway, plan=PlanSettings(spans={"1 min": SPAN}))
        with Database.open(settings, checked=False, may_make=True) as database:
            migrate.upgrade(database.engine)
            return asyncio.run(_rounds(settings, database.engine, SYMBOLS[:symbols], repeats))


async def _rounds(settings: Settings, engine: Engine, symbols: tuple[str, ...], repeats: int) -> Rates:
    instruments = await _instruments(settings, symbols)
    orders = [_order(settings, instrument) for instrument in instruments]
    await _ours(settings, engine, orders)  # the simulator's answers are encoded now
    rows = _rows(engine)
    await _theirs(settings, engine, instruments)
    ours, theirs, copied = [], [], []
    for _ in range(repeats):
        ours.append(await _ours(settings, engine, orders))
        theirs.append(await _theirs(settings, engine, instruments))
        copied.append(_copied(engine, rows))
    return Rates(max(ours), max(theirs), max(copied))


async def _instruments(settings: Settings, symbols: tuple[str, ...]) -> list[Instrument]:
    from ingest.app.connecting import open_gateway
    from ingest.domain.instrument import InstrumentQuery

    async with open_gateway(settings, clock_of(settings)) as gateway:
        return [(await gateway.contract_details(InstrumentQuery.parse(name)))[0] for name in symbols]


def _order(settings: Settings, instrument: Instrument) -> Order:
    return order_of(series_of(instrument, BarSize.MIN_1, None, outside_rth=False), START, END, clock_of(settings))


async def _ours(settings: Settings, engine: Engine, orders: list[Order]) -> float:
    """A whole run, from connecting to the last commit, into empty tables."""
    _empty(engine)
    clock = clock_of(settings)
    progress = Progress(clock.now())
    return await _rate(lambda: fill(settings, engine, orders, progress, clock), lambda: progress.bars)


async def _theirs(settings: Settings, engine: Engine, instruments: list[Instrument]) -> float:
    """What people write: ib_async, `util.df`, `to_sql`; as many requests open at once, of the same size."""
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE IF EXISTS ingest.theirs"))
        connection.execute(text(f"CREATE TABLE ingest.theirs ({_THEIR_COLUMNS})"))
    seen = [0]

    async def work() -> None:
        ib = ib_async.IB()
        await ib.connectAsync("127.0.0.1", settings.gateway.port, clientId=5)
        try:
            room = asyncio.Semaphore(CONCURRENCY)
            await asyncio.gather(*(_one(ib, room, engine, one, seen) for one in _their_requests(settings, instruments)))
        finally:
            ib.disconnect()

    return await _rate(work, lambda: seen[0])


def _their_requests(settings: Settings, instruments: list[Instrument]) -> list[tuple[int, str, str]]:
    from ingest.calendars import calendar_of
    from ingest.domain.ledger import Ledger
    from ingest.plan.planner import Situation, plan_series
    from ingest.plan.reach import Limits

    found = []
    for instrument in instruments:
        order = _order(settings, instrument)
        calendar = calendar_of(instrument, use_rth=True)
        limits = Limits(clock_of(settings).now())
        plan = plan_series(Situation(order.series, order.wish, Ledger(), calendar, limits, settings.plan.request_spans))
        found += [(instrument.con_id, r.request.end_text, str(r.request.duration)) for r in plan.requests]
    return found


async def _one(
    ib: ib_async.IB, room: asyncio.Semaphore, engine: Engine, asked: tuple[int, str, str], seen: list[int]
) -> None:
    con_id, end, duration = asked
    async with room:
        contract = ib_async.Contract(conId=con_id, secType="STK", exchange="SMART", currency="USD")
        got = await ib.reqHistoricalDataAsync(
            contract, end, duration, "1 min", "TRADES", useRTH=True, formatDate=2, timeout=120
        )
    frame = ib_async.util.df(got)
    assert isinstance(frame, pd.DataFrame)
    frame["con_id"] = con_id
    await asyncio.to_thread(
        frame.to_sql,
        "theirs",
        engine,
        schema="ingest",
        if_exists="append",
        index=False,  # the usual call
    )
    seen[0] += len(frame)


def _rows(engine: Engine) -> list[tuple[SeriesRow, bytes, int]]:
    """Every bar our run stored, already in COPY's binary form."""
    found = []
    with engine.connect() as connection:
        for row in series_store.listing(connection):
            table = bars.read(connection, row)
            keys = {
                "series_id": np.full(table.num_rows, row.id, np.int32),
                "epoch": np.full(table.num_rows, row.epoch, np.int32),
                "request_id": np.full(table.num_rows, 1, np.int64),
            }
            order = ("series_id", "epoch", "ts", "open", "high", "low", "close", "volume", "wap", "bar_count")
            payload = b"".join(bytes(part) for part in copying.copy_rows(table, keys, (*order, "request_id")))
            found.append((row, payload, table.num_rows))
    return found


def _copied(engine: Engine, rows: list[tuple[SeriesRow, bytes, int]]) -> float:
    """The rows into the same, emptied table by COPY alone: no socket, no decoding, no ledger, one commit."""
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE ingest.bars_intraday"))
    began = time.perf_counter()
    with engine.begin() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        for _, payload, _ in rows:
            columns = "series_id, epoch, ts, open, high, low, close, volume, wap, bar_count, request_id"
            with driver.cursor().copy(f"COPY ingest.bars_intraday ({columns}) FROM STDIN (FORMAT binary)") as copy:
                copy.write(payload)
    return sum(count for _, _, count in rows) / (time.perf_counter() - began)


def _empty(engine: Engine) -> None:
    with engine.begin() as connection:
        for table in ("ledger", "bars_intraday", "revisions", "quarantine"):
            connection.execute(text(f"TRUNCATE ingest.{table}"))
        connection.execute(text("TRUNCATE ingest.requests, ingest.head_timestamps CASCADE"))


async def _rate(work: Callable[[], Awaitable[object]], count: Callable[[], int]) -> float:
    began = time.perf_counter()
    await work()
    return count() / (time.perf_counter() - began)
