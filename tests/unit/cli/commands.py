"""The command line as a tree, and words taken through its real parser without anything being done."""

import shlex
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Any

from ingest.cli.helping import readable
from ingest.cli.misuse import MISUSE
from ingest.cli.root import app

TREE: Any = readable(app)


def commands(command: Any = TREE, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command and group with the words that lead to it."""
    yield path, command
    for name, each in getattr(command, "commands", {}).items():
        yield from commands(each, (*path, name))


def parse(words: Sequence[str]) -> None:
    """Raises what the command line raises. A command that stands alone is only named, so all may be missing; of others
    arguments may be, never an option."""
    command, rest = TREE, list(words)
    while rest and hasattr(command, "commands") and not rest[0].startswith("-"):
        assert rest[0] in command.commands, f"no command {rest[0]!r}"
        command = command.commands[rest.pop(0)]
    if rest and rest not in (["--help"], ["--version"]):
        try:
            command.make_context(command.name, rest)
        except MISUSE as error:
            if getattr(error, "param", None) is None or error.param.param_type_name != "argument" or error.message:
                raise


def words_of(line: str) -> list[str]:
    """What follows `ingest` on a line for a shell: without settings before it, and without where its output goes."""
    words = shlex.split(line, comments=True)
    words = words[words.index("ingest") + 1 :]
    return list(takewhile(lambda word: word not in (">", "|", "&&"), words))
