"""The estimate of requests against the plan that is made when the job runs."""

from hypothesis import given, settings

from ingest.calendars import calendar_of
from ingest.domain.bar_size import BarSize
from ingest.domain.instrument import Instrument
from ingest.domain.ledger import Ledger
from ingest.domain.window import Window, intersect
from ingest.plan.edge import unripe
from ingest.plan.estimate import about_requests
from ingest.plan.planner import Situation, plan_series
from ingest.plan.reach import Limits, due_part
from ingest.plan.spans import Spans
from tests.given import series
from tests.properties.test_plan import NOW, instruments, ledgers, on_grid, sizes, wishes


@settings(max_examples=300, deadline=None)
@given(instruments, sizes, wishes, ledgers)
def test_the_estimate_is_close_and_nothing_only_where_nothing_is_to_do(
    instrument: Instrument, size: BarSize, wish: Window, ledger: Ledger
) -> None:
    calendar = calendar_of(instrument, use_rth=True)
    at = Situation(series(instrument, size), (wish,), on_grid(size, ledger), calendar, Limits(NOW), Spans())
    plan, about = plan_series(at), about_requests(at)
    later = intersect(due_part(at.series, at.wish, calendar, NOW), unripe(at.series, at.ledger, calendar, NOW))
    assert (about > 0) == bool(plan.requests or plan.ruled or later)
    assert abs(about - max(1, len(plan.requests))) <= 1 + len(plan.requests) // 2 or not about
