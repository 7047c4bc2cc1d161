"""Jobs as people look at them: with the names of their series, what is ahead of them, and what became of them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine

from ingest.app.foresight import Foresight, foresee
from ingest.calendars import calendar_of
from ingest.clock import Clock
from ingest.config import Settings
from ingest.domain.job import Job, JobState, Kind
from ingest.domain.ledger import Entry
from ingest.domain.window import Windows, intersect, subtract
from ingest.errors import UsageError
from ingest.plan.reach import due_part
from ingest.plan.waiting import Expected
from ingest.store import firings, job_history, job_listing, ledger
from ingest.store import series as series_store
from ingest.store.firings import Firing
from ingest.store.job_history import Holder, JobEvent
from ingest.store.series import SeriesRow

OPEN_STATES = (JobState.RUNNING, JobState.WAITING, JobState.PAUSED)


@dataclass(frozen=True, slots=True)
class JobView:
    """A job, its series (None: it is none of a series) and when it is expected to be done.

    `behind` are jobs that work on the same series now; `not_before` is by the product's clock.
    """

    job: Job
    row: SeriesRow | None = None
    expected: Expected | None = None
    behind: tuple[int, ...] = ()
    not_before: datetime | None = None

    @property
    def subject(self) -> str:
        return str(self.row) if self.row is not None else ""

    @property
    def settled(self) -> tuple[int, int] | None:
        """Requests made, and in all as far as is known; None: it has not begun, and `estimate` says about how many."""
        progress = self.job.progress
        return (progress.settled, progress.settled + progress.remaining) if progress.slices else None


@dataclass(frozen=True, slots=True)
class QueueView:
    """Some jobs of the queue, how many there are in each state, and what is foreseen for all."""

    jobs: tuple[JobView, ...]
    counts: Mapping[JobState, int]
    foresight: Foresight
    now: datetime


@dataclass(frozen=True, slots=True)
class JobDetail:
    """Everything about one job. `unsettled` is what the ledger says of its windows, `unknown` what was never asked."""

    view: JobView
    now: datetime
    foresight: Foresight
    events: tuple[JobEvent, ...]
    holder: Holder | None = None
    firing: Firing | None = None
    unsettled: tuple[Entry, ...] = ()
    unknown: Windows = ()
    others: tuple[Job, ...] = field(default=())


def queue_view(
    engine: Engine,
    settings: Settings,
    clock: Clock,
    *,
    states: Collection[JobState] | None = None,
    wish: str | None = None,
    series_ids: Collection[int] | None = None,
    ended_within: timedelta | None = None,
    limit: int = 100,
) -> QueueView:
    """As `job_listing.listing` chooses them, in its order."""
    with engine.connect() as connection:
        found = job_listing.listing(
            connection, states=states, wish=wish, series_ids=series_ids, ended_within=ended_within, limit=limit
        )
        counts: dict[JobState, int] = {}
        for each in job_listing.depth(connection):
            counts[each.state] = counts.get(each.state, 0) + each.jobs
        foresight = foresee(connection, settings, clock)
        return QueueView(_views(connection, found, foresight, settings, clock), counts, foresight, clock.now())


def job_detail(engine: Engine, settings: Settings, clock: Clock, job_id: int) -> JobDetail:
    """Raises UsageError where there is no such job."""
    with engine.connect() as connection:
        job = one_job(connection, job_id)
        foresight = foresee(connection, settings, clock)
        (view,) = _views(connection, [job], foresight, settings, clock)
        unsettled, unknown = _lacking(connection, view, clock.now())
        return JobDetail(
            view,
            clock.now(),
            foresight,
            job_history.events(connection, job_id),
            job_history.holder(connection, job_id),
            firings.by_id(connection, job.firing) if job.firing is not None else None,
            unsettled,
            unknown,
            _others(connection, job),
        )


def one_job(connection: Connection, job_id: int) -> Job:
    """Raises UsageError where there is no such job."""
    found = job_listing.listing(connection, job_ids=[job_id], limit=1)
    if not found:
        raise no_such_jobs([job_id])
    return found[0]


def no_such_jobs(job_ids: Collection[int]) -> UsageError:
    named = ", ".join(map(str, sorted(job_ids)))
    which = f"There is no job {named}." if len(job_ids) == 1 else f"There are no jobs {named}."
    return UsageError(which, hint="`ingest jobs list --all` shows those that are remembered.")


def _views(
    connection: Connection, jobs: Collection[Job], foresight: Foresight, settings: Settings, clock: Clock
) -> tuple[JobView, ...]:
    ids = sorted({job.series_id for job in jobs if job.series_id is not None})
    rows = {row.id: row for row in series_store.listing(connection, series_ids=ids)}
    busy = _busy(connection, ids)
    wall, ours, scale = job_listing.database_now(connection), clock.now(), settings.clock.scale
    return tuple(
        JobView(
            job,
            rows.get(job.series_id) if job.series_id is not None else None,
            foresight.expected.get(job.id),
            busy.get(job.series_id or 0, ()) if job.state in (JobState.WAITING, JobState.PAUSED) else (),
            ours + (job.not_before - wall) * scale if job.not_before is not None else None,
        )
        for job in jobs
    )


def _busy(connection: Connection, series_ids: Collection[int]) -> dict[int, tuple[int, ...]]:
    """The jobs that run now, by series."""
    if not series_ids:
        return {}
    busy: dict[int, tuple[int, ...]] = {}
    for job in job_listing.listing(connection, states=[JobState.RUNNING], series_ids=series_ids, limit=len(series_ids)):
        if job.series_id is not None:
            busy[job.series_id] = (*busy.get(job.series_id, ()), job.id)
    return busy


def _lacking(connection: Connection, view: JobView, now: datetime) -> tuple[tuple[Entry, ...], Windows]:
    """What of a job's windows is not settled, and what was never asked for although it is due."""
    if view.row is None:
        return (), ()
    held = ledger.read(connection, view.row.id)
    windows = view.job.windows
    unsettled = tuple(
        Entry(part, entry.state, entry.reason, entry.permanent)
        for entry in held
        if not entry.state.is_settled
        for part in intersect([entry.window], windows)
    )
    calendar = calendar_of(view.row.series.instrument, use_rth=view.row.series.use_rth)
    return unsettled, subtract(due_part(view.row.series, windows, calendar, now), held.windows())


