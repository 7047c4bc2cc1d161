"""When queued jobs begin and end: a look ahead over the queue as it stands, at the pace of the last minutes. Pure.

A lane has some slots, which share its pace. They go to the most urgent jobs, whoever runs at the moment: what runs
gives way after a slice, which is nothing on this scale. Jobs of one series follow each other.
"""

import math
from bisect import insort
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ingest.domain.job import Lane

#: What an answer takes, and how many are waited for at once, where nothing was measured lately.
GUESSED_SECONDS, GUESSED_OPEN = 2.0, 4
#: IB: no more than 60 requests of small bars in any ten minutes, for a login.
SMALL_AT_ONCE, SMALL_PER_SECOND = 60, 60 / 600
_LONG_SECONDS = 3e9  # a century; further ahead no calendar reaches


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a lane goes: `at_once` requests at `per_second`, all further ones at no more than `after` a second."""

    per_second: float
    slots: int = 1
    at_once: float = math.inf
    after: float = math.inf

    def __post_init__(self) -> None:
        if not (self.per_second > 0 and self.after > 0 and self.slots > 0 and self.at_once >= 0):
            raise ValueError(f"at this pace nothing ever ends: {self}")

    def seconds_to(self, requests: float) -> float:
        """From the beginning until so many are answered."""
        fast = min(requests, self.at_once)
        return fast / self.per_second + (requests - fast) / min(self.per_second, self.after)

    def requests_by(self, seconds: float) -> float:
        """How many are answered so many seconds after the beginning."""
        fast = min(seconds * self.per_second, self.at_once)
        return fast + (seconds - fast / self.per_second) * min(self.per_second, self.after)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A job that runs or waits, and what is left of it. Paused ones are not for here: nobody knows when they go on."""

    id: int
    lane: Lane
    requests: float
    priority: int = 0
    series_id: int | None = None
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """When a job is worked on first, and when it is done."""

    begins: datetime
    ends: datetime


def timetable(jobs: Iterable[Waiting], paces: Mapping[Lane, Pace], now: datetime) -> dict[int, Expected]:
    """By job id. Jobs of a lane without a pace have none."""
    lanes: dict[Lane, list[Waiting]] = {}
    for job in jobs:
        lanes.setdefault(job.lane, []).append(job)
    found: dict[int, Expected] = {}
    for lane, members in lanes.items():
        if lane in paces:
            found |= _Lane.of(members, paces[lane], now).run(now)
    return found


@dataclass(slots=True)
class _Lane:
    """A lane from one event (a job ends, or may begin) to the next. `time` and what is `served` count from now."""

    pace: Pace
    later: list[tuple[float, Waiting]]
    left: dict[int, float]
    ready: list[tuple[int, int, Waiting]] = field(default_factory=list)
    time: float = 0.0
    served: float = 0.0
    idle: float = 0.0
    begun: dict[int, float] = field(default_factory=dict)
    ended: dict[int, float] = field(default_factory=dict)

    @classmethod
    def of(cls, jobs: list[Waiting], pace: Pace, now: datetime) -> "_Lane":
        """Those that come latest first in `later`, to be taken from its end."""
        comes = {job.id: (job.not_before - now).total_seconds() if job.not_before else 0.0 for job in jobs}
        later = sorted(((max(0.0, comes[job.id]), job) for job in jobs), key=lambda pair: -pair[0])
        return cls(pace, later, {job.id: max(0.0, float(job.requests)) for job in jobs})

    def run(self, now: datetime) -> dict[int, Expected]:
        while self.later or self.ready:
            self._admit()
            self._serve(list(self._worked_on()))
        return {job_id: Expected(_at(now, self.begun[job_id]), _at(now, ended)) for job_id, ended in self.ended.items()}

    def _admit(self) -> None:
        """Let in whose time has come; where nobody is in, wait for the next."""
        if not self.ready and self.later[-1][0] > self.time:
            self.idle += self.later[-1][0] - self.time
            self.time = self.later[-1][0]
        while self.later and self.later[-1][0] <= self.time:
            _, job = self.later.pop()
            insort(self.ready, (-job.priority, job.id, job), key=lambda entry: entry[:2])

    def _worked_on(self) -> Iterator[tuple[int, int, Waiting]]:
        """The most urgent ones, one a series."""
        taken: set[int] = set()
        slots = self.pace.slots
        for entry in self.ready:
            series_id = entry[2].series_id
            if series_id in taken:
                continue
            if series_id is not None:
                taken.add(series_id)
            yield entry
            slots -= 1
            if not slots:
                return

    def _serve(self, active: list[tuple[int, int, Waiting]]) -> None:
        """Share the pace among them until one is done, or somebody else may begin."""
        for _, job_id, _ in active:
            self.begun.setdefault(job_id, self.time)
        share = max(0.0, min(self.left[job_id] for _, job_id, _ in active))
        until = self.idle + self.pace.seconds_to(self.served + share * len(active))
        if self.later and self.later[-1][0] < until:
            until = self.later[-1][0]
            share = max(0.0, self.pace.requests_by(until - self.idle) - self.served) / len(active)
            done = []
        else:
            done = [entry for entry in active if self.left[entry[1]] <= share]
        for _, job_id, _ in active:
            self.left[job_id] -= share
        self.served += share * len(active)
        self.time = max(self.time, until)
        for entry in done:
            self.ended[entry[1]] = self.time
            self.ready.remove(entry)


def _at(now: datetime, seconds: float) -> datetime:
    return now + timedelta(seconds=min(seconds, _LONG_SECONDS))
