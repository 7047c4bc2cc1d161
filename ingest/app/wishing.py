"""A job file → orders, their price, and the snapshot they fill.

An instrument that IB does not know, or finds ambiguous, does not stop the others: it is `Unmet`, with the reason.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection, Engine

from ingest.app.connecting import gate_of, open_gateway, seed_gate
from ingest.app.expiring import expiry_end, left_behind
from ingest.app.ordering import order_of, series_of
from ingest.app.preview import Preview, preview_of
from ingest.app.resolving import known_instrument, known_instruments, resolve_all
from ingest.app.universes import Asked, asked_of
from ingest.clock import Clock
from ingest.config import Settings
from ingest.domain.bar_size import BarSize
from ingest.domain.chain import Product
from ingest.domain.instrument import Instrument, InstrumentQuery
from ingest.domain.series import Origin, Series
from ingest.domain.what import WhatToShow
from ingest.errors import AmbiguousInstrument, IngestError, RequestError, UnknownInstrument, UsageError
from ingest.export import Selection
from ingest.gateway.client import Gateway
from ingest.plan.wish import comparable
from ingest.store import universes, wishes
from ingest.store.reading import NamedSeries
from ingest.wishes import Job
from ingest.worker.lines import Order

_Key = tuple[int, BarSize, WhatToShow, bool]


@dataclass(frozen=True, slots=True)
class Unmet:
    """A symbol of the universe that gives no order, or a series of it that does not. `kind` is the error's class."""

    symbol: str
    kind: str
    reason: str

    @classmethod
    def because(cls, symbol: str, error: IngestError) -> "Unmet":
        return cls(symbol, type(error).__name__, str(error))


@dataclass(frozen=True, slots=True)
class JobOrders:
    """What a job comes to today. `doubtful` are those of `unmet` that another lookup may find; `unresolved` is what all
    symbols of `unmet` were asked for by."""

    orders: tuple[Order, ...]
    unmet: tuple[Unmet, ...] = ()
    doubtful: tuple[Unmet, ...] = ()
    unresolved: tuple[tuple[Unmet, InstrumentQuery], ...] = ()


@dataclass(frozen=True, slots=True)
class JobSelection(Selection):
    """Exactly the series of these keys, whatever else the database holds of the same instruments."""

    keys: frozenset[_Key] = field(default=frozenset())

    def series(self, connection: Connection) -> tuple[NamedSeries, ...]:
        found = Selection.series(self, connection)
        return tuple(each for each in found if _key(each.row.series) in self.keys)


async def job_orders(gateway: Gateway, engine: Engine, job: Job, clock: Clock) -> JobOrders:
    """Resolve every symbol, at IB where the database does not know it, and chains always.

    Raises UsageError when the job names a universe that is not in the database; GatewayLost and DatabaseError.
    """
    found: list[tuple[str, Instrument]] = []
    unresolved: list[tuple[Unmet, InstrumentQuery]] = []
    doubtful: list[Unmet] = []
    everything = await asyncio.to_thread(asked_of, engine, job.universe, gateway.origin)
    known = await asyncio.to_thread(known_instruments, engine, [each.query for each in everything], gateway.origin)
    for asked in everything:
        if asked.query in known and (asked.member is None or asked.query.con_id):
            found.append((asked.symbol, known[asked.query]))
            continue
        try:
            those = await resolve_asked(gateway, engine, asked, clock)
        except (UnknownInstrument, AmbiguousInstrument, RequestError) as error:
            unresolved.append((Unmet.because(asked.symbol, error), asked.query))
            if isinstance(error, RequestError) and not getattr(error, "permanent", False):
                doubtful.append(unresolved[-1][0])
            continue
        found += [(asked.symbol, one) for one in those]
        if asked.query.front:
            late = await asyncio.to_thread(_left_behind, engine, job, Product.of(those[0]), gateway.origin, clock)
            found += [(asked.symbol, one) for one in late]
    made = _ordered(job, found, clock)
    return JobOrders(made.orders, (*(each for each, _ in unresolved), *made.unmet), tuple(doubtful), tuple(unresolved))


def as_last_known(engine: Engine, job: Job, made: JobOrders, origin: Origin, clock: Clock) -> JobOrders:
    """With orders for the series to which the symbols that were not found came the last time: to ask in vain is not to
    learn that there is nothing. A symbol that IB knew before and denies today is doubtful."""
    if not made.unresolved:
        return made
    with engine.connect() as connection:
        before = [row.series.instrument for row in wishes.series_of(connection, job.name) if row.origin is origin]
    found: dict[Instrument, str] = {}
    doubtful = dict.fromkeys(made.doubtful)
    for unmet, query in made.unresolved:
        meant = {one: unmet.symbol for one in before if _may_mean(query, one)}
        found |= meant
        if meant and unmet.kind == UnknownInstrument.__name__:
            doubtful[unmet] = None
    known = {order.series for order in made.orders}
    more = _ordered(job, [(symbol, one) for one, symbol in found.items()], clock).orders
    orders = (*made.orders, *(order for order in more if order.series not in known))
    return replace(made, orders=orders, doubtful=tuple(doubtful))


