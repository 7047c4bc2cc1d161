"""`Conclusion`: what came of one firing of a wish once its last job had ended; for the digest, and kept with it.

Nothing here is counted again later: it says how things stood then. Instants are the product's clock.
"""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Unsettled:
    """Time of one series that is not settled, for one reason: so many stretches of it between `start` and `end`.

    `state` is the ledger's, or "unknown" where nothing was ever asked. `reason` keeps IB's own words.
    """

    series: str
    state: str
    reason: str
    start: datetime
    end: datetime
    stretches: int = 1


@dataclass(frozen=True, slots=True)
class UnmetSymbol:
    """A symbol of the wish that came to no series."""

    symbol: str
    reason: str


@dataclass(frozen=True, slots=True)
class FailedJob:
    """A job that ended without doing what it was for. `subject` is its series, or what else it was to do."""

    id: int
    subject: str
    reason: str


@dataclass(frozen=True, slots=True)
class Published:
    """The snapshot that was exported."""

    path: str
    series: int
    bars: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Conclusion:
    """One firing. `complete` of its `series` are settled over all that was due when it fired; of the others,
    `carried_on` are still worked on for a later firing of the wish, which took their jobs over.

    `unsettled` is cut to a readable length; `unsettled_left_out` says how many more there are. `export_problem` says
    why there is no snapshot although one is wished; `exports_begun` counts attempts, also those no process survived.
    """

    firing: int
    wish: str
    cause: str
    due_at: datetime
    started_at: datetime
    ended_at: datetime
    series: int
    complete: int
    bars: int
    revised: int
    requests: int
    unsettled: tuple[Unsettled, ...] = ()
    unsettled_left_out: int = 0
    unmet: tuple[UnmetSymbol, ...] = ()
    failed: tuple[FailedJob, ...] = ()
    cancelled: int = 0
    carried_on: int = 0
    snapshot: Published | None = None
    export_problem: str = ""
    exports_begun: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether the wish has everything it asks for."""
        return self.complete == self.series and not (self.unmet or self.failed or self.export_problem)
