"""What can be wrong with a job file, each with its place: `jobs/x.toml:12: series.bar_size: unknown bar size …`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ingest.errors import UsageError
from ingest.wishes.positions import Path as KeyPath


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """`file` is the job's, or its universe's where the fault lies there; lines count from 1."""

    file: Path
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.key}: {self.message}"


class JobError(UsageError):
    """Job files that say nothing that can be done; `problems` holds all of it, one line each."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        lines = [str(problem) for problem in self.problems]
        files = len({problem.file for problem in self.problems})
        head = [f"{len(lines)} problems" + (f" in {files} files:" if files > 1 else ":")] if len(lines) > 1 else []
        super().__init__("\n".join([*head, *lines]))


def key_text(path: KeyPath) -> str:
    """`series.bar_size` of `("series", 1, "bar_size")`: the line says which."""
    return ".".join(part for part in path if isinstance(part, str)) or "file"


def unknown(name: str, known: Iterable[str]) -> str:
    """What to say of a key that means nothing here."""
    names = sorted(known)
    near = get_close_matches(name.lower(), names, n=1, cutoff=0.6)
    if near:
        return f"unknown key; did you mean {near[0]!r}?"
    return f"unknown key; known here are {', '.join(names)}"


def explained(error: Any) -> str:
    """Pydantic's finding (an ErrorDetails) in the words of a TOML file."""
    context = error.get("ctx", {})
    match error["type"]:
        case "missing":
            return "is missing"
        case "string_type":
            return "must be a string in quotes"
        case "int_type" | "int_from_float":
            return "must be a whole number"
        case "list_type" | "tuple_type":
            return "must be a list in square brackets"
        case "string_too_short":
            return "must not be empty"
        case "string_too_long":
            return f"must not be longer than {context['max_length']} letters"
        case "greater_than_equal":
            return f"must be at least {context['ge']}"
        case "less_than_equal":
            return f"must be at most {context['le']}"
        case "literal_error":
            return f"must be {context['expected']}, not {error['input']!r}"
        case "value_error":
            return str(context["error"])
        case _:
            message = str(error["msg"])
            return message[:1].lower() + message[1:]
