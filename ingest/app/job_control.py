"""What is done to queued jobs by hand: cancel, retry, pause, resume. Each is one transaction, or nothing at all."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from ingest.app.job_views import OPEN_STATES, no_such_jobs
from ingest.config import Settings
from ingest.domain.job import Job, JobState, Kind
from ingest.errors import UsageError
from ingest.store import firings, job_listing, jobs, posts, universes, wishes

_ALL = 1_000_000  # as many jobs as one command takes at most


@dataclass(frozen=True, slots=True)
class Cancelled:
    """`waited` are cancelled, `running` are told to stop, `ended` had ended before."""

    waited: tuple[Job, ...]
    running: tuple[Job, ...]
    ended: tuple[Job, ...]


@dataclass(frozen=True, slots=True)
class Retried:
    """By job the one that is queued for it (the same, or a new one); `others` cannot be tried again, as they stand."""

    again: tuple[tuple[Job, int], ...]
    others: tuple[Job, ...]


@dataclass(frozen=True, slots=True)
class Paused:
    """`scope` and `name` as in `store.jobs`; `was` says whether it was paused before.

    `waiting` jobs were taken out, `running` ones give way at the end of their slice.
    """

    scope: str
    name: str
    was: bool
    waiting: int = 0
    running: int = 0


@dataclass(frozen=True, slots=True)
class Resumed:
    """`was` says whether it was paused; `jobs` wait again; `still` are the pauses that remain."""

    scope: str
    name: str
    was: bool
    jobs: int
    still: tuple[tuple[str, str], ...]


def cancel(engine: Engine, job_ids: Collection[int], *, wish: str = "", everything: bool = False) -> Cancelled:
    """Cancel jobs by id, or all open ones of a wish, or all. Raises UsageError for a job or wish nobody knows.

    The conclusion of a firing is left alone unless it is named: it says what became of the others.
    """
    with engine.begin() as connection:
        chosen = _chosen(connection, job_ids, wish, OPEN_STATES, everything=everything)
        for job in chosen:
            if job.kind is Kind.EXPAND and not job.state.has_ended:
                _end_firing(connection, job)  # waits for the fills that are just being queued; no more follow
        chosen = _chosen(connection, job_ids, wish, OPEN_STATES, everything=everything)
        stopped = set(jobs.cancel(connection, [job.id for job in chosen]))
        now = {job.id: job for job in _by_id(connection, stopped)}
    return Cancelled(
        tuple(job for job in chosen if job.id in stopped and now[job.id].state is not JobState.RUNNING),
        tuple(job for job in chosen if job.id in stopped and now[job.id].state is JobState.RUNNING),
        tuple(job for job in chosen if job.id not in stopped),
    )


def retry(
    engine: Engine, job_ids: Collection[int], *, wish: str = "", everything: bool = False, retry_failed: bool = False
) -> Retried:
    """Queue ended jobs again, by id (failed or cancelled ones), or the failed ones of a wish, or all failed ones.

    An expansion cannot be tried again: its firing has ended. Raises UsageError for a job or wish nobody knows.
    """
    with engine.begin() as connection:
        chosen = _chosen(connection, job_ids, wish, (JobState.FAILED,), everything=everything)
        fit = [job for job in chosen if job.kind is not Kind.EXPAND]
        again = jobs.retry(connection, [job.id for job in fit], retry_failed=retry_failed)
    return Retried(
        tuple((job, again[job.id]) for job in fit if job.id in again),
        tuple(job for job in chosen if job.id not in again),
    )


def pause(engine: Engine, settings: Settings, scope: str, name: str = "") -> Paused:
    """Pause everything, a gateway or a universe. Raises UsageError naming what there is for a name nobody knows."""
    with engine.begin() as connection:
        _check(connection, settings, scope, name)
        was = (scope, name) in jobs.pauses(connection)
        waiting = jobs.pause(connection, scope, name)
        return Paused(scope, name, was, waiting, _running(connection, scope, name))


def resume(engine: Engine, settings: Settings, scope: str, name: str = "") -> Resumed:
    """End a pause. Raises UsageError for a name nobody knows; one that is paused is known."""
    with engine.begin() as connection:
        _check(connection, settings, scope, name)
        was, many = jobs.resume(connection, scope, name)
        return Resumed(scope, name, was, many, tuple(sorted(jobs.pauses(connection))))


def known_wishes(connection: Connection) -> tuple[str, ...]:
    """Wishes that were read or queued."""
    return tuple(row.name for row in wishes.listing(connection))


def known_universes(connection: Connection) -> tuple[str, ...]:
    """What `--universe` may name: wishes, and universes of the database, or of which a wish still speaks."""
    spoken = {str(named) for row in wishes.listing(connection) if (named := _universe_of(row.document))}
    return tuple(sorted({*known_wishes(connection), *universes.names(connection), *spoken}))


def _universe_of(document: object) -> object:
    universe = document.get("universe") if isinstance(document, dict) else None
    return universe.get("name") if isinstance(universe, dict) else None


def _chosen(
    connection: Connection, job_ids: Collection[int], wish: str, states: Sequence[JobState], *, everything: bool
) -> tuple[Job, ...]:
    """Jobs by id, or those in some states: of a wish, or all. Raises UsageError."""
    if job_ids:
        found = _by_id(connection, job_ids)
        if missing := set(job_ids) - {job.id for job in found}:
            raise no_such_jobs(missing)
        return tuple(sorted(found, key=lambda job: job.id))
    assert wish or everything
    found = job_listing.listing(connection, states=states, wish=wish or None, limit=_ALL)
    if wish and not found:
        check_wish(connection, wish)
    return tuple(sorted((job for job in found if job.kind is not Kind.CONCLUDE), key=lambda job: job.id))


def check_wish(connection: Connection, wish: str) -> None:
    """Raises UsageError for a wish that neither was read nor has jobs."""
    if not job_listing.listing(connection, wish=wish, limit=1) and wish not in (known := known_wishes(connection)):
        raise UsageError(f"There is no wish {wish!r}; {_there_is(known, 'none was queued yet')}.")


def _by_id(connection: Connection, job_ids: Collection[int]) -> tuple[Job, ...]:
    return job_listing.listing(connection, job_ids=job_ids, limit=len(job_ids))


def _end_firing(connection: Connection, job: Job) -> None:
    """A firing whose expansion is cancelled comes to nothing, and ends as such."""
    firing = firings.by_id(connection, job.firing, hold=True) if job.firing is not None else None
    if firing is not None and firing.expanded_at is None:
        reason = f"job {job.id}, which was to find its series, was cancelled"
        firings.mark_expanded(connection, firing.id, [{"symbol": firing.wish, "kind": "Cancelled", "reason": reason}])


def _check(connection: Connection, settings: Settings, scope: str, name: str) -> None:
    if scope == "all" or (scope, name) in jobs.pauses(connection):
        return
    if scope == "gateway":
        known = tuple(sorted({*settings.gateway_names, *(post.gateway for post in posts.listing(connection))}))
        if name not in known:
            raise UsageError(f"There is no gateway {name!r}; {_there_is(known)}.")
    elif name not in (known := known_universes(connection)):
        raise UsageError(f"There is no universe or wish {name!r}; {_there_is(known, 'none is known yet')}.")


def _there_is(known: Sequence[str], nothing: str = "") -> str:
    shown = ", ".join(known[:12]) + (f" and {len(known) - 12} more" if len(known) > 12 else "")
    return f"there is {shown}" if known else nothing


def _running(connection: Connection, scope: str, name: str) -> int:
    """How many jobs that run now a pause is for."""
    if scope == "gateway":
        return sum(post.running for post in posts.listing(connection) if post.gateway == name and not post.is_silent)
    found = job_listing.listing(connection, states=[JobState.RUNNING], limit=_ALL)
    if scope == "all":
        return len(found)
    mine = {row.name for row in wishes.listing(connection) if _universe_of(row.document) == name} | {name}
    return sum(job.wish in mine and job.kind is not Kind.CONCLUDE for job in found)
