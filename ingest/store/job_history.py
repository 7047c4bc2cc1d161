"""What happened to one job, and which worker holds it now."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

_EVENTS = text(
    "SELECT type::text AS kind, at FROM ingest_queue.procrastinate_events"
    " WHERE job_id = :job_id AND type <> 'scheduled' ORDER BY id"
)
_HOLDER = text(
    "SELECT worker.id, extract(epoch FROM now() - worker.last_heartbeat)::float8 AS silent_seconds"
    " FROM ingest_queue.procrastinate_jobs job"
    " JOIN ingest_queue.procrastinate_workers worker ON worker.id = job.worker_id"
    " WHERE job.id = :job_id AND job.status = 'doing'"
)

_WORDS = {
    "deferred": "queued",
    "started": "taken up",
    "deferred_for_retry": "given back",
    "succeeded": "done",
    "failed": "failed",
    "cancelled": "cancelled",
    "abort_requested": "asked to stop",
    "aborted": "stopped",
    "retried": "queued again",
}


@dataclass(frozen=True, slots=True)
class JobEvent:
    """`word` is for people: queued, taken up, given back, done, failed, cancelled, asked to stop, …"""

    at: datetime
    word: str


@dataclass(frozen=True, slots=True)
class Holder:
    """The queue's worker that has a job, and how long ago it gave a sign."""

    worker_id: int
    silent_seconds: float


def events(connection: Connection, job_id: int) -> tuple[JobEvent, ...]:
    """In the order in which they came; one that is taken up and given back is a slice."""
    found = connection.execute(_EVENTS, {"job_id": job_id}).all()
    cancelled = {row.at for row in found if row.kind == "cancelled"}  # Procrastinate notes that as a request as well
    told = [row for row in found if row.kind != "abort_requested" or row.at not in cancelled]
    return tuple(JobEvent(row.at, _WORDS.get(row.kind, row.kind)) for row in told)


def holder(connection: Connection, job_id: int) -> Holder | None:
    """None where nobody works on it."""
    found = connection.execute(_HOLDER, {"job_id": job_id}).one_or_none()
    return None if found is None else Holder(*found)
