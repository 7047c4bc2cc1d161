"""Where a key stands in a TOML text: `tomllib` gives values without positions, this gives positions without values.

It expects a text that `tomllib` has accepted. Keys inside inline tables are not told apart: they stand where the inline
table begins.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

Path = tuple[str | int, ...]

_TOKEN = re.compile(
    r"""(?P<comment>\#[^\n]*)
    | (?P<string>\"{3}(?:\\.|[^\\])*?\"{3,5} | '{3}.*?'{3,5} | "(?:\\.|[^"\\\n])*" | '[^'\n]*')
    | (?P<newline>\n)
    | (?P<mark>[\[\]{}=,.])
    | (?P<blank>[\ \t\r]+)
    | (?P<bare>[^\s\[\]{}=,.\#"']+)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    line: int

    def is_mark(self, *marks: str) -> bool:
        return self.kind == "mark" and self.text in marks


@dataclass(slots=True)
class Positions:
    """Lines of tables, keys and elements of arrays, from 1. `("series", 0, "what")` is in the first [[series]]."""

    _lines: dict[Path, int] = field(default_factory=dict)
    _counts: dict[Path, int] = field(default_factory=dict)
    _table: Path = ()

    @classmethod
    def of(cls, text: str) -> "Positions":
        found = cls()
        for statement in _statements(text):
            found._take(statement)
        return found

    def line(self, path: Path) -> int:
        """The line of the key, or of the nearest table around it that is written down; 1 for the file itself."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)

    def _take(self, statement: list[_Token]) -> None:
        if statement[0].is_mark("["):
            self._enter(statement)
            return
        at = next((n for n, token in enumerate(statement) if token.is_mark("=")), len(statement))
        path = self._table + _key(statement[:at])
        self._note(path, statement[0].line)
        for number, token in enumerate(_elements(statement[at + 1 :])):
            self._note((*path, number), token.line)

    def _enter(self, statement: list[_Token]) -> None:
        name: Path = _key(statement)
        if len(statement) > 1 and statement[1].is_mark("["):
            self._note(name, statement[0].line)
            number = self._counts.get(name, 0)
            self._counts[name] = number + 1
            name = (*name, number)
        self._table = name
        self._note(name, statement[0].line)

    def _note(self, path: Path, line: int) -> None:
        """Also the tables that a dotted key makes by the way."""
        for length in range(1, len(path) + 1):
            self._lines.setdefault(path[:length], line)


def _key(tokens: list[_Token]) -> tuple[str, ...]:
    parts = (token for token in tokens if token.kind in ("string", "bare"))
    return tuple(token.text[1:-1] if token.kind == "string" else token.text for token in parts)


def _elements(value: list[_Token]) -> Iterator[_Token]:
    """The first token of each element, when the value is an array."""
    if not value or not value[0].is_mark("["):
        return
    depth, fresh = 0, True
    for token in value:
        if depth == 1 and token.is_mark(","):
            fresh = True
        elif depth == 1 and fresh and not token.is_mark("]"):
            fresh = False
            yield token
        depth += token.is_mark("[", "{") - token.is_mark("]", "}")


def _statements(text: str) -> Iterator[list[_Token]]:
    """Table headers and `key = value`, each as its tokens; a newline inside brackets does not end one."""
    statement: list[_Token] = []
    depth = 0
    for token in _tokens(text):
        if token.kind == "newline":
            if depth == 0 and statement:
                yield statement
                statement = []
            continue
        depth += token.is_mark("[", "{") - token.is_mark("]", "}")
        statement.append(token)
    if statement:
        yield statement


def _tokens(text: str) -> Iterator[_Token]:
    line = 1
    for found in _TOKEN.finditer(text):
        kind = found.lastgroup or ""
        if kind not in ("comment", "blank"):
            yield _Token(kind, found[0], line)
        line += found[0].count("\n")
