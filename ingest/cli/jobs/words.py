"""Words and values that the commands on jobs share."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ingest.app.wishing import Unmet

JobFile = Annotated[Path, typer.Argument(help="A job file, such as jobs/us-equities-nightly.toml.")]
JobIds = Annotated[
    list[int] | None, typer.Argument(min=1, max=2**63 - 1, help="Numbers of jobs, as `ingest jobs list` shows them.")
]
Queue = Annotated[bool, typer.Option("--queue", help="Queue it for workers instead of doing it now.")]
Priority = Annotated[int | None, typer.Option(min=-100, max=100, help="Higher goes first.")]


def refuse_priority(priority: int | None, *, queue: bool) -> None:
    """Raises UsageError for a priority of something that is not queued."""
    from ingest.errors import UsageError

    if priority is not None and not queue:
        raise UsageError("--priority is for queued jobs.", hint="Add --queue.")


def only_one(problem: str, hint: str, *given: bool) -> None:
    """Raises UsageError unless exactly one of some things is said."""
    from ingest.errors import UsageError

    if sum(given) != 1:
        raise UsageError(problem, hint=hint)


def tell_unmet(unmet: "tuple[Unmet, ...]") -> None:
    from ingest.cli.screen import fail, say

    if unmet:
        fail(f"{count(len(unmet), 'wish', 'wishes')} of the job cannot be met:")
    for each in unmet:
        say(f"  {each.symbol}: {each.reason}")


def plain(values: Any) -> list[dict[str, Any]]:
    return [asdict(each) for each in values]


def count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def named(scope: str, name: str) -> str:
    """What is paused, in words."""
    return {"all": "everything", "gateway": f"gateway {name}"}.get(scope, f"universe {name}")
