"""What the database knows for a health server's metrics: the queue's depth and how far the wishes reach."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from ingest.app.freshness import freshness
from ingest.domain.freshness import Freshness
from ingest.store import job_listing


@dataclass(frozen=True, slots=True)
class Observed:
    """For `health.Snapshot`: `jobs` by lane and state."""

    jobs: Mapping[tuple[str, str], int]
    wishes: tuple[Freshness, ...]


def observe(engine: Engine, now: datetime) -> Observed:
    """Look at both. Cheap enough for every few seconds with thousands of series."""
    with engine.connect() as connection:
        depth = job_listing.depth(connection)
    jobs: Counter[tuple[str, str]] = Counter()
    for each in depth:
        jobs[each.lane.value, each.state.value] += each.jobs
    return Observed(dict(jobs), freshness(engine, now))


def database_answers(engine: Engine) -> str:
    """A check for `health.Vitals`: raises DatabaseUnreachable, whose words are the answer."""
    with engine.connect():
        return ""
