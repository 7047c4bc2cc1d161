"""Everything that runs and waits, on one page: workers, what they keep how fresh, and the head of the queue."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine

from ingest.app.freshness import freshness
from ingest.app.job_views import OPEN_STATES, QueueView, queue_view
from ingest.clock import Clock
from ingest.config import Settings
from ingest.domain.freshness import Freshness
from ingest.store import firings, job_listing, jobs, posts, wishes
from ingest.store.firings import Firing
from ingest.store.job_listing import Depth
from ingest.store.posts import PostRow
from ingest.store.wishes import WishRow
from ingest.wishes import Problem, check_jobs
from ingest.wishes.places import is_there, place


@dataclass(frozen=True, slots=True)
class WishLine:
    """A wish: how fresh its series are, when it is due next, and how its last firing ended (None: it goes on)."""

    fresh: Freshness
    next_due: datetime | None
    is_paused: bool
    last: Firing | None

    def as_json(self) -> dict[str, Any]:
        fresh, last = self.fresh, self.last
        return {
            "wish": fresh.wish,
            "series": fresh.series,
            "complete": fresh.complete,
            "empty": fresh.empty,
            "behind_seconds": fresh.behind.total_seconds(),
            "worst": fresh.worst,
            "worst_end": fresh.worst_end,
            "refused": fresh.refused,
            "was_due": fresh.was_due,
            "since_then": fresh.since_then,
            "overdue_seconds": fresh.overdue.total_seconds(),
            "problem": fresh.problem,
            "next_due": self.next_due,
            "paused": self.is_paused,
            "last_firing": None
            if last is None
            else {"id": last.id, "due": last.due_at, "cause": last.cause, "ended": last.ended_at},
        }


@dataclass(frozen=True, slots=True)
class Overview:
    """`queue` holds the first jobs that run or wait; `depth` counts all. `problems` are those of job files here: what
    was read of them last counts."""

    workers: tuple[PostRow, ...]
    wishes: tuple[WishLine, ...]
    depth: tuple[Depth, ...]
    queue: QueueView
    problems: tuple[Problem, ...]
    now: datetime


def overview(engine: Engine, settings: Settings, clock: Clock, *, jobs_shown: int) -> Overview:
    """As things stand."""
    now = clock.now()
    fresh = freshness(engine, now)
    with engine.connect() as connection:
        workers = posts.listing(connection)
        depth = job_listing.depth(connection)
        known = wishes.listing(connection)
        lines = _wish_lines(connection, fresh, known)
    queue = queue_view(engine, settings, clock, states=OPEN_STATES, limit=jobs_shown)
    problems = _problems(known, settings.scheduler.jobs, now)
    return Overview(workers, lines, depth, queue, problems, now)


def _problems(known: tuple[WishRow, ...], folder: Path, now: datetime) -> tuple[Problem, ...]:
    """What is wrong with the files of wishes, and with those beside them; as far as they are on this machine."""
    read = {Path(row.path) for row in known if row.removed_at is None}
    beside = {place(path) for path in folder.glob("*.toml") if not path.name.startswith(".")}
    there = sorted(path for path in read | beside if is_there(path))
    return tuple(problem for path in there for problem in check_jobs([path], now.date())[1])


def _wish_lines(
    connection: Connection, fresh: tuple[Freshness, ...], known: tuple[WishRow, ...]
) -> tuple[WishLine, ...]:
    due = {row.name: row.next_due for row in known}
    paused = jobs.paused_wishes(connection)
    return tuple(
        WishLine(
            each, due.get(each.wish), each.wish in paused, next(iter(firings.recent(connection, each.wish, 1)), None)
        )
        for each in fresh
    )


def worker_json(post: PostRow) -> dict[str, Any]:
    return {
        "gateway": post.gateway,
        "login": post.login,
        "host": post.host,
        "pid": post.pid,
        "state": "silent" if post.is_silent else post.state,
        "note": post.note,
        "running": post.running,
        "started": post.started_at,
        "seen": post.seen_at,
    }
