"""What a run has done so far, as plain counters that a screen may look at while it goes on; no I/O, no clock.

The worker writes, the command line reads; both live in one event loop, so nothing is locked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ingest.domain.ledger import Ledger, State
from ingest.domain.series import Series
from ingest.domain.window import Window, Windows, intersect, subtract, total


@dataclass(slots=True)
class SeriesProgress:
    """One series: requests planned and settled, bars committed."""

    series: Series
    planned: int = 0
    settled: int = 0
    bars: int = 0
    revised: int = 0
    quarantined: int = 0


@dataclass(slots=True)
class Progress:
    """The whole run. `sent` counts requests on the wire, retries and head timestamps included."""

    started: datetime
    series: dict[int, SeriesProgress] = field(default_factory=dict)
    sent: int = 0

    @property
    def planned(self) -> int:
        return sum(each.planned for each in self.series.values())

    @property
    def settled(self) -> int:
        return sum(each.settled for each in self.series.values())

    @property
    def bars(self) -> int:
        return sum(each.bars for each in self.series.values())

    def eta(self, now: datetime) -> timedelta | None:
        """Time left at the pace so far; None until something is settled."""
        if not self.settled:
            return None
        return (now - self.started) / self.settled * max(0, self.planned - self.settled)


@dataclass(frozen=True, slots=True)
class SeriesReport:
    """How one series stands against its wish when the run ends. `refused` is the time that IB refused for good."""

    series: Series
    series_id: int
    wish: Windows
    held: Mapping[State, timedelta]
    unknown: timedelta
    problems: tuple[tuple[State, str, Window], ...]
    bars: int
    revised: int
    quarantined: int
    refused: timedelta = timedelta(0)

    @property
    def is_hopeless(self) -> bool:
        """Whether all that is not settled was refused for good, so that asking again is pointless."""
        lacking = total(window for _, _, window in self.problems)
        return not self.unknown and bool(lacking) and lacking == self.refused

    @property
    def is_complete(self) -> bool:
        """Whether every due minute of the wish is settled."""
        return not self.unknown and not self.problems


@dataclass(frozen=True, slots=True)
class RunReport:
    series: tuple[SeriesReport, ...]
    requests: int
    elapsed: timedelta
    stopped: bool = False

    @property
    def bars(self) -> int:
        return sum(each.bars for each in self.series)

    @property
    def is_complete(self) -> bool:
        return not self.stopped and all(each.is_complete for each in self.series)


def report_of(progress: SeriesProgress, series_id: int, wish: Windows, due: Windows, ledger: Ledger) -> SeriesReport:
    """Compare a wish with the ledger. `due` is the part of it whose bars are final by now."""
    held = {state: total(intersect(due, ledger.windows(state))) for state in State}
    problems = tuple(
        (entry.state, entry.reason, part)
        for entry in ledger
        if not entry.state.is_settled
        for part in intersect([entry.window], due)
    )
    unknown = total(subtract(due, ledger.windows()))
    return SeriesReport(
        progress.series,
        series_id,
        wish,
        {state: span for state, span in held.items() if span},
        unknown,
        problems,
        progress.bars,
        progress.revised,
        progress.quarantined,
        total(intersect(due, [entry.window for entry in ledger if entry.permanent])),
    )
