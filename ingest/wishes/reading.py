"""From a job file to a `Job`, or to everything that is wrong with it at once.

`today` is for what depends on the day: a `since` that lies in the future, or one after an `until` because only one of
them is relative. Without it such an edge passes here and is refused when the job runs.
"""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from ingest.domain.keys import explained, unknown
from ingest.domain.what import default_what
from ingest.plan.wish import comparable
from ingest.wishes.job import AfterClose, Ago, Cron, ExportWish, Job, SeriesWish, Universe, Want
from ingest.wishes.positions import Path as KeyPath
from ingest.wishes.positions import Positions
from ingest.wishes.problems import JobError, Problem, key_text
from ingest.wishes.sections import (
    TABLES,
    ExportSection,
    ScheduleSection,
    Section,
    SeriesSection,
    TopSection,
    UniverseSection,
    WantSection,
)
from ingest.wishes.universe import Written, faults, symbols_in

_S = TypeVar("_S", bound=Section)
#: On which two relative edges are compared: any day does.
_SOME_DAY = date(2024, 7, 1)


def read_job(path: Path, today: date | None = None) -> Job:
    """Raises JobError with every problem of the file and of its universe's."""
    jobs, problems = check_jobs([path], today)
    if problems:
        raise JobError(problems)
    return jobs[0]


def check_jobs(paths: Iterable[Path], today: date | None = None) -> tuple[list[Job], list[Problem]]:
    """The jobs that are right, and the problems of the others, by file and line. Two jobs of one name are a problem."""
    jobs: list[Job] = []
    problems: list[Problem] = []
    owners: dict[str, Path] = {}
    for path in paths:
        reading = _Reading(path)
        job = reading.job(today)
        if job is not None and owners.setdefault(job.name, path) != path:
            reading.add(("name",), f"{job.name!r} is the name of {owners[job.name]} already")
        if job is not None and not reading.problems:
            jobs.append(job)
        problems += sorted(set(reading.problems), key=lambda each: (each.file != path, each))
    return jobs, problems


def read_universe(path: Path, defaults: Universe) -> Universe:
    """The instruments in the [universe] of a TOML file (a job's, or one by itself), or in a CSV's first column.

    `defaults` are those that a CSV's symbols are read with. Raises JobError with every problem.
    """
    reading = _Reading(path)
    found = reading.universe() if path.suffix.lower() == ".toml" else reading.symbols(defaults)
    if found is None or reading.problems:
        raise JobError(sorted(set(reading.problems)))
    return found


