"""Timers that ring when wishes are due: APScheduler's, which knows only the wall's clock, on ours, which may be faster.

A ring says only that it is time to look; what is due is decided by who listens.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from ingest.clock import Clock, wall_time
from ingest.scheduler.closes import UnusableCalendar
from ingest.scheduler.occurrences import Schedule, next_after

_SAME = timedelta(seconds=1)


class OnClock(BaseTrigger):  # type: ignore[misc]
    """A schedule on our clock, as a trigger by the wall's.

    What APScheduler says of the time is the wall's and not asked: ours is read when the next time is wanted. A timer
    that comes a moment early is so set again for what was due, and one that comes late for what is due next.
    """

    def __init__(self, schedule: Schedule, clock: Clock, scale: float) -> None:
        self.schedule, self.clock, self.scale = schedule, clock, scale

    def get_next_fire_time(self, _previous: datetime | None, _now: datetime) -> datetime | None:
        try:
            due = next_after(self.schedule, self.clock.now())
        except UnusableCalendar:  # whoever looks finds it, and says so
            return None
        if due is None:
            return None
        shown = wall_time(due, self.clock, self.scale)
        return due if self.scale == 1.0 and abs(shown - due) < _SAME else shown


@dataclass(slots=True)
class Timers:
    """One timer for each schedule. `ring` is called in the loop, once for any number of times that went by."""

    clock: Clock
    scale: float
    ring: Callable[[], None]
    _armed: dict[str, Schedule] = field(default_factory=dict)
    _scheduler: Any = field(init=False)

    def __post_init__(self) -> None:
        defaults = {"coalesce": True, "misfire_grace_time": None}
        self._scheduler = AsyncIOScheduler(timezone=UTC, job_defaults=defaults)

    def start(self) -> None:
        self._scheduler.start()

    def stop(self) -> None:
        self._scheduler.shutdown(wait=False)

    def arm(self, schedules: Mapping[str, Schedule]) -> None:
        """Have timers for these and no others; those that have not changed go on."""
        for name in self._armed.keys() - schedules.keys():
            self._drop(name)
        for name, schedule in schedules.items():
            if self._armed.get(name) != schedule:
                self._drop(name)
                self._scheduler.add_job(self._ring, OnClock(schedule, self.clock, self.scale), id=name)
                self._armed[name] = schedule

    def look(self) -> None:
        """Set the alarm anew by the wall's clock: it does not run on while the machine sleeps."""
        self._scheduler.wakeup()

    def _drop(self, name: str) -> None:
        if self._armed.pop(name, None) is not None and self._scheduler.get_job(name) is not None:
            self._scheduler.remove_job(name)

    async def _ring(self) -> None:
        self.ring()
