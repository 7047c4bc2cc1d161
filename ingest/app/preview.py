"""What a backfill would ask and cost, before anything is sent."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Engine

from ingest.app.connecting import gate_of, open_gateway, seed_gate
from ingest.app.ordering import Wanted, order_of, orders_of, series_of
from ingest.app.resolving import known_instrument
from ingest.calendars import calendar_of
from ingest.clock import Clock
from ingest.config import Settings
from ingest.domain.ledger import Ledger
from ingest.gateway.gate import PacedGate
from ingest.plan.cost import Cost, cost_of
from ingest.plan.planner import SeriesPlan, Situation, plan_series
from ingest.plan.reach import Limits
from ingest.store import heads, instruments, ledger
from ingest.store import series as series_store
from ingest.worker.lines import Order
from ingest.worker.run import HEAD_WORTH_REQUESTS

#: What an answer takes where nothing was measured yet.
_GUESSED_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Preview:
    """Plans in the order asked for, what they cost together, and how much of the small-request budget is left."""

    plans: tuple[SeriesPlan, ...]
    cost: Cost
    units_left: int
    seconds_per_request: float


async def plan_preview(settings: Settings, engine: Engine, wanted: Wanted, clock: Clock) -> Preview:
    """Plans for everything wanted. Connects to the gateway only for instruments the database does not know."""
    gate = gate_of(settings, clock)
    seed_gate(engine, gate, settings, clock)
    orders = _known_orders(engine, wanted, clock)
    if orders is None:
        async with open_gateway(settings, clock, gate) as gateway:
            orders = await orders_of(gateway, engine, wanted, clock)
    return preview_of(settings, engine, orders, gate, clock)


def preview_of(settings: Settings, engine: Engine, orders: Sequence[Order], gate: PacedGate, clock: Clock) -> Preview:
    """Plans for orders that stand. `gate` knows what the login sent lately."""
    plans, heads_missing = [], 0
    for order in orders:
        plan, head_known = _plan(settings, engine, order, clock)
        plans.append(plan)
        heads_missing += not head_known and len(plan.requests) >= HEAD_WORTH_REQUESTS
    seconds = _GUESSED_SECONDS
    cost = cost_of(plans, heads=heads_missing, seconds_per_request=seconds, concurrency=settings.gateway.concurrency)
    return Preview(tuple(plans), cost, gate.pacer.units_left(clock.monotonic()), seconds)


def _known_orders(engine: Engine, wanted: Wanted, clock: Clock) -> list[Order] | None:
    found = [known_instrument(engine, query, None) for query in wanted.queries()]
    known = [row.instrument for row in found if row is not None]
    if len(known) < len(found):
        return None
    return [
        order_of(series_of(one, size, wanted.what, outside_rth=wanted.outside_rth), wanted.start, wanted.end, clock)
        for one in dict.fromkeys(known)
        for size in wanted.bar_sizes
    ]


def _plan(settings: Settings, engine: Engine, order: Order, clock: Clock) -> tuple[SeriesPlan, bool]:
    series = order.series
    held, head = Ledger(), None
    with engine.connect() as connection:
        for owner in instruments.find(connection, f"con_id:{series.instrument.con_id}"):
            row = series_store.find(connection, series, owner.origin)
            held = ledger.read(connection, row.id) if row is not None else held
            head = heads.read(connection, owner.id, series.what) or head
    calendar = calendar_of(series.instrument, use_rth=series.use_rth)
    limits = Limits(clock.now(), head.moment if head else None)
    plan = plan_series(Situation(series, order.wish, held, calendar, limits, settings.plan.request_spans))
    return plan, head is not None
