"""What the scheduler keeps in the database. Each function is one transaction, and can be repeated when it was lost.

What was missed is judged by what the database knows: the wish as it was last read, the first occurrence of it that was
not fired then (`next_due`), and the latest that was. A wish that is new, or was removed, has missed nothing; a changed
schedule counts from when it is read. A firing by hand counts as well: what was due before it needs no catching up.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, Engine

from ingest.scheduler.folder import problem_at
from ingest.scheduler.occurrences import check_schedule, last_due, next_after
from ingest.store import firings, wishes
from ingest.store.firings import Cause
from ingest.store.jobs import queue_expansion
from ingest.store.wishes import WishRow
from ingest.wishes import Job, JobError, document_of, job_of
from ingest.wishes.places import is_another, is_there, place

_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A wish and when it is due next; None: only by hand."""

    job: Job
    next_due: datetime | None


@dataclass(frozen=True, slots=True)
class Fired:
    """An occurrence that was put to work: its firing and the job that expands it are committed."""

    firing_id: int
    wish: str
    due_at: datetime
    cause: Cause


def last_good(engine: Engine, folder: Path) -> tuple[Job, ...]:
    """Wishes of this folder as they were last read, at most one for each file: they count where a file is wrong now.

    One that another version wrote, or whose schedule means nothing on this machine, is left out.
    """
    with engine.connect() as connection:
        known = wishes.listing(connection)
    mine = [row for row in known if row.removed_at is None and Path(row.path).parent == folder.resolve()]
    last = {row.path: row for row in sorted(mine, key=lambda row: row.read_at)}
    found = (_as_read(row) for row in last.values())
    return tuple(replace(job, path=folder / Path(path).name) for path, job in zip(last, found, strict=True) if job)


def take_over(engine: Engine, job: Job, now: datetime, *, was_watched: bool) -> tuple[Waiting, Fired | None]:
    """Keep a wish as its file is now, and catch up what was missed, once.

    `was_watched`: a scheduler was there all the time, so that what is due now is no late-comer. Raises JobError where
    its name is another's.
    """
    next_due = None if job.schedule is None else next_after(job.schedule, now)
    fired = None
    with engine.begin() as connection:
        row = wishes.by_name(connection, job.name)
        _check_name(row, job)
        missed = None if row is None or job.schedule is None else _missed(connection, row, job, now)
        if row is not None and missed is not None:
            on_time = was_watched and missed == row.next_due
            fired = _put_to_work(connection, job, missed, "schedule" if on_time else "catch_up")
        wishes.save(connection, job.name, str(place(job.path)), document_of(job), next_due)
    return Waiting(job, next_due), fired


def fire(engine: Engine, wish: Waiting, now: datetime) -> tuple[Waiting, Fired | None]:
    """Put a wish to work that is due; of several occurrences the last. None: another scheduler did it before.

    Raises JobError where its name is another's: of two that began at the same moment, who came last.
    """
    assert wish.job.schedule is not None and wish.next_due is not None
    due = last_due(wish.job.schedule, wish.next_due - _TICK, now) or wish.next_due
    next_due = next_after(wish.job.schedule, now)
    with engine.begin() as connection:
        _check_name(wishes.by_name(connection, wish.job.name), wish.job)
        fired = _put_to_work(connection, wish.job, due, "schedule" if due == wish.next_due else "catch_up")
        wishes.set_next_due(connection, wish.job.name, next_due)
    return Waiting(wish.job, next_due), fired


def remove(engine: Engine, name: str, path: Path | None = None) -> None:
    """Its file is gone: it does not fire any more. What was fired goes on.

    `path`: where it was. Where another file has its name by now, that one keeps it.
    """
    with engine.begin() as connection:
        row = wishes.by_name(connection, name)
        if row is not None and (path is None or not is_another(Path(row.path), path)):
            wishes.remove(connection, name)


def left_over(engine: Engine, folder: Path, present: Collection[str], wrong: Collection[Path]) -> tuple[str, ...]:
    """Wishes that were read from this folder once and are not there now, nor hidden behind a file that is wrong.

    Those of other folders are other schedulers' business; but one that nobody fires (queued by hand) and whose file is
    gone is nobody's. Where its file is on another machine, queueing it again brings it back.
    """
    unclear = {str(place(path)) for path in wrong}
    with engine.connect() as connection:
        known = wishes.listing(connection)
    return tuple(
        row.name
        for row in known
        if row.removed_at is None
        and row.name not in present
        and row.path not in unclear
        and (Path(row.path).parent == folder.resolve() or _is_nobodys(row))
    )


def _is_nobodys(row: WishRow) -> bool:
    return row.next_due is None and not is_there(Path(row.path))


def _check_name(row: WishRow | None, job: Job) -> None:
    """Raises JobError where another folder has the name; one that nobody fires gives it up to one with a schedule.

    Of two files in one folder the folder judges.
    """
    if row is None or row.removed_at is not None or not is_another(Path(row.path), job.path):
        return
    is_ours = Path(row.path).parent == place(job.path).parent
    gives_way = row.next_due is None and job.schedule is not None
    if not is_ours and not gives_way:
        said = f"{job.name!r} is the name of {row.path} already, in another folder; give one of the two another name"
        raise JobError([problem_at(job.path, "name", said)])


def _as_read(row: WishRow) -> Job | None:
    try:
        job = job_of(row.document)
        if job.schedule is not None:
            check_schedule(job.schedule)
    except (KeyError, ValueError):
        return None
    return job


def _missed(connection: Connection, row: WishRow, job: Job, now: datetime) -> datetime | None:
    if row.removed_at is not None or row.next_due is None:
        return None
    try:
        before = job_of(row.document).schedule
    except (KeyError, ValueError):  # written by another version
        before = job.schedule
    latest = firings.last_due(connection, row.name)
    since = row.next_due - _TICK
    return None if before is None else last_due(before, max(since, latest or since), now)


def _put_to_work(connection: Connection, job: Job, due: datetime, cause: Cause) -> Fired | None:
    firing_id = firings.fire(connection, job.name, due, cause, document_of(job))
    if firing_id is None:
        return None
    queue_expansion(connection, job.name, firing_id, job.priority)
    return Fired(firing_id, job.name, due, cause)
