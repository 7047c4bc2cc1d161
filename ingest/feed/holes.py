"""What of a window is held and what is not, stretch by stretch; and the reader's warning about it.

Time in which nothing trades is nobody's loss, and neither is time that was not over yet: both are left out of what is
missing, though `stretches` (for `feed.coverage`) tells of all time.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from ingest.calendars import calendar_of
from ingest.domain import grid
from ingest.domain.ledger import Ledger, State
from ingest.domain.series import Series
from ingest.domain.window import Window, between, intersect, subtract
from ingest.errors import EXIT_INCOMPLETE, IngestError

UNKNOWN = "unknown"
_HELD = tuple(state.value for state in State if state.is_settled)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, order=True)
class Stretch:
    """Time of one series in one state: a word of the ledger's, or "unknown" where it has none."""

    window: Window
    state: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Incomplete:
    """A series that lacks something, and what."""

    series: Series
    missing: tuple[Stretch, ...]


class IncompleteWarning(IngestError, UserWarning):
    """Something that was asked for is not held. With `strict=True` it is raised as an error instead.

    `incomplete` lists the series with their missing stretches.
    """

    exit_code = EXIT_INCOMPLETE

    def __init__(self, incomplete: Sequence[Incomplete]) -> None:
        self.incomplete = tuple(incomplete)
        shown = "; ".join(_lacks(each) for each in self.incomplete[:3])
        more = f"; and {len(self.incomplete) - 3} more series" if len(self.incomplete) > 3 else ""
        super().__init__(
            f"Not everything is held: {shown}{more}.",
            hint="`feed.missing` lists it, `ingest backfill` asks for it.",
        )


def stretches(ledger: Ledger, wish: Window) -> tuple[Stretch, ...]:
    """The whole window, tiled by what is known of it, in order."""
    known = [
        Stretch(both, entry.state.value, entry.reason) for entry in ledger if (both := entry.window.intersection(wish))
    ]
    unknown = [Stretch(window, UNKNOWN) for window in subtract([wish], ledger.windows())]
    return tuple(sorted(known + unknown))


def missing(series: Series, told: Iterable[Stretch], now: datetime) -> tuple[Stretch, ...]:
    """What of these stretches is not held although it was traded and over by `now`, cut to trading time at its ends."""
    lacking = [stretch for stretch in told if stretch.state not in _HELD]
    trimmed = [(stretch, _trimmed(series, stretch.window, now)) for stretch in lacking]
    return tuple(Stretch(window, stretch.state, stretch.reason) for stretch, window in trimmed if window)


def _trimmed(series: Series, window: Window, now: datetime) -> Window | None:
    """From the first to the last trading time in the window that is over; None where there is none."""
    size = series.bar_size
    sessions = calendar_of(series.instrument, use_rth=series.use_rth).on_axis(window, daily=size.is_daily)
    until = now if size.is_daily else grid.floor(series, now)
    if size.is_daily:
        hours = [_date(session.day) for session in sessions if session.hours.end <= until]
    else:
        hours = [over for session in sessions if (over := between(session.hours.start, min(session.hours.end, until)))]
    traded = intersect([window], hours)
    return Window(traded[0].start, traded[-1].end) if traded else None


def _date(day: date) -> Window:
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return Window(start, start + _DAY)


def _lacks(incomplete: Incomplete) -> str:
    shown = ", ".join(f"{stretch.window} {stretch.state}" for stretch in incomplete.missing[:3])
    more = f" and {len(incomplete.missing) - 3} more" if len(incomplete.missing) > 3 else ""
    return f"{incomplete.series} lacks {shown}{more}"
