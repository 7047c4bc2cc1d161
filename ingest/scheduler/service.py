"""`Scheduler`: fires what is due, once, and keeps the wishes of the database like the folder they are read from.

It works in rounds (look at the folder, take over what changed, fire what is due), one when a timer rings and one every
few seconds. Nothing counts as done before its transaction has ended, so a round that the database did not survive is
simply made again, and what was missed meanwhile is caught up once: a firing makes everything complete up to now.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import structlog
from sqlalchemy import Engine

from ingest.clock import Clock
from ingest.config import Settings
from ingest.errors import DatabaseError, DatabaseUnreachable, SchemaMismatch, UsageError
from ingest.scheduler import book
from ingest.scheduler.book import Fired, Waiting
from ingest.scheduler.folder import JobFolder, Look
from ingest.scheduler.occurrences import is_supposed
from ingest.scheduler.timers import Timers
from ingest.wishes import Job, JobError, Problem

log = structlog.get_logger()

_BEGIN = "Name another with --jobs, or begin with one of `ingest jobs example`."
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.5, 15.0


@dataclass(frozen=True, slots=True)
class Found:
    """What the scheduler began with: wishes, files that are wrong, and what was due already."""

    wishes: tuple[Waiting, ...]
    problems: tuple[Problem, ...]
    fired: tuple[Fired, ...]


class Scheduler:
    """`run` until `stop`; `begin` before it to learn what there is, or `once` instead to fire only what is due now.

    `is_alone` False: beside workers, which have work without it, it begins with nothing to schedule as well, and waits
    for job files. Seconds of the settings and of outages are the wall's.
    """

    def __init__(self, engine: Engine, clock: Clock, settings: Settings, *, is_alone: bool = True) -> None:
        self.engine = engine
        self.clock = clock
        self.folder = JobFolder(settings.scheduler.jobs)
        self._is_alone = is_alone
        self._scale = settings.clock.scale
        self._poll_seconds = settings.scheduler.poll_seconds
        self._wishes: dict[str, Waiting] = {}
        self._troubles: dict[str, str] = {}
        self._clashes: dict[str, tuple[Problem, ...]] = {}
        self._fired: list[Fired] = []
        self._found: Found | None = None
        self._is_settled = False
        self._is_watching = False
        self._stopped = False
        self._looked_at = clock.now()
        self._woken = asyncio.Event()
        self._timers = Timers(clock, self._scale, self._woken.set)

    @property
    def waiting(self) -> tuple[Waiting, ...]:
        """The wishes, those due next first."""
        known = sorted(self._wishes.values(), key=lambda wish: wish.job.name)
        return tuple(sorted(known, key=lambda wish: (wish.next_due is None, wish.next_due)))

    @property
    def missing(self) -> str:
        """What keeps it from scheduling, in one line; empty when nothing does."""
        if self._found is None:
            return f"the job files in {self.folder.path}/ have not been read yet"
        return self._troubles.get("", "")

    async def begin(self) -> Found:
        """Read the folder and catch up what was missed. Waits for the database where it is away.

        Raises UsageError where there is nothing to schedule, JobError where every file is wrong and none was right
        before; beside workers it says so and waits.
        """
        if self._found is None:
            await self._patiently(self._first_round)
            self._found = self._begun()
            self._say_begun(self._found)
        return self._found

    async def once(self) -> Found:
        """Fire what is due now, for who has a cron of their own. Does not wait: raises DatabaseUnreachable."""
        self._is_watching = True
        await asyncio.to_thread(self._first_round)
        return self._begun()

    async def run(self) -> None:
        """Until `stop`."""
        await self.begin()
        self._timers.start()
        try:
            while not self._stopped:
                dues = {name: wish.next_due for name, wish in self._wishes.items() if wish.next_due}
                self._timers.arm(dues, self._looked_at)
                await self._rest(self._poll_seconds)
                self._timers.look()
                await self._patiently(self._round)
        finally:
            self._timers.stop()
            await self.clock.sleep(0)

    def stop(self) -> None:
        """End after the round that goes on. Safe to call twice, from the loop's own thread."""
        self._stopped = True
        self._woken.set()

    # -- waiting

    async def _rest(self, wall_seconds: float) -> None:
        """Until a timer rings, or it is to stop, but no longer."""
        with suppress(TimeoutError):
            async with self.clock.deadline(wall_seconds * self._scale):
                await self._woken.wait()
        if not self._stopped:
            self._woken.clear()

    async def _patiently(self, work: Callable[[], None]) -> None:
        """The work in a thread, again and again until the database survives it."""
        wait, lost_at = _FIRST_WAIT_SECONDS, None
        while not self._stopped:
            try:
                await asyncio.to_thread(work)
            except DatabaseUnreachable as error:
                if lost_at is None:
                    lost_at = self.clock.now()
                    log.warning("database_lost", why=error.message)
            else:
                if lost_at is not None:
                    log.warning("database_back", after=str(self.clock.now() - lost_at))
                return
            await self._rest(wait)
            wait = min(2 * wait, _LONGEST_WAIT_SECONDS)

    # -- rounds; these run in a thread, one at a time

    def _first_round(self) -> None:
        self.folder.remember(book.last_good(self.engine, self.folder.path))
        try:
            look = self.folder.look(self.clock.now())
        except OSError as error:
            self._troubles[""] = why = _unreadable(self.folder, error)
            if self._is_alone:
                raise UsageError(f"{why[0].upper()}{why[1:]}.", hint=_BEGIN) from None
            return
        self._troubles.pop("", None)
        if not look.jobs and self._is_alone:
            raise JobError(look.problems) if look.problems else UsageError(f"{_nothing(self.folder)}.", hint=_BEGIN)
        self._take_in(look)

    def _round(self) -> None:
        self._fired.clear()
        try:
            look = self.folder.look(self.clock.now())
        except OSError as error:
            self._trouble("", _unreadable(self.folder, error))
        else:
            self._troubles.pop("", None)
            _tell(look)
            self._take_in(look)
        self._looked_at = now = self.clock.now()
        for name, wish in list(self._wishes.items()):
            if wish.next_due is not None and wish.next_due <= now:
                self._attempt(name, partial(book.fire, self.engine, wish, now))

    def _take_in(self, look: Look) -> None:
        """What the folder says; the first time also what it does not say any more."""
        if not self._is_settled:
            for name in book.left_over(self.engine, self.folder.path, look.jobs, self.folder.wrong):
                self._remove(name)
            self._is_settled = True
        self._follow(look.jobs)
        self._is_watching = True

    def _follow(self, jobs: Mapping[str, Job]) -> None:
        """Take over what is new or has changed, and let go of what is gone."""
        for name in sorted(self._wishes.keys() - jobs.keys()):
            self._remove(name, self._wishes[name].job.path)
        for name in self._clashes.keys() - jobs.keys():
            del self._clashes[name]
        for name, job in jobs.items():
            known = self._wishes.get(name)
            if known is None or known.job != job:
                now, watched = self.clock.now(), self._is_watching
                self._attempt(name, partial(book.take_over, self.engine, job, now, was_watched=watched))

    def _remove(self, name: str, path: Path | None = None) -> None:
        book.remove(self.engine, name, path)
        self._wishes.pop(name, None)
        log.info("wish_removed", wish=name)

    def _attempt(self, name: str, work: Callable[[], tuple[Waiting, Fired | None]]) -> None:
        """One wish that cannot be had (the database refuses it, its calendar has no answer) stops no other."""
        try:
            wish, fired = work()
        except (DatabaseUnreachable, SchemaMismatch):
            raise
        except JobError as error:
            self._clash(name, error.problems)
            return
        except (DatabaseError, ValueError) as error:
            self._trouble(name, str(error))
            return
        self._troubles.pop(name, None)
        self._clashes.pop(name, None)
        known, self._wishes[name] = self._wishes.get(name), wish
        due = _said(wish.next_due)
        if fired is not None:
            self._fired.append(fired)
            told = {"due": _said(fired.due_at), "cause": fired.cause, "firing": fired.firing_id}
            log.info("fired", wish=name, **told, next_due=due)
        elif (self._is_watching or self._found) and (known is None or known.job != wish.job):
            log.info("wish_read", wish=name, next_due=due)
        if wish.next_due and wish.job.schedule and is_supposed(wish.job.schedule, wish.next_due):
            log.warning("holidays_unknown", wish=name, next_due=due)

    def _trouble(self, name: str, why: str) -> None:
        """Said once for as long as it lasts."""
        if self._troubles.get(name) != why:
            self._troubles[name] = why
            log.error("wish_in_trouble" if name else "folder_in_trouble", why=why, **({"wish": name} if name else {}))

    def _clash(self, name: str, problems: tuple[Problem, ...]) -> None:
        """Its file is right, but its name is another's. Told with the files that are wrong, once."""
        if self._found is not None and self._clashes.get(name) != problems:
            _tell_wrong(problems)
        self._clashes[name] = problems

    def _begun(self) -> Found:
        clashes = (problem for problems in self._clashes.values() for problem in problems)
        return Found(self.waiting, (*self.folder.problems, *clashes), tuple(self._fired))

    def _say_begun(self, found: Found) -> None:
        _tell_wrong(found.problems)
        if not found.wishes and not found.problems and not self._stopped:
            log.warning("no_job_files", why=self.missing or _nothing(self.folder), next=_BEGIN)


def _nothing(folder: JobFolder) -> str:
    return f"There is no job file in {folder.path}/"


def _unreadable(folder: JobFolder, error: OSError) -> str:
    return f"the folder of job files {folder.path}/ cannot be read: {(error.strerror or str(error)).lower()}"


def _said(moment: datetime | None) -> str:
    return "by hand only" if moment is None else f"{moment:%Y-%m-%d %H:%M:%SZ}"


def _tell_wrong(problems: Iterable[Problem]) -> None:
    for problem in problems:
        log.error("job_file_wrong", problem=str(problem))


def _tell(look: Look) -> None:
    _tell_wrong(look.news)
    for path in look.mended:
        log.warning("job_file_mended", file=str(path))
