"""About how many requests a series still takes, without planning it: for a thousand series in a few seconds.

The plan itself is made when a job runs. This counts sessions instead of cutting them, so that it may be a few requests
off where the ledger is full of small holes; it is 0 exactly where a plan would find nothing to ask and nothing to say,
now or once the newest edge is old enough for a second look.
"""

from datetime import timedelta

from ingest.domain.window import Window, subtract
from ingest.plan.planner import Situation
from ingest.plan.reach import reach

_DAYS = {"W": timedelta(weeks=1), "M": timedelta(days=30), "Y": timedelta(days=365)}


def about_requests(at: Situation) -> int:
    """How many requests are about to be made; at least 1 where anything of the wish is due and not settled, else 0."""
    settled = at.ledger.settled(retry_failed=at.retry_failed)
    due = reach(at.series, at.wish, at.calendar, at.limits)
    missing = subtract(due.askable, settled)
    if not missing:
        return int(any(subtract([entry.window], settled) for entry in due.ruled))
    if at.series.must_end_now:
        return 1
    return max(1, sum(_requests_for(at, window) for window in missing))


def _requests_for(at: Situation, window: Window) -> int:
    span, size = at.span, at.series.bar_size
    sessions = at.calendar.on_axis(window, daily=size.is_daily)
    if span.unit == "S":
        step = size.length * (span.count // size.seconds)
        parts = (session.hours.intersection(window) for session in sessions)
        return sum(_ceil(part.span, step) for part in parts if part is not None)
    if span.unit == "D":
        return -(-len(sessions) // span.count)
    if not sessions:
        return 0
    return _ceil(sessions[-1].day - sessions[0].day + timedelta(days=1), _DAYS[span.unit] * span.count)


def _ceil(span: timedelta, step: timedelta) -> int:
    return -(-span // step)
