"""Firing a wish by hand: what the scheduler does when it is due, for a job file that somebody names."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine

from ingest.clock import Clock
from ingest.errors import UsageError
from ingest.store import firings, jobs, universes, wishes
from ingest.wishes import Job, document_of
from ingest.wishes.places import is_another, place


@dataclass(frozen=True, slots=True)
class Fired:
    """A firing and the job that expands it. `is_paused`: it waits until its wish (or its universe) is resumed."""

    job_id: int
    firing_id: int
    priority: int
    is_paused: bool


def fire_by_hand(engine: Engine, job: Job, clock: Clock, *, priority: int | None = None) -> Fired:
    """Keep the wish, fire it and queue its expansion, in one transaction. `priority` None: the job file's.

    Raises UsageError for a universe the database does not hold, and for a name that another file's wish has.
    """
    document = document_of(job) | ({} if priority is None else {"priority": priority})
    chosen = job.priority if priority is None else priority
    with engine.begin() as connection:
        _check_universe(connection, job)
        _keep(connection, job)
        firing_id = firings.fire(connection, job.name, clock.now(), "by_hand", document)
        if firing_id is None:
            raise UsageError(f"{job.name} was fired at this very moment.", hint="`ingest jobs list` shows its job.")
        job_id = jobs.queue_expansion(connection, job.name, firing_id, chosen)
        return Fired(job_id, firing_id, chosen, job.name in jobs.paused_wishes(connection))


def _check_universe(connection: Connection, job: Job) -> None:
    if not job.universe.name or universes.by_name(connection, job.universe.name) is not None:
        return
    known = ", ".join(universes.names(connection)) or "none yet"
    raise UsageError(
        f"{job.path}: there is no universe {job.universe.name!r} in the database; there is {known}.",
        hint="`ingest universe` makes one.",
    )


def _keep(connection: Connection, job: Job) -> None:
    """So that freshness and pauses know it. When it is due next is the scheduler's to say, and is left as it is."""
    known = wishes.by_name(connection, job.name)
    if known is not None and known.removed_at is None and is_another(Path(known.path), job.path):
        raise UsageError(
            f"{job.path}: the name {job.name!r} belongs to {known.path}.", hint="Give one of the two another name."
        )
    next_due = known.next_due if known is not None and known.removed_at is None else None
    wishes.save(connection, job.name, str(place(job.path)), document_of(job), next_due)
