"""What becomes of a job after a slice: done, next slice, another round later, or failed. Pure.

A *slice* is a short run after which other jobs have their turn. A *round* is as many slices as it takes to have made
every request once; what could not be had is asked for again in a later round, of which there are a few.
"""

from dataclasses import dataclass
from datetime import timedelta

from ingest.progress import SeriesReport

_REASONS_TOLD = 3


@dataclass(frozen=True, slots=True)
class RoundPolicy:
    """`rounds` in all; `first_wait` before the second, doubled for each further one, a day at most."""

    rounds: int = 5
    first_wait: timedelta = timedelta(minutes=15)
    longest_wait: timedelta = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class SliceEnd:
    """How a slice ended: the series against the wish, and how many requests of this round are still to be made."""

    report: SeriesReport
    left_over: int


@dataclass(frozen=True, slots=True)
class Done:
    """Every due minute of the wish is settled."""


@dataclass(frozen=True, slots=True)
class NextSlice:
    """There is more to ask; others first."""


@dataclass(frozen=True, slots=True)
class NextRound:
    """Everything was asked; ask again for what is lacking, after so long."""

    after: timedelta
    note: str


@dataclass(frozen=True, slots=True)
class GivenUp:
    """It cannot be had; the ledger says which time, and why."""

    note: str


def after_slice(policy: RoundPolicy, rounds: int, end: SliceEnd) -> Done | NextSlice | NextRound | GivenUp:
    """What comes next; `rounds` are those that had ended before."""
    if end.report.is_complete:
        return Done()
    if end.left_over:
        return NextSlice()
    note = lacking(end.report)
    if end.report.is_hopeless:
        return GivenUp(f"{note}. IB refused it for good.")
    if rounds + 1 >= policy.rounds:
        return GivenUp(f"{note}. Asked in {policy.rounds} rounds.")
    return NextRound(min(policy.first_wait * 2**rounds, policy.longest_wait), note)


def lacking(report: SeriesReport) -> str:
    """What is not settled and why, in one line."""
    reasons: dict[str, int] = {}
    for state, reason, _ in report.problems:
        text = f"{state.value}: {reason}" if reason else state.value
        reasons[text] = reasons.get(text, 0) + 1
    told = [f"{count} × {text}" if count > 1 else text for text, count in list(reasons.items())[:_REASONS_TOLD]]
    if len(reasons) > _REASONS_TOLD:
        told.append(f"and {len(reasons) - _REASONS_TOLD} other reasons")
    if report.unknown:
        told.append(f"never asked for: {report.unknown}")
    return "Not settled: " + "; ".join(told)
