"""How far the universes reach: for `ingest status`, for the metrics, and for telling when one falls behind.

Two questions that must not be mixed: `behind` compares with this moment, so that a night that did not run shows;
`complete` with the wish's last occurrence, so that it does not fall to nothing with every bar that closes in between.
A wish that cannot be judged is named with its reason, and costs the others nothing.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import takewhile
from typing import TypeVar

from sqlalchemy import Connection, Engine

from ingest.calendars import calendar_of
from ingest.domain.calendar import SessionCalendar
from ingest.domain.freshness import Freshness, open_end, trading_time
from ingest.domain.series import Series
from ingest.domain.window import Window, Windows, between, intersect
from ingest.errors import DatabaseError, IngestError, UsageError
from ingest.plan.reach import due_part
from ingest.plan.wish import window_of
from ingest.store import firings, wishes
from ingest.store.firings import Firing
from ingest.store.series import SeriesRow
from ingest.store.tails import Tail, tails
from ingest.store.wishes import WishRow
from ingest.wishes import Job, job_of

__all__ = ["Freshness", "due_of", "freshness"]

_T = TypeVar("_T")
_Spans = dict[tuple[str, Windows, bool], timedelta]


@dataclass(frozen=True, slots=True)
class _Late:
    """The first occurrence of a wish that nothing came of, and how far it got."""

    was_due: datetime
    since_then: str
    overdue: timedelta


@dataclass(frozen=True, slots=True)
class _Wish:
    """A wish that could be read: its series, and what of each could be here by now."""

    job: Job
    rows: tuple[SeriesRow, ...]
    asked: tuple[tuple[SeriesRow, Window], ...]
    last_due: datetime | None
    late: "_Late | None"

    @property
    def name(self) -> str:
        return self.job.name


@dataclass(frozen=True, slots=True)
class _Reach:
    """One series of a wish: how far it is settled, what it lacks of now, and whether it has what was due before."""

    name: str
    end: datetime | None
    behind: timedelta
    is_complete: bool
    is_refused: bool


def freshness(engine: Engine, now: datetime) -> tuple[Freshness, ...]:
    """Every wish that is not removed, by name. A few queries for each, one for all ledgers. Raises DatabaseError."""
    with engine.connect() as connection:
        kept = [wish for wish in wishes.listing(connection) if wish.removed_at is None]
        read = [_tried(wish.name, partial(_read, connection, wish, now)) for wish in kept]
        found = [wish for wish in read if isinstance(wish, _Wish)]
        asked = [(wish, row, due) for wish in found for row, due in wish.asked]
        known = tails(connection, [(row.id, due) for _, row, due in asked])
    spans: _Spans = {}
    held: dict[str, list[Tail]] = defaultdict(list)
    for (wish, _, _), tail in zip(asked, known, strict=True):
        held[wish.name].append(tail)
    return tuple(
        _tried(wish.name, partial(_judged, wish, held[wish.name], spans)) if isinstance(wish, _Wish) else wish
        for wish in read
    )


def due_of(series: Series, job: Job, moment: datetime) -> Windows:
    """What a wish wants of a series and could have at a moment; empty where there is no session yet.

    No bar is final before its day is over, so a wish without end in sight is cut there: its end may be on no grid.
    """
    calendar = calendar_of(series.instrument, use_rth=series.use_rth)
    today = moment.astimezone(UTC).date()
    tomorrow = datetime(today.year, today.month, today.day, tzinfo=UTC) + timedelta(days=1)
    try:
        wished = window_of(series, calendar, job.want.start(today), job.want.end(today) or tomorrow)
    except ValueError:
        return ()
    begun = between(wished.start, min(wished.end, tomorrow))
    return due_part(series, (begun,), calendar, moment) if begun else ()


def _tried(wish: str, judge: Callable[[], _T]) -> _T | Freshness:
    try:
        return judge()
    except DatabaseError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this wish's; who asked shows or logs it
        said = str(error) if isinstance(error, IngestError) else f"{type(error).__name__}: {error}"
        return Freshness(wish, problem=said)


def _read(connection: Connection, wish: WishRow, now: datetime) -> _Wish:
    rows = wishes.series_of(connection, wish.name)
    try:
        job = job_of(wish.document)
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(
            f"What the database keeps of {wish.path} cannot be read ({type(error).__name__}: {error}).",
            hint="Another release may have written it; a scheduler of this one reads the file again.",
        ) from error
    asked = tuple((row, due) for row in rows for due in due_of(row.series, job, now))
    late = None if job.schedule is None else _late(connection, wish, now, has_series=bool(rows))
    return _Wish(job, rows, asked, firings.last_due(connection, wish.name), late)


def _late(connection: Connection, wish: WishRow, now: datetime, *, has_series: bool) -> _Late | None:
    """A wish with series says by them how far its firings get; one without must be judged by the firings alone."""
    found = () if has_series else tuple(takewhile(_is_fruitless, firings.recent(connection, wish.name)))
    if found:
        first = found[-1]
        ended = (
            "it has come to no series since" if any(each.ended_at for each in found) else "nothing has finished since"
        )
        was_due, since_then = first.due_at, ended
    elif wish.next_due is not None:
        was_due, since_then = wish.next_due, "nothing has been queued since"
    else:
        return None
    return _Late(was_due, since_then, now - was_due) if was_due < now else None


def _is_fruitless(firing: Firing) -> bool:
    return firing.ended_at is None or not (firing.outcome or {}).get("series")


def _judged(wish: _Wish, held: Sequence[Tail], known: _Spans) -> Freshness:
    """`held` belongs to what the wish has asked, in its order."""
    return _summed(
        wish, [_reach(wish, row, due, tail, known) for (row, due), tail in zip(wish.asked, held, strict=True)]
    )


def _reach(wish: _Wish, row: SeriesRow, due: Window, tail: Tail, known: _Spans) -> _Reach:
    series = row.series
    lacking = open_end(tail.settled_until or due.start, due.end, tail.refused)
    calendar = calendar_of(series.instrument, use_rth=series.use_rth)
    behind = _trading_time(calendar, lacking, known, is_daily=series.bar_size.is_daily)
    before = (due,) if wish.last_due is None else due_of(series, wish.job, wish.last_due)
    return _Reach(str(row), tail.settled_until, behind, not intersect(tail.unsettled, before), bool(tail.refused))


def _summed(wish: _Wish, reaches: Sequence[_Reach]) -> Freshness:
    worst = max(reaches, key=lambda each: each.behind, default=None)
    lags = worst is not None and worst.behind > timedelta()
    ends = [each.end for each in reaches if each.end is not None]
    return Freshness(
        wish.job.name,
        series=len(wish.rows),
        complete=len(wish.rows) - sum(not each.is_complete for each in reaches),
        empty=len(reaches) - len(ends),
        refused=sum(each.is_refused for each in reaches),
        behind=worst.behind if worst and lags else timedelta(),
        worst=worst.name if worst and lags else "",
        worst_end=worst.end if worst and lags else None,
        oldest_end=min(ends, default=None),
        last_due=wish.last_due,
        is_scheduled=wish.job.schedule is not None,
        **({} if wish.late is None else asdict(wish.late)),
    )


def _trading_time(calendar: SessionCalendar, lacking: Windows, known: _Spans, *, is_daily: bool) -> timedelta:
    """Series of one market mostly lack the same, so what is `known` is not added up again."""
    key = calendar.name, lacking, is_daily
    if key not in known:
        known[key] = trading_time(calendar, lacking, daily=is_daily)
    return known[key]