def _may_mean(query: InstrumentQuery, one: Instrument) -> bool:
    if query.con_id:
        return query.con_id == one.con_id
    named = query.symbol == one.symbol if query.symbol else query.local_symbol == one.local_symbol
    there = query.exchange in ("", one.exchange, one.primary_exchange) and query.currency in ("", one.currency)
    return named and there and query.sec_type == one.sec_type


async def resolve_asked(gateway: Gateway, engine: Engine, asked: Asked, clock: Clock) -> tuple[Instrument, ...]:
    """What is meant today; a member's contract, once found, is kept as the member's. Raises what `resolve_all` does."""
    found = await resolve_all(gateway, engine, asked.query, clock)
    if asked.member is not None:
        await asyncio.to_thread(_bind, engine, asked.member, gateway.origin, found[0].con_id)
    return found


async def job_preview(settings: Settings, engine: Engine, job: Job, clock: Clock) -> tuple[Preview, tuple[Unmet, ...]]:
    """What a run would ask and cost. Connects to the gateway only for instruments the database does not know."""
    gate = gate_of(settings, clock)
    seed_gate(engine, gate, settings, clock)
    made = _known_orders(engine, job, clock)
    if made is None:
        async with open_gateway(settings, clock, gate) as gateway:
            made = await job_orders(gateway, engine, job, clock)
    return preview_of(settings, engine, made.orders, gate, clock), made.unmet


def job_selection(job: Job, orders: Iterable[Order], origin: Origin, clock: Clock) -> JobSelection:
    """The job's own series over the time it wants."""
    chosen = [order.series for order in orders]
    today = clock.now().date()
    return JobSelection(
        symbols=tuple(dict.fromkeys(f"con_id:{series.instrument.con_id}" for series in chosen)),
        bar_sizes=tuple(dict.fromkeys(series.bar_size for series in chosen)),
        origin=origin,
        start=job.want.start(today),
        end=job.want.end(today),
        keys=frozenset(_key(series) for series in chosen),
    )


def _known_orders(engine: Engine, job: Job, clock: Clock) -> JobOrders | None:
    """None where the database does not know every symbol. Raises UsageError as `job_orders` does."""
    found = []
    for asked in asked_of(engine, job.universe, None):
        row = known_instrument(engine, asked.query, None)
        if row is None:
            return None
        found.append((asked.symbol, row.instrument))
    return _ordered(job, found, clock)


def _left_behind(engine: Engine, job: Job, product: Product, origin: Origin, clock: Clock) -> tuple[Instrument, ...]:
    """Expired contracts of a chain whose last bars the job still wants."""
    since = comparable(job.want.start(clock.now().date()))
    late: dict[Instrument, None] = {}
    for row in left_behind(engine, product, origin, clock.now()):
        one = row.series.instrument
        wanted = (series_of(one, wish.bar_size, wish.what, outside_rth=wish.outside_rth) for wish in job.series)
        if row.series in wanted and expiry_end(one) > since:
            late[one] = None
    return tuple(sorted(late, key=lambda one: one.expiry))


def _bind(engine: Engine, member: int, origin: Origin, con_id: int) -> None:
    with engine.begin() as connection:
        universes.bind(connection, member, origin, con_id)


def _ordered(job: Job, found: Iterable[tuple[str, Instrument]], clock: Clock) -> JobOrders:
    """One order for each series, also where two symbols or two wishes come to the same one."""
    today = clock.now().date()
    start, end = job.want.start(today), job.want.end(today)
    orders: dict[Series, Order] = {}
    unmet: list[Unmet] = []
    for symbol, instrument in found:
        for wish in job.series:
            series = series_of(instrument, wish.bar_size, wish.what, outside_rth=wish.outside_rth)
            try:
                orders.setdefault(series, order_of(series, start, end, clock))
            except UsageError as error:
                unmet.append(Unmet.because(f"{symbol} {wish.bar_size.alias}", error))
    return JobOrders(tuple(orders.values()), tuple(unmet))


def _key(series: Series) -> _Key:
    return series.instrument.con_id, series.bar_size, series.what, series.use_rth
