"""What a plan costs before anything is sent: requests, pacing units, and a time to expect."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from ingest.plan.planner import SeriesPlan

#: IB: no more than 60 requests of small bars in any ten minutes.
_SMALL_PER_WINDOW, _WINDOW = 60, timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Cost:
    """`requests` in all, `small_units` of them under IB's hard rules (BID_ASK counts two), `heads` not asked yet."""

    requests: int
    small_units: int
    heads: int
    eta: timedelta


def cost_of(plans: Iterable[SeriesPlan], *, heads: int, seconds_per_request: float, concurrency: int) -> Cost:
    """`seconds_per_request` is what an answer takes (measured, or a guess); `concurrency` how many are open at once."""
    large = small = units = 0
    for plan in plans:
        count = len(plan.requests)
        if plan.series.bar_size.is_small:
            small += count
            units += count * plan.series.what.pacing_cost
        else:
            large += count
    units += heads
    full_windows = max(0, units - 1) // _SMALL_PER_WINDOW
    answering = timedelta(seconds=(large + small + heads) * seconds_per_request / max(1, concurrency))
    return Cost(large + small, units, heads, max(answering, full_windows * _WINDOW + answering * bool(full_windows)))
