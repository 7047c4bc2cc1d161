"""Between what people or wishes want and the queue: orders → jobs, and jobs as they are shown.

Nothing here asks a gateway, and nothing plans: a job is planned when it runs. What it will take is estimated.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from ingest.calendars import calendar_of
from ingest.domain.job import Fill, Lane
from ingest.domain.ledger import Ledger
from ingest.domain.series import Origin
from ingest.domain.window import Windows, union
from ingest.plan.estimate import about_requests
from ingest.plan.planner import Situation
from ingest.plan.reach import Limits
from ingest.plan.spans import Spans
from ingest.store import ledger
from ingest.store import series as series_store
from ingest.store.series import SeriesRow
from ingest.worker.lines import Order


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