def _others(connection: Connection, job: Job) -> tuple[Job, ...]:
    """Other jobs that are open for the same series."""
    if job.kind is not Kind.FILL or job.series_id is None:
        return ()
    found = job_listing.listing(connection, states=OPEN_STATES, series_ids=[job.series_id])
    return tuple(other for other in found if other.id != job.id)


def as_json(view: JobView) -> dict[str, Any]:
    """Everything that is known of a job in a list."""
    job, progress = view.job, view.job.progress
    series = None if view.row is None else view.row.series
    return {
        "id": job.id,
        "kind": job.kind.value,
        "state": job.state.value,
        "lane": job.lane.value,
        "priority": job.priority,
        "wish": job.wish,
        "firing": job.firing,
        "series": view.subject or None,
        "series_id": job.series_id,
        "con_id": None if series is None else series.instrument.con_id,
        "bar_size": None if series is None else series.bar_size.value,
        "what_to_show": None if series is None else series.what.value,
        "use_rth": None if series is None else series.use_rth,
        "windows": [{"start": window.start, "end": window.end} for window in job.windows],
        "retry_failed": job.retry_failed,
        "estimate": job.estimate,
        "gateway": progress.gateway,
        "slices": progress.slices,
        "rounds": progress.rounds,
        "settled": progress.settled,
        "remaining": progress.remaining if progress.slices else None,
        "bars": progress.bars,
        "note": progress.note,
        "cancelling": job.cancelling,
        "behind": list(view.behind),
        "not_before": view.not_before,
        "queued_at": job.queued_at,
        "started_at": job.started_at,
        "ended_at": job.ended_at,
        "expected_begin": None if view.expected is None else view.expected.begins,
        "expected_end": None if view.expected is None else view.expected.ends,
    }
