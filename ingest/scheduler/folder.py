"""The folder of job files as it changes: which jobs there are now, and what is wrong with the files that are none.

A file that is changed for the worse keeps its last good version until it is mended or removed, also one that was good
before this process began (`remember`). Of two files that claim one name, the one that had it first keeps it. A folder
that cannot be read says nothing about its files.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from ingest.scheduler.closes import UnusableCalendar
from ingest.scheduler.occurrences import next_after
from ingest.wishes import Job, Problem, check_jobs
from ingest.wishes.positions import Positions

_Stamp: TypeAlias = tuple[int, int, int] | None


@dataclass(frozen=True, slots=True)
class Look:
    """`jobs` by name; `problems` of the files as they are; `news` are those not told before; `mended` have none now."""

    jobs: Mapping[str, Job]
    problems: tuple[Problem, ...]
    news: tuple[Problem, ...]
    mended: tuple[Path, ...]


@dataclass(slots=True)
class _File:
    """`found` is what the file says (None: nothing that can be done), `good` what counts."""

    stamps: tuple[_Stamp, ...] = ()
    found: Job | None = None
    good: Job | None = None
    problems: tuple[Problem, ...] = ()
    told: tuple[Problem, ...] = ()

    @property
    def is_steady(self) -> bool:
        """Whether it claims no other name than it has."""
        return self.good is not None and (self.found is None or self.found.name == self.good.name)


@dataclass(slots=True)
class JobFolder:
    """Looks again at what has changed, and at what was wrong: a missing universe may be there now."""

    path: Path
    _files: dict[Path, _File] = field(default_factory=dict)

    def remember(self, jobs: Iterable[Job]) -> None:
        """Let jobs count as the last good versions of their files, of those not looked at yet."""
        for job in jobs:
            self._files.setdefault(job.path, _File(good=job))

    def look(self, now: datetime) -> Look:
        """Raises OSError when the folder cannot be read."""
        listed = sorted(
            path for path in self.path.iterdir() if path.suffix == ".toml" and not path.name.startswith(".")
        )
        self._files = {path: self._files.get(path, _File()) for path in listed}
        for path, file in self._files.items():
            _read(path, file, now)
        self._give_names()
        news = [problem for file in self._files.values() if file.problems != file.told for problem in file.problems]
        mended = [path for path, file in self._files.items() if file.told and not file.problems]
        for file in self._files.values():
            file.told = file.problems
        return Look(self._jobs(), self.problems, tuple(news), tuple(mended))

    @property
    def wrong(self) -> tuple[Path, ...]:
        """The files that have problems."""
        return tuple(path for path, file in self._files.items() if file.problems)

    @property
    def problems(self) -> tuple[Problem, ...]:
        return tuple(problem for file in self._files.values() for problem in file.problems)

    def _jobs(self) -> dict[str, Job]:
        found = (file.good for file in self._files.values() if file.good is not None)
        return {job.name: job for job in sorted(found, key=lambda job: job.name)}

    def _give_names(self) -> None:
        owners: dict[str, Path] = {}
        for path, file in self._files.items():
            if file.is_steady and file.good is not None:
                file.good = file.found or file.good
                owners[file.good.name] = path
        for path, file in self._files.items():
            if file.is_steady or file.found is None:
                continue
            owner = owners.get(file.found.name)
            if owner is None:
                file.good = file.found
            else:
                file.problems = (problem_at(path, "name", f"{file.found.name!r} is the name of {owner} already"),)
            if file.good is not None and owners.setdefault(file.good.name, path) != path:
                file.good = None  # what it was called before is another's name now


def _read(path: Path, file: _File, now: datetime) -> None:
    """Read again what has changed or was wrong. Stamped before it is read: a change meanwhile is seen next time."""
    universe = file.found.universe.file if file.found else None
    stamps = (_stamp(path), _stamp(universe) if universe else None)
    if stamps == file.stamps and not file.problems:
        return
    file.stamps = stamps
    jobs, problems = _checked(path, now)
    file.found, file.problems = (jobs[0] if jobs else None), tuple(problems)


def _checked(path: Path, now: datetime) -> tuple[list[Job], list[Problem]]:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        shown = Path(str(path).encode(errors="replace").decode())
        return [], [Problem(shown, 1, "file", "the file's name is not UTF-8")]
    jobs, problems = check_jobs([path], now.date())
    for job in jobs:
        try:
            never = job.schedule is not None and next_after(job.schedule, now) is None
        except UnusableCalendar as error:
            return [], [problem_at(path, "schedule.after_close", str(error))]
        if never:
            return [], [problem_at(path, "schedule", "is never due again")]
    return jobs, problems


def problem_at(path: Path, key: str, message: str) -> Problem:
    """At the line of the key, in a file that was right a moment ago."""
    try:
        line = Positions.of(path.read_text(encoding="utf-8-sig")).line(tuple(key.split(".")))
    except (OSError, ValueError):
        line = 1
    return Problem(path, line, key, message)


def _stamp(path: Path) -> _Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
