"""Requests a plan issues, against the fewest that can do it: sessions ÷ sessions a request, counted independently."""

import math
from datetime import UTC, datetime

from ingest.calendars import calendar_of
from ingest.domain.bar_size import BarSize
from ingest.domain.ledger import Ledger
from ingest.domain.window import Window
from ingest.plan.planner import Situation, plan_series
from ingest.plan.reach import Limits
from ingest.plan.spans import Spans
from tests.given import AAPL, ES, series

NOW = datetime(2024, 6, 10, 12, 0, tzinfo=UTC)
WISH = Window(datetime(2020, 1, 1, tzinfo=UTC), datetime(2024, 6, 1, tzinfo=UTC))


def measure() -> tuple[int, int]:
    """Over several sizes and instruments: how many requests are planned, and how few would do."""
    issued = fewest = 0
    for instrument in (AAPL, ES):
        for size in (BarSize.MIN_1, BarSize.MIN_5, BarSize.HOUR_1):
            calendar = calendar_of(instrument, use_rth=True)
            wanted = series(instrument, size)
            plan = plan_series(Situation(wanted, (WISH,), Ledger(), calendar, Limits(NOW), Spans()))
            issued += len(plan.requests)
            fewest += math.ceil(len(calendar.overlapping(WISH)) / Spans().of(size).count)
    return issued, fewest
