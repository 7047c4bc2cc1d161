"""What can be wrong with a job file, each with its place: `jobs/x.toml:12: series.bar_size: unknown bar size …`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

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
