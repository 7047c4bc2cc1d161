"""How far the universes reach: for `ingest status`, for the metrics, and for telling when one falls behind.

Two questions that must not be mixed: `behind` compares with this moment, so that a night that did not run shows;
`complete` with the wish's last occurrence, so that it does not fall to nothing with every bar that closes in between.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Engine

from ingest.calendars import calendar_of
from ingest.domain.calendar import SessionCalendar
from ingest.domain.freshness import Freshness
from ingest.domain.series import Series
from ingest.domain.window import Window, Windows, between, intersect
from ingest.plan.reach import due_part
from ingest.plan.wish import window_of
from ingest.store import firings, wishes
from ingest.store.series import SeriesRow
from ingest.store.tails import Tail, tails
from ingest.store.wishes import WishRow
from ingest.wishes import Job, job_of

__all__ = ["Freshness", "due_of", "freshness"]

_Spans = dict[tuple[str, Window, bool], timedelta]


@dataclass(frozen=True, slots=True)
class _Wish:
    job: Job
    rows: tuple[SeriesRow, ...]
    last_due: datetime | None


@dataclass(frozen=True, slots=True)
class _Reach:
    """One series of a wish: how far it is settled, what it lacks of now, and whether it has what was due before."""

    name: str
    end: datetime | None
    behind: timedelta
    is_complete: bool


def freshness(engine: Engine, now: datetime) -> tuple[Freshness, ...]:
    """Every wish that is not removed, by name. A few queries for each wish, one for all ledgers."""
    with engine.connect() as connection:
        found = [_read(connection, wish) for wish in wishes.listing(connection) if wish.removed_at is None]
        asked = [(wish, row, due) for wish in found for row in wish.rows for due in due_of(row.series, wish.job, now)]
        known = tails(connection, [(row.id, due) for _, row, due in asked])
    spans: _Spans = {}
    reaches: dict[str, list[_Reach]] = defaultdict(list)
    for (wish, row, due), tail in zip(asked, known, strict=True):
        reaches[wish.job.name].append(_reach(wish, row, due, tail, spans))
    return tuple(_summed(wish, reaches[wish.job.name]) for wish in found)


def due_of(series: Series, job: Job, moment: datetime) -> Windows:
    """What a wish wants of a series and could have at a moment; empty where there is no session yet."""
    calendar = calendar_of(series.instrument, use_rth=series.use_rth)
    today = moment.astimezone(UTC).date()
    tomorrow = datetime(today.year, today.month, today.day, tzinfo=UTC) + timedelta(days=1)
    try:
        wished = window_of(series, calendar, job.want.start(today), job.want.end(today) or tomorrow)
    except ValueError:
        return ()
    return due_part(series, (wished,), calendar, moment)


def _read(connection: Connection, wish: WishRow) -> _Wish:
    rows = wishes.series_of(connection, wish.name)
    return _Wish(job_of(wish.document), rows, firings.last_due(connection, wish.name))


def _reach(wish: _Wish, row: SeriesRow, due: Window, tail: Tail, known: _Spans) -> _Reach:
    series = row.series
    lacking = between(tail.settled_until or due.start, due.end)
    calendar = calendar_of(series.instrument, use_rth=series.use_rth)
    behind = _trading_time(calendar, lacking, known, is_daily=series.bar_size.is_daily) if lacking else timedelta()
    before = (due,) if wish.last_due is None else due_of(series, wish.job, wish.last_due)
    return _Reach(str(row), tail.settled_until, behind, not intersect(tail.unsettled, before))


def _summed(wish: _Wish, reaches: Sequence[_Reach]) -> Freshness:
    worst = max(reaches, key=lambda each: each.behind, default=None)
    lags = worst is not None and worst.behind > timedelta()
    ends = [each.end for each in reaches if each.end is not None]
    return Freshness(
        wish.job.name,
        series=len(wish.rows),
        complete=len(wish.rows) - sum(not each.is_complete for each in reaches),
        empty=len(reaches) - len(ends),
        behind=worst.behind if worst and lags else timedelta(),
        worst=worst.name if worst and lags else "",
        worst_end=worst.end if worst and lags else None,
        oldest_end=min(ends, default=None),
        last_due=wish.last_due,
        is_scheduled=wish.job.schedule is not None,
    )


def _trading_time(calendar: SessionCalendar, lacking: Window, known: _Spans, *, is_daily: bool) -> timedelta:
    """Of sessions by their dates for bars of a day and longer, else of what lies in the stretch.

    Series of one market mostly lack the same, so what is `known` is not added up again.
    """
    key = calendar.name, lacking, is_daily
    if key not in known:
        sessions = calendar.on_axis(lacking, daily=is_daily)
        parts = (session.hours if is_daily else session.hours.intersection(lacking) for session in sessions)
        known[key] = sum((part.span for part in parts if part is not None), timedelta())
    return known[key]
