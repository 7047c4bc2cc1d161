"""`Freshness`: how far the series of one wish reach, against what could be there by now."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Freshness:
    """One wish. `complete` of its `series` have everything that is due; `empty` ones have nothing settled at all.

    `behind` is the worst series' trading time between the end of what is settled and the end of what is due; `worst`
    names that series and `worst_end` is where it ends (None: nothing settled). `oldest_end` is the earliest end of any
    series that has one; they differ where series trade in different hours. `problem` says why nothing of this could be
    found out; then the figures mean nothing.
    """

    wish: str
    series: int = 0
    complete: int = 0
    empty: int = 0
    behind: timedelta = timedelta()
    worst: str = ""
    worst_end: datetime | None = None
    oldest_end: datetime | None = None
    last_due: datetime | None = None
    is_scheduled: bool = False
    problem: str = ""

    def is_stale(self, limit: timedelta) -> bool:
        """Whether it is further behind than that, though its schedule should see to it."""
        return self.is_scheduled and self.behind > limit
