"""What Typer refuses, in our words: a command there is not, a value that does not parse."""

from collections.abc import Sequence
from difflib import get_close_matches
from itertools import takewhile
from typing import Any

import typer

#: What Typer raises for an unknown option, a missing argument or a value that does not parse.
MISUSE: Any = typer.BadParameter.__base__

_MUST = {
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "bool_parsing": "yes or no",
    "greater_than_equal": "{ge} or more",
    "less_than_equal": "{le} or less",
    "greater_than": "more than {gt}",
    "less_than": "less than {lt}",
}


def described(error: Any, arguments: Sequence[str], tree: Any) -> str:
    """One line: what is wrong, and where the help is. Empty where the help itself was shown, for want of arguments."""
    path, unknown, others = _command(tree, arguments)
    if unknown:
        close = get_close_matches(unknown, others, n=1)
        meant = f"; did you mean {' '.join([*path, close[0]])!r}?" if close else "."
        problem = f"There is no command {' '.join([*path, unknown])!r}{meant}"
    else:
        problem = _value(error) or error.format_message().rstrip(".")
        problem += "." if problem else ""
    return f"{problem} See `{' '.join(['ingest', *path, '--help'])}`." if problem else ""


def _command(tree: Any, arguments: Sequence[str]) -> tuple[list[str], str, list[str]]:
    """The command's own words, the first word that is none, and what could stand in its place."""
    path: list[str] = []
    command = tree
    for word in takewhile(lambda each: not each.startswith("-"), arguments):
        commands = getattr(command, "commands", None)
        if commands is None:
            break
        if word not in commands:
            return path, word, list(commands)
        path.append(word)
        command = commands[word]
    return path, "", []


def _value(error: Any) -> str:
    """Of a value that has the wrong form or size; empty for other problems."""
    facts: list[dict[str, Any]] = getattr(error.__cause__, "errors", list)()
    wanted = _MUST.get(facts[0]["type"]) if facts else None
    if wanted is None:
        return ""
    name = error.param.opts[0] if error.param.opts else error.param.name
    shown = name if name.startswith("-") else name.upper()
    return f"{shown} must be {wanted.format(**facts[0].get('ctx', {}))}, not {facts[0]['input']!r}"
