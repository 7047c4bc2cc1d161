"""What an underlying is worth on each calendar day: a random walk pinned at both ends.

Most of the walk's slow wandering is taken out, so that forty years of it stay at believable, positive prices whatever
the seed. Everything that depends on one underlying (an index, its ETF, its futures and options) reads the same path, so
that they move together.
"""

from dataclasses import dataclass

import numpy as np

from ingest.simulator.market.arrays import Floats
from ingest.simulator.market.synthetic.noise import BELL_DEVIATION, bell, draw, stream
from ingest.simulator.market.timetable import FIRST_DAY, LAST_DAY, day_number, weekday

FIRST = day_number(FIRST_DAY)

#: What the walk does from one knot to the next counts in full, from there on only this much of it.
_KNOT_DAYS = 400
_WANDERING = 0.25


@dataclass(frozen=True, slots=True)
class Path:
    """`begin` and `finish` are the prices on the first and last day; `wobble` the deviation of a day's log return."""

    name: str
    begin: float
    finish: float
    wobble: float
    weekends: bool = False


def levels(seed: int, path: Path) -> Floats:
    """The level at the end of each day from `FIRST_DAY` to `LAST_DAY`."""
    day = np.arange(FIRST, day_number(LAST_DAY) + 1, dtype=np.int64)
    step = bell(draw(stream(seed, path.name, "day"), day))
    if not path.weekends:
        step[weekday(day) > 4] = 0
    walk = np.cumsum(step) * (path.wobble / BELL_DEVIATION)
    share = (day - FIRST) / (len(day) - 1)
    knots = np.append(day[::_KNOT_DAYS], day[-1])
    slow = np.interp(day, knots, walk[knots - FIRST])
    wandering = walk - slow + _WANDERING * (slow - share * walk[-1])
    log = np.log(path.begin) + share * np.log(path.finish / path.begin) + wandering
    level: Floats = np.exp(log)
    return level
