"""Jobs of the queue as values: what a job is to do, which lane it waits in, and how it stands.

A job is only a trigger: "make this series complete over these windows". What is asked for is planned when it runs, from
the ledger, so that a job that runs twice, or half, does no harm.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ingest.domain.series import Series
from ingest.domain.window import Windows


class Kind(StrEnum):
    """`EXPAND` turns the firing of a wish into `FILL`s, one a series; `CONCLUDE` follows when they have ended."""

    EXPAND = "expand"
    FILL = "fill"
    CONCLUDE = "conclude"


class Lane(StrEnum):
    """Where a job waits. Small bars wait by themselves: IB's budget for them must hold up nothing else."""

    LARGE = "large"
    SMALL = "small"
    CONTROL = "control"
    PAUSED = "paused"

    @classmethod
    def of(cls, series: Series) -> "Lane":
        return cls.SMALL if series.bar_size.is_small else cls.LARGE


class JobState(StrEnum):
    WAITING = "waiting"
    PAUSED = "paused"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def has_ended(self) -> bool:
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


@dataclass(frozen=True, slots=True)
class Fill:
    """Make the series complete over `windows`. `wish` is the job file's name, empty for one queued by hand.

    `estimate` is about how many requests it will take; `retry_failed` asks again for what IB refused for good.
    """

    series_id: int
    windows: Windows
    lane: Lane
    wish: str = ""
    priority: int = 0
    firing: int | None = None
    retry_failed: bool = False
    estimate: int = 1


@dataclass(frozen=True, slots=True)
class Queued:
    """What became of a `Fill`: job `job_id`, which waited already (`merged`) or is new.

    `running` are jobs that work on the series now; this one begins when they give way.
    """

    series_id: int
    job_id: int
    merged: bool = False
    running: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class JobProgress:
    """How far a job has come over all its slices. `tried` are shapes of requests that brought nothing in this round."""

    gateway: str = ""
    slices: int = 0
    rounds: int = 0
    settled: int = 0
    remaining: int = 0
    bars: int = 0
    tried: tuple[tuple[str, str, str, str], ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it is listed. `not_before` is when a waiting one may run again; times are the database's."""

    id: int
    kind: Kind
    state: JobState
    lane: Lane
    priority: int
    wish: str
    firing: int | None
    series_id: int | None
    windows: Windows
    retry_failed: bool
    estimate: int
    cancelling: bool
    not_before: datetime | None
    queued_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    progress: JobProgress
