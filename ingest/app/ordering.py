"""What a person typed → orders: one series and the time to make it complete over."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine

from ingest.app.resolving import queries_of, resolve_each
from ingest.calendars import calendar_of
from ingest.clock import Clock
from ingest.domain.bar_size import BarSize
from ingest.domain.instrument import Instrument, InstrumentQuery
from ingest.domain.ledger import Ledger, State
from ingest.domain.series import Series
from ingest.domain.what import WhatToShow, default_what
from ingest.domain.window import Windows, between, normalise
from ingest.errors import UsageError
from ingest.gateway.client import Gateway
from ingest.plan.reach import due_until
from ingest.plan.wish import Edge, comparable, window_of
from ingest.store import asked, ledger
from ingest.store.series import SeriesRow
from ingest.worker.lines import Order


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a command line asks for, before instruments are known."""

    symbols: tuple[str, ...]
    bar_sizes: tuple[BarSize, ...]
    start: Edge
    end: Edge | None
    what: WhatToShow | None = None
    outside_rth: bool = False
    sec_type: str = ""
    exchange: str = ""
    currency: str = ""

    def queries(self) -> tuple[InstrumentQuery, ...]:
        """Raises UsageError for all symbols that cannot be one."""
        return queries_of(self.symbols, self.sec_type, self.exchange, self.currency)


def series_of(instrument: Instrument, size: BarSize, what: WhatToShow | None, *, outside_rth: bool) -> Series:
    use_rth = not outside_rth or not instrument.has_extended_hours
    return Series(instrument, size, what or default_what(instrument.sec_type), use_rth)


def order_of(series: Series, start: Edge, end: Edge | None, clock: Clock) -> Order:
    """Raises UsageError when there is no time between start and end."""
    calendar = calendar_of(series.instrument, use_rth=series.use_rth)
    tomorrow = clock.now().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    if comparable(start) >= tomorrow:
        raise UsageError(f"{start} lies in the future; there are no bars yet.", hint="Choose an earlier start.")
    try:
        wish = window_of(series, calendar, start, end if end is not None else tomorrow)
    except ValueError as error:
        raise UsageError(f"{error}.") from None
    return Order(series, (wish,))


async def orders_of(gateway: Gateway, engine: Engine, wanted: Wanted, clock: Clock) -> list[Order]:
    """Resolve every symbol, then one order for each instrument and bar size."""
    found = await resolve_each(gateway, engine, [("", query) for query in wanted.queries()], clock)
    return [
        order_of(
            series_of(instrument, size, wanted.what, outside_rth=wanted.outside_rth), wanted.start, wanted.end, clock
        )
        for instrument in dict.fromkeys(found)
        for size in wanted.bar_sizes
    ]


def begun(engine: Engine, rows: Sequence[SeriesRow]) -> list[SeriesRow]:
    """Those series of which the ledger holds something."""
    with engine.connect() as connection:
        held = ledger.read_many(connection, [row.id for row in rows])
    return [row for row in rows if held[row.id].entries]


def update_orders(engine: Engine, rows: Sequence[SeriesRow], clock: Clock) -> list[Order]:
    """For series that hold something: from the ledger's end to the last closed bar, and what is not settled before. And
    for all, what was asked for and is in no state: runs ask for the newest first, so one that is stopped leaves a hole.
    """
    with engine.connect() as connection:
        ledgers = ledger.read_many(connection, [row.id for row in rows])
        unknown = asked.unknown(connection, [row.id for row in rows])
    wishes = [(row, _wish(row, ledgers[row.id], unknown[row.id], clock.now())) for row in rows]
    return [Order(row.series, wish) for row, wish in wishes if wish]


def _wish(row: SeriesRow, held: Ledger, unknown: Windows, now: datetime) -> Windows:
    due = due_until(row.series, calendar_of(row.series.instrument, use_rth=row.series.use_rth), now)
    tail = between(held.entries[-1].window.end, due) if held.entries else None
    unsettled = held.windows(State.PENDING, State.TIMED_OUT, State.FAILED)
    missing = [part for each in unknown if (part := between(each.start, min(each.end, due)))]
    return normalise([*unsettled, *missing, *([tail] if tail else [])])
