"""The instruments of a job: its `symbols`, or the first column of its CSV file, each with its place; and names."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ingest.domain.instrument import InstrumentQuery
from ingest.wishes.job import Universe
from ingest.wishes.problems import JobError, Problem

_HEADINGS = ("symbol", "instrument", "ticker")
_LONGEST_NAME = 64


@dataclass(frozen=True, slots=True)
class Written:
    """A symbol as it stands in a file."""

    symbol: str
    file: Path
    line: int
    key: str = "symbol"

    def problem(self, message: str) -> Problem:
        return Problem(self.file, self.line, self.key, message)


def symbols_in(file: Path) -> list[Written]:
    """One instrument a line; blank lines, lines that begin with # and a heading are skipped.

    Raises OSError or UnicodeDecodeError when the file cannot be read, and JobError when it is no CSV: a quote that is
    never closed would take all that follows for the rest of one cell.
    """
    cells: list[tuple[str, int]] = []
    last = 0
    with file.open(encoding="utf-8-sig", newline="") as opened:
        rows = csv.reader((_without_comment(line) for line in opened), strict=True)
        try:
            for row in rows:
                cells.append((row[0].strip() if row else "", rows.line_num))
                last = rows.line_num
        except csv.Error as error:
            said = f'is no row of a CSV: {error}; look for a quote (") without its partner'
            raise JobError([Problem(file, last + 1, "row", said)]) from None
    named = [(text, line) for text, line in cells if text and not text.startswith("#")]
    if named and named[0][0].lower() in _HEADINGS:
        named = named[1:]
    return [Written(text, file, line) for text, line in named]


def _without_comment(line: str) -> str:
    """A blank line in its place: quotes in a comment mean nothing, and lines go on being counted."""
    return "\n" if line.lstrip().startswith("#") else line


def checked_name(value: str) -> str:
    """A name of a job or a universe. Raises ValueError in one line."""
    if len(value) > _LONGEST_NAME:
        raise ValueError(f"a name must not be longer than {_LONGEST_NAME} letters")
    if not value[:1].isalnum() or not all(letter.isalnum() or letter in "-_." for letter in value):
        raise ValueError(f"{value!r} is no name: letters, digits, - _ and . only, a letter or digit first")
    return value


def faults(universe: Universe, written: Iterable[Written]) -> Iterator[Problem]:
    """Texts that name no instrument, and instruments that are named twice."""
    seen: dict[InstrumentQuery, Written] = {}
    for each in written:
        try:
            query = universe.query(each.symbol)
        except ValueError as error:
            yield each.problem(str(error))
            continue
        first = seen.setdefault(query, each)
        if first is not each:
            yield each.problem(f"{each.symbol!r} is listed twice, first in line {first.line}")