@dataclass(slots=True)
class _Reading:
    """One file while it is read; `problems` grows."""

    path: Path
    problems: list[Problem] = field(default_factory=list)
    _document: dict[str, Any] = field(default_factory=dict)
    _positions: Positions = field(default_factory=Positions)

    def add(self, where: KeyPath, message: str) -> None:
        self.problems.append(Problem(self.path, self._positions.line(where), key_text(where), message))

    def job(self, today: date | None) -> Job | None:
        """None where something is wrong."""
        if not self._load():
            return None
        top = self._top()
        universe, series = self._universe(), self._series()
        want, schedule, export = self._want(today), self._schedule(), self._export()
        if universe is not None:
            self._refuse_twins(universe, series)
        if self.problems or top is None or universe is None or want is None:
            return None
        name = top.name or self.path.stem
        return Job(
            name, self.path, universe, tuple(series.values()), want, schedule, export, top.priority, top.description
        )

    def universe(self) -> Universe | None:
        """Only the [universe], whatever else the file says. One that is kept in the database has no symbols here."""
        if not self._load():
            return None
        found = self._universe()
        if found is not None and found.name:
            self.add(("universe", "name"), f"{found.name!r} is kept in the database; this file names no instrument")
        return found

    def symbols(self, defaults: Universe) -> Universe | None:
        """The file as a list of symbols."""
        try:
            written = symbols_in(self.path)
        except JobError as error:
            self.problems += error.problems
            return None
        except (OSError, UnicodeDecodeError) as error:
            self.add((), f"cannot be read: {_why(error)}")
            return None
        if not written:
            self.add((), "names no instrument; write one a line, such as AAPL or EUR.USD")
        self.problems += faults(defaults, written)
        return replace(defaults, symbols=tuple(each.symbol for each in written), file=self.path)

    # -- the text

    def _load(self) -> bool:
        try:
            text = self.path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            self.add((), f"cannot be read: {_why(error)}")
            return False
        try:
            self._document = tomllib.loads(text)
        except ValueError as error:
            self._refuse_syntax(str(error), lines=text.count("\n") + 1)
            return False
        self._positions = Positions.of(text)
        return True

    def _refuse_syntax(self, message: str, lines: int) -> None:
        found = re.search(r" \(at line (\d+), column (\d+)\)$", message)
        line, place = (int(found[1]), f", in column {found[2]}") if found else (lines, "")
        said = message[: found.start()] if found else message
        self.problems.append(Problem(self.path, line, "syntax", f"this is not TOML: {said}{place}"))

    # -- tables, each key by itself

    def _section(self, model: type[_S], raw: object, where: KeyPath) -> _S | None:
        """The table, without the keys that are wrong; None where nothing can be made of the rest."""
        if not isinstance(raw, dict):
            self.add(where, f"must be a table: write [{key_text(where)}]")
            return None
        known = {name: value for name, value in raw.items() if name in model.model_fields}
        for name in raw.keys() - known.keys():
            self._unknown(name, model, where)
        try:
            return model.model_validate(known)
        except ValidationError as error:
            found = error.errors(include_url=False)
        for each in found:
            self.add((*where, *each["loc"]), explained(each))
        wrong = {each["loc"][0] for each in found}
        if any(each["type"] == "missing" for each in found) or not wrong.isdisjoint(_required(model)):
            return None
        return model.model_validate({name: value for name, value in known.items() if name not in wrong})

    def _unknown(self, name: str, model: type[Section], where: KeyPath) -> None:
        known = set(model.model_fields) | (set() if where else {*TABLES, "series"})
        if where and name in TopSection.model_fields:
            self.add((*where, name), "belongs at the top of the file, above the first [table]")
        else:
            self.add((*where, name), unknown(name, known))

    def _top(self) -> TopSection | None:
        raw = {name: value for name, value in self._document.items() if name not in {*TABLES, "series"}}
        top = self._section(TopSection, raw, ())
        if "name" not in raw:
            try:
                TopSection(name=self.path.stem)
            except ValidationError:
                self.add(("name",), f"is missing, and the file's own {self.path.stem!r} cannot be one")
        return top

    def _table(self, model: type[_S], name: str, *, required: bool = False) -> tuple[_S | None, dict[str, Any]]:
        """The table and its raw keys; both empty where it is not written down."""
        if name not in self._document:
            if required:
                self.add((), f"the table [{name}] is missing")
            return None, {}
        raw = self._document[name]
        return self._section(model, raw, (name,)), raw if isinstance(raw, dict) else {}

    # -- what keys mean together

    def _one_of(self, table: str, raw: dict[str, Any], *keys: str) -> bool:
        """Whether exactly one of some keys is written down."""
        first, *others = [key for key in keys if key in raw] or [""]
        for other in others:
            self.add((table, other), f"{first} and {other} exclude each other")
        if not first:
            self.add((table,), f"needs {', '.join(keys[:-1])} or {keys[-1]}")
        return bool(first) and not others

    def _universe(self) -> Universe | None:
        section, raw = self._table(UniverseSection, "universe", required=True)
        if section is None:
            return None
        if not self._one_of("universe", raw, "symbols", "file", "name"):
            return None
        if "name" in raw:
            return self._kept_universe(section, raw)
        file = self.path.parent / section.file if section.file else None
        written = self._written(section, file)
        if written is None:
            return None
        symbols = tuple(each.symbol for each in written)
        universe = Universe(symbols, section.sec_type, section.exchange, section.currency, file)
        self.problems += faults(universe, written)
        return universe

    def _kept_universe(self, section: UniverseSection, raw: dict[str, Any]) -> Universe | None:
        """One of the database, which has defaults of its own."""
        for stray in raw.keys() & {"sec_type", "exchange", "currency"}:
            self.add(("universe", stray), "belongs to the universe in the database, not beside its name")
        return None if section.name is None else Universe((), name=section.name)

    def _written(self, section: UniverseSection, file: Path | None) -> list[Written] | None:
        if file is None and section.symbols is None:
            return None  # not a list of strings, which has been said
        key: KeyPath = ("universe", "file" if file else "symbols")
        try:
            found = symbols_in(file) if file else self._inline(section.symbols or [])
        except JobError as error:
            self.problems += error.problems
            return None
        except (OSError, UnicodeDecodeError) as error:
            self.add(key, f"{file} cannot be read: {_why(error)}")
            return None
        if not found:
            self.add(key, f"{file} names no instrument" if file else "names no instrument")
            return None
        return found

    def _inline(self, symbols: list[str]) -> list[Written]:
        places = [self._positions.line(("universe", "symbols", number)) for number in range(len(symbols))]
        return [
            Written(text.strip(), self.path, line, "universe.symbols")
            for text, line in zip(symbols, places, strict=True)
        ]

    def _series(self) -> dict[int, SeriesWish]:
        """The right ones by their place in the file."""
        raw = self._document.get("series")
        if isinstance(raw, list) and raw and all(isinstance(each, dict) for each in raw):
            found = {}
            for place, each in enumerate(raw):
                known = len(self.problems)
                section = self._section(SeriesSection, each, ("series", place))
                if section is not None and len(self.problems) == known:
                    found[place] = SeriesWish(section.bar_size, section.what, section.hours == "all")
            return found
        if raw is None or raw == []:
            self.add((), "a table [[series]] is missing; write one for each bar size")
        else:
            self.add(("series",), "must be tables in double brackets: write [[series]], one for each bar size")
        return {}

    def _refuse_twins(self, universe: Universe, series: dict[int, SeriesWish]) -> None:
        """Two [[series]] that mean the same bars of every instrument, as far as the instruments are known here."""
        types = _sec_types(universe)
        seen: dict[object, int] = {}
        for place, wish in series.items():
            whats = tuple(wish.what or default_what(sec_type) for sec_type in types) or (wish.what,)
            first = seen.setdefault((wish.bar_size, whats, wish.outside_rth), place)
            if first != place:
                line = self._positions.line(("series", first))
                self.add(("series", place), f"means the same series as the [[series]] in line {line}")

    def _want(self, today: date | None) -> Want | None:
        section, _ = self._table(WantSection, "want", required=True)
        if section is None:
            return None
        want = Want(section.since, section.until)
        is_mixed = isinstance(want.since, Ago) != isinstance(want.until, Ago)
        start, end = want.start(today or _SOME_DAY), want.end(today or _SOME_DAY)
        if end is not None and not (is_mixed and today is None) and comparable(end) <= comparable(start):
            self.add(("want", "until"), f"{end} is not after since, {start} (until itself is not included)")
        if today is not None and comparable(start) > comparable(today):
            self.add(("want", "since"), f"{start} lies in the future; there are no bars yet")
        return want

    def _schedule(self) -> Cron | AfterClose | None:
        section, raw = self._table(ScheduleSection, "schedule")
        if section is None:
            return None
        if not self._one_of("schedule", raw, "cron", "after_close"):
            return None
        stray, owner = ("delay", "after_close") if "cron" in raw else ("time_zone", "cron")
        if stray in raw:
            self.add(("schedule", stray), f"belongs to {owner}, which is not here")
        if "cron" in raw and "time_zone" not in raw:
            self.add(("schedule", "cron"), "needs a time_zone beside it, such as America/New_York or UTC")
        if section.after_close is not None:
            return AfterClose(section.after_close, section.delay)
        return Cron(section.cron, section.time_zone) if section.cron and section.time_zone else None

    def _export(self) -> ExportWish | None:
        section, _ = self._table(ExportSection, "export")
        return None if section is None else ExportWish(Path(section.to), section.keep_last)


def _required(model: type[Section]) -> set[int | str]:
    return {name for name, each in model.model_fields.items() if each.is_required()}


def _sec_types(universe: Universe) -> list[str]:
    found = set()
    for symbol in universe.symbols:
        try:
            found.add(universe.query(symbol).sec_type)
        except ValueError:
            continue  # reported with its line already
    return sorted(found)


def _why(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).lower()
