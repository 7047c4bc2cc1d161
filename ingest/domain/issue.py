"""`Issue`: what a rule found wrong with a bar; `QuarantinedBar`: a bar kept apart for it, its values as they came."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Issue:
    """`rule` is the rule's short name, `evidence` the sentence with the figures that broke it."""

    rule: str
    evidence: str

    def __post_init__(self) -> None:
        if not self.rule:
            raise ValueError("an issue names the rule that was broken")

    def __str__(self) -> str:
        return f"{self.rule}: {self.evidence}"


@dataclass(frozen=True, slots=True)
class QuarantinedBar:
    """A bar that did not pass. Values are as the gateway sent them; None where it sent "not available"."""

    ts: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float | None
    wap: float | None
    bar_count: int | None
    issue: Issue

    def __post_init__(self) -> None:
        if self.ts.tzinfo is None:
            raise ValueError(f"bar time {self.ts} has no time zone")
