"""What people or wishes want → jobs in the queue. Nothing is planned here: a job is planned when it runs.

A gateway is asked only about instruments that the database does not know, or knows from a real account and from a
simulator: a queued job has to be for one of them.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine

from ingest.app.connecting import open_gateway
from ingest.app.learning import Memory
from ingest.app.ordering import Wanted, order_of, orders_of, series_of, update_orders
from ingest.app.resolving import known_instrument
from ingest.calendars import calendar_of
from ingest.clock import Clock
from ingest.config import Settings
from ingest.domain.job import Fill, Lane, Queued
from ingest.domain.ledger import Ledger
from ingest.domain.series import Origin
from ingest.domain.window import Windows, union
from ingest.plan.estimate import about_requests
from ingest.plan.planner import Situation
from ingest.plan.reach import Limits
from ingest.plan.spans import Spans
from ingest.store import jobs, ledger
from ingest.store import series as series_store
from ingest.store.series import SeriesRow
from ingest.worker.lines import Order


@dataclass(frozen=True, slots=True)
class QueuedSeries:
    """What became of one ordered series: its job and about how many requests; `queued` None: it is complete."""

    row: SeriesRow
    queued: Queued | None = None
    estimate: int = 0


async def queue_wanted(
    settings: Settings, engine: Engine, wanted: Wanted, clock: Clock, *, priority: int, retry_failed: bool
) -> tuple[QueuedSeries, ...]:
    """One job for each series that a command line asks for and that is not complete."""
    known = _known_orders(engine, wanted, clock)
    if known is None:
        async with open_gateway(settings, clock) as gateway:
            known = await orders_of(gateway, engine, wanted, clock), gateway.origin
    orders, origin = known
    return queue_orders(settings, engine, orders, origin, clock, priority=priority, retry_failed=retry_failed)


async def queue_update(
    settings: Settings, engine: Engine, rows: Sequence[SeriesRow], clock: Clock, *, priority: int
) -> tuple[QueuedSeries, ...]:
    """One job for each of these series that is not up to date."""
    origins = {row.origin for row in rows}
    if len(origins) > 1:
        async with open_gateway(settings, clock) as gateway:
            origins = {gateway.origin}
    chosen = [row for row in rows if row.origin in origins]
    orders = await asyncio.to_thread(update_orders, engine, chosen, clock)
    return tuple(
        each
        for origin in origins
        for each in queue_orders(settings, engine, orders, origin, clock, priority=priority, retry_failed=False)
    )


def queue_orders(
    settings: Settings,
    engine: Engine,
    orders: Sequence[Order],
    origin: Origin,
    clock: Clock,
    *,
    priority: int,
    retry_failed: bool,
) -> tuple[QueuedSeries, ...]:
    """Queue them as nobody's wish, in one transaction; one answer for each series, in order."""
    spans = Memory(engine, settings.gateway.login, clock).learner(settings.plan.request_spans).spans
    with engine.begin() as connection:
        fills = fills_of(
            connection,
            orders,
            origin,
            wish="",
            firing=None,
            priority=priority,
            now=clock.now(),
            spans=spans,
            retry_failed=retry_failed,
        )
        made = {
            fill.series_id: (queued, fill.estimate)
            for fill, queued in zip(fills, jobs.queue_fills(connection, fills), strict=True)
        }
        rows = [series_store.ensure(connection, order.series, origin) for order in orders]
    return tuple(QueuedSeries(row, *made.get(row.id, (None, 0))) for row in dict.fromkeys(rows))


def _known_orders(engine: Engine, wanted: Wanted, clock: Clock) -> tuple[list[Order], Origin] | None:
    """None where the database does not know every instrument, or not whether they are a real account's."""
    found = [known_instrument(engine, query, None) for query in wanted.queries()]
    known = [row for row in found if row is not None]
    if len(known) < len(found) or len({row.origin for row in known}) != 1:
        return None
    orders = [
        order_of(series_of(one, size, wanted.what, outside_rth=wanted.outside_rth), wanted.start, wanted.end, clock)
        for one in dict.fromkeys(row.instrument for row in known)
        for size in wanted.bar_sizes
    ]
    return orders, known[0].origin


def fills_of(
    connection: Connection,
    orders: Sequence[Order],
    origin: Origin,
    *,
    wish: str,
    firing: int | None,
    priority: int,
    now: datetime,
    spans: Spans,
    retry_failed: bool = False,
) -> list[Fill]:
    """One fill for each ordered series that is not complete; the series' rows are made where there are none.

    `now` is the product's clock; `estimate` knows nothing of head timestamps, so it may be more than it takes.
    """
    wanted: dict[int, tuple[SeriesRow, Windows]] = {}
    for order in orders:
        row = series_store.ensure(connection, order.series, origin)
        before = wanted[row.id][1] if row.id in wanted else ()
        wanted[row.id] = row, union(before, order.wish)
    ledgers = ledger.read_many(connection, list(wanted))
    fills = []
    for row, windows in wanted.values():
        estimate = _estimate(row, windows, ledgers[row.id], now, spans, retry_failed=retry_failed)
        if estimate:
            lane = Lane.of(row.series)
            fills.append(Fill(row.id, windows, lane, wish, priority, firing, retry_failed, estimate))
    return fills


def _estimate(
    row: SeriesRow, windows: Windows, held: Ledger, now: datetime, spans: Spans, *, retry_failed: bool
) -> int:
    calendar = calendar_of(row.series.instrument, use_rth=row.series.use_rth)
    return about_requests(Situation(row.series, windows, held, calendar, Limits(now), spans, retry_failed))
