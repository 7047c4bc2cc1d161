"""What a backfill would ask and cost, before anything is sent."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine

from ingest.app.connecting import gate_of, open_gateway, seed_gate
from ingest.app.learning import Memory
from ingest.app.ordering import Wanted, order_of, orders_of, series_of
from ingest.app.resolving import known_instrument
from ingest.calendars import calendar_of
from ingest.clock import Clock
from ingest.config import Settings
from ingest.domain.bar_size import BarSize
from ingest.domain.ledger import Ledger
from ingest.domain.request import Duration
from ingest.gateway.adaptive import OpenRequests
from ingest.gateway.gate import PacedGate
from ingest.plan.cost import Cost, cost_of
from ingest.plan.learning import SpanLearner, kind_of
from ingest.plan.planner import SeriesPlan, Situation, plan_series
from ingest.plan.reach import Limits, believed_head
from ingest.plan.spans import Spans
from ingest.store import bars, heads, instruments, ledger
from ingest.store import series as series_store
from ingest.worker.lines import Order
from ingest.worker.run import HEAD_WORTH_REQUESTS

#: What an answer takes where nothing was measured yet.
_GUESSED_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class SpanInUse:
    """What one request asks for, as learned and as configured; `refused` is the least count IB refused, if it did."""

    bar_size: BarSize
    sec_type: str
    span: Duration
    configured: Duration
    refused: int | None


@dataclass(frozen=True, slots=True)
class Preview:
    """Plans in the order asked for, what they cost together, and how much of the small-request budget is left.

    `open_requests` is how many large requests the login keeps open (`open_ceiling` at most), `too_many_open` the least
    that was seen to be slow; `spans` what was learned of the kinds of series asked for, where it is not as configured.
    """

    plans: tuple[SeriesPlan, ...]
    cost: Cost
    units_left: int
    seconds_per_request: float
    open_requests: int
    open_ceiling: int
    too_many_open: int | None
    spans: tuple[SpanInUse, ...]


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
    learner = Memory(engine, settings.gateway.login, clock).learner(settings.plan.request_spans)
    plans, heads_missing = [], 0
    for order in orders:
        plan, head_known = _plan(engine, order, clock, learner.spans)
        plans.append(plan)
        heads_missing += not head_known and len(plan.requests) >= HEAD_WORTH_REQUESTS
    load = gate.load or OpenRequests(settings.gateway.concurrency)
    seconds = _GUESSED_SECONDS
    return Preview(
        plans=tuple(plans),
        cost=cost_of(plans, heads=heads_missing, seconds_per_request=seconds, concurrency=load.allowed),
        units_left=gate.pacer.units_left(clock.monotonic()),
        seconds_per_request=seconds,
        open_requests=load.allowed,
        open_ceiling=load.ceiling,
        too_many_open=load.too_many,
        spans=_in_use(learner, plans),
    )


def _in_use(learner: SpanLearner, plans: Iterable[SeriesPlan]) -> tuple[SpanInUse, ...]:
    kinds = dict.fromkeys(kind_of(plan.series) for plan in plans)
    return tuple(
        SpanInUse(*kind, lesson.span, learner.configured.of(kind[0]), lesson.refused)
        for kind in kinds
        if (lesson := learner.lessons.get(kind)) is not None
    )


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


def _plan(engine: Engine, order: Order, clock: Clock, spans: Spans) -> tuple[SeriesPlan, bool]:
    series = order.series
    held, head, oldest = Ledger(), None, None
    with engine.connect() as connection:
        for owner in instruments.find(connection, f"con_id:{series.instrument.con_id}"):
            row = series_store.find(connection, series, owner.origin)
            if row is not None:
                held, oldest = ledger.read(connection, row.id), bars.oldest(connection, row)
            head = heads.read(connection, owner.id, series.what) or head
    calendar = calendar_of(series.instrument, use_rth=series.use_rth)
    limits = Limits(clock.now(), believed_head(series.bar_size, head.moment if head else None, oldest))
    plan = plan_series(Situation(series, order.wish, held, calendar, limits, spans))
    return plan, head is not None
