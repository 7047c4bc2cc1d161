"""`SessionCalendar`: the sessions of one market, to look up by instant or by date; not where they come from."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import date, datetime

from ingest.domain.request import Session
from ingest.domain.window import Window


@dataclass(frozen=True, slots=True)
class SessionCalendar:
    """All sessions of one market in one kind of hours, ascending; `name` says which (for messages and plans).

    `is_known` False: the exchange's calendar is not known, and the sessions are just the days of its time zone.
    """

    name: str
    sessions: tuple[Session, ...]
    _opens: tuple[datetime, ...]
    _closes: tuple[datetime, ...]
    _days: tuple[date, ...]
    is_known: bool = True

    @classmethod
    def of(cls, name: str, sessions: tuple[Session, ...], *, is_known: bool = True) -> "SessionCalendar":
        opens = tuple(session.hours.start for session in sessions)
        closes = tuple(session.hours.end for session in sessions)
        return cls(name, sessions, opens, closes, tuple(session.day for session in sessions), is_known)

    def overlapping(self, window: Window) -> tuple[Session, ...]:
        """Sessions with any trading time in the window."""
        return self.sessions[bisect_right(self._closes, window.start) : bisect_left(self._opens, window.end)]

    def on_axis(self, window: Window, *, daily: bool) -> tuple[Session, ...]:
        """Sessions in a window on a series' axis: by date for bars of a day and longer, else by hours."""
        return self.dated(window.start.date(), window.end.date()) if daily else self.overlapping(window)

    def dated(self, first: date, before: date) -> tuple[Session, ...]:
        """Sessions with `first <= day < before`."""
        return self.sessions[bisect_left(self._days, first) : bisect_left(self._days, before)]

    def on_or_after(self, day: date) -> Session | None:
        at = bisect_left(self._days, day)
        return self.sessions[at] if at < len(self.sessions) else None

    def last_closed(self, moment: datetime) -> Session | None:
        """The newest session that had closed at `moment`."""
        at = bisect_right(self._closes, moment)
        return self.sessions[at - 1] if at else None

    def after(self, session: Session) -> Session | None:
        at = bisect_right(self._days, session.day)
        return self.sessions[at] if at < len(self.sessions) else None
