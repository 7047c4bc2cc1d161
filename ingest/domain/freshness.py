"""`Freshness`: how far the series of one wish reach, against what could be there by now; and what is counted in it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ingest.domain.calendar import SessionCalendar
from ingest.domain.window import Window, Windows, between, subtract


@dataclass(frozen=True, slots=True)
class Freshness:
    """One wish. `complete` of its `series` have everything that is due; `empty` ones have nothing settled at all; of
    `refused` ones IB has refused something that is due for good.

    `behind` is the worst series' trading time between the end of what is settled and the end of what is due, without
    what IB refused for good: nobody can have it. `worst` names that series and `worst_end` is where it ends (None:
    nothing settled). `oldest_end` is the earliest end of any series that has one; they differ where series trade in
    different hours. `was_due` is the first occurrence that nothing came of although its time has come, `overdue` for
    how long by the clock, and `since_then` says how far it got. `problem` says why nothing of this could be found out;
    then the figures mean nothing.
    """

    wish: str
    series: int = 0
    complete: int = 0
    empty: int = 0
    refused: int = 0
    behind: timedelta = timedelta()
    worst: str = ""
    worst_end: datetime | None = None
    oldest_end: datetime | None = None
    last_due: datetime | None = None
    is_scheduled: bool = False
    was_due: datetime | None = None
    overdue: timedelta = timedelta()
    since_then: str = ""
    problem: str = ""

    def is_stale(self, limit: timedelta) -> bool:
        """Whether it is further behind or overdue than that, though its schedule should see to it."""
        return self.is_scheduled and max(self.behind, self.overdue) > limit


def open_end(settled_until: datetime, due: datetime, refused: Iterable[Window]) -> Windows:
    """What lacks after the last settled time and could be had: not what IB refused for good."""
    rest = between(settled_until, due)
    return subtract([rest], refused) if rest else ()


def trading_time(calendar: SessionCalendar, lacking: Windows, *, daily: bool) -> timedelta:
    """How long is traded in a set of windows: whole sessions by their dates for bars of a day and longer."""
    parts = (
        session.hours if daily else session.hours.intersection(window)
        for window in lacking
        for session in calendar.on_axis(window, daily=daily)
    )
    return sum((part.span for part in parts if part is not None), timedelta())
