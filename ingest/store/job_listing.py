"""Jobs as they stand: listed, counted, and how far each has come."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from ingest.domain.job import Job, JobProgress, JobState, Kind, Lane
from ingest.store.jobs import windows_of
from ingest.store.queue_tables import job_progress
from ingest.store.sql import statement

_STATES = {
    "todo": JobState.WAITING,
    "doing": JobState.RUNNING,
    "succeeded": JobState.DONE,
    "failed": JobState.FAILED,
    "cancelled": JobState.CANCELLED,
    "aborting": JobState.RUNNING,
    "aborted": JobState.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class Depth:
    """How many jobs of a lane are in a state, and about how many requests they stand for."""

    lane: Lane
    state: JobState
    jobs: int
    requests: int


def listing(
    connection: Connection,
    *,
    job_ids: Collection[int] | None = None,
    states: Collection[JobState] | None = None,
    wish: str | None = None,
    series_ids: Collection[int] | None = None,
    firing: int | None = None,
    ended_within: timedelta | None = None,
    limit: int = 100,
) -> tuple[Job, ...]:
    """Jobs that are all of what is given: running ones first, then waiting ones in their order, then the last ended.

    `ended_within` leaves out those that ended longer ago; None: no such bound.
    """
    given = {
        "job_ids": None if job_ids is None else sorted(job_ids),
        "statuses": None if states is None else [name for name, state in _STATES.items() if state in _plain(states)],
        "paused": states is None or JobState.PAUSED in states,
        "waiting": states is None or JobState.WAITING in states,
        "wish": wish,
        "locks": None if series_ids is None else [f"series:{each}" for each in series_ids],
        "firing": None if firing is None else str(firing),
        "ended_seconds": None if ended_within is None else ended_within.total_seconds(),
        "limit": limit,
    }
    return tuple(_job(row) for row in connection.execute(statement("jobs_listing"), given).mappings())


def depth(connection: Connection) -> tuple[Depth, ...]:
    """What is in the queue, by lane and state; ended jobs as far as they are still remembered."""
    found = connection.execute(statement("jobs_depth"))
    return tuple(Depth(Lane(row.lane), _state(row.status, row.queue), row.jobs, row.requests) for row in found)


def database_now(connection: Connection) -> datetime:
    """The clock that `not_before` and the other times of a job are by."""
    moment: datetime = connection.execute(select(func.now())).scalar_one()
    return moment


def read_progress(connection: Connection, job_id: int) -> JobProgress:
    """How far a job has come; nothing yet where nothing was noted."""
    found = connection.execute(select(job_progress).where(job_progress.c.job_id == job_id)).mappings().one_or_none()
    return JobProgress() if found is None else _progress(found)


def save_progress(connection: Connection, job_id: int, progress: JobProgress) -> None:
    values = {name: getattr(progress, name) for name in JobProgress.__slots__}
    values["tried"] = [list(shape) for shape in progress.tried]
    put = insert(job_progress).values(job_id=job_id, **values)
    now = {"updated_at": func.now()}
    connection.execute(put.on_conflict_do_update(constraint="job_progress_pk", set_=values | now))


def forget_progress(connection: Connection, job_id: int) -> None:
    connection.execute(delete(job_progress).where(job_progress.c.job_id == job_id))


def _plain(states: Collection[JobState]) -> set[JobState]:
    """A paused job waits, as far as Procrastinate knows."""
    return {JobState.WAITING if state is JobState.PAUSED else state for state in states}


def _state(status: str, queue: str) -> JobState:
    return JobState.PAUSED if status == "todo" and queue == Lane.PAUSED else _STATES[status]


def _job(row: Any) -> Job:
    args = row["args"]
    return Job(
        id=row["id"],
        kind=Kind(row["task_name"]),
        state=_state(row["stands"], row["queue_name"]),
        lane=Lane(args.get("lane", Lane.CONTROL)),
        priority=row["priority"],
        wish=args["wish"],
        firing=args["firing"],
        series_id=args.get("series"),
        windows=windows_of(args),
        retry_failed=args.get("retry_failed", False),
        estimate=args.get("estimate", 0),
        cancelling=row["abort_requested"],
        not_before=row["scheduled_at"] if row["is_later"] else None,
        queued_at=row["queued_at"],
        started_at=row["began_at"],
        ended_at=row["ended_at"],
        progress=_progress(row) if row["job_id"] is not None else JobProgress(),
    )


def _progress(row: Any) -> JobProgress:
    values = {name: row[name] for name in JobProgress.__slots__}
    return JobProgress(**values | {"tried": tuple(tuple(shape) for shape in row["tried"])})
