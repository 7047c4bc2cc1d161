"""Timers that ring when wishes are due: APScheduler's, which knows only the wall's clock, on ours, which may be faster.

A ring says only that it is time to look; what is due is decided by who listens, and when it rings next as well: working
out a schedule may take seconds (some calendars do), which an event loop has not got.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from ingest.clock import Clock, wall_time

_SAME = timedelta(seconds=1)


class OnClock(BaseTrigger):  # type: ignore[misc]
    """A moment of our clock as a trigger by the wall's, once. The same moment where the two run alike."""

    def __init__(self, due: datetime, clock: Clock, scale: float) -> None:
        self.due, self.clock, self.scale = due, clock, scale

    def get_next_fire_time(self, previous: datetime | None, _now: datetime) -> datetime | None:
        if previous is not None:
            return None
        shown = wall_time(self.due, self.clock, self.scale)
        return self.due if self.scale == 1.0 and abs(shown - self.due) < _SAME else shown


@dataclass(slots=True)
class Timers:
    """One timer for each wish. `ring` is called in the loop, however late it has become."""

    clock: Clock
    scale: float
    ring: Callable[[], None]
    _armed: dict[str, datetime] = field(default_factory=dict)
    _scheduler: Any = field(init=False)

    def __post_init__(self) -> None:
        defaults = {"coalesce": True, "misfire_grace_time": None}
        self._scheduler = AsyncIOScheduler(timezone=UTC, job_defaults=defaults)

    def start(self) -> None:
        self._scheduler.start()

    def stop(self) -> None:
        """It ends at the loop's next turn."""
        self._scheduler.shutdown(wait=False)

    def arm(self, dues: Mapping[str, datetime], looked_at: datetime) -> None:
        """Have timers for these and no others. One that rang too early for who looked is set again."""
        for name in self._armed.keys() - dues.keys():
            self._drop(name)
        for name, due in dues.items():
            has_rung = self._scheduler.get_job(name) is None
            if self._armed.get(name) != due or (has_rung and due > looked_at):
                self._drop(name)
                self._scheduler.add_job(self._ring, OnClock(due, self.clock, self.scale), id=name)
                self._armed[name] = due

    def look(self) -> None:
        """Set the alarm anew by the wall's clock: it does not run on while the machine sleeps."""
        self._scheduler.wakeup()

    def _drop(self, name: str) -> None:
        self._armed.pop(name, None)
        if self._scheduler.get_job(name) is not None:
            self._scheduler.remove_job(name)

    async def _ring(self) -> None:
        self.ring()
