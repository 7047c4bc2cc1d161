"""What whoever composes a program gives for others to see: plain values, and callables that give the newest of them.

The callables are called in the server's threads while the program's loop goes on, so they may only hand over what is
there: an attribute, a value that somebody replaces every few seconds; or ask a database through a pool.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ingest.clock import Clock, SystemClock
from ingest.domain.answer import RequestOutcome, RequestRecord
from ingest.domain.freshness import Freshness

#: A loop that has not come round for so long hangs.
LOOP_SECONDS = 30.0
_BEAT_SECONDS = 2.0

#: Says what is missing, in one line; "" when nothing is. May raise what the thing itself raises.
Check = Callable[[], str]


@dataclass(slots=True)
class Pulse:
    """The sign of life of an event loop. `wall` is the machine's clock, whatever clock the product has."""

    wall: Clock = field(default_factory=SystemClock)
    _last: float = field(init=False)

    def __post_init__(self) -> None:
        self._last = self.wall.monotonic()

    async def beat(self) -> None:
        """Run it as a task of the loop: as long as the loop gets round to it, the loop is alive."""
        while True:
            self._last = self.wall.monotonic()
            await self.wall.sleep(_BEAT_SECONDS)

    @property
    def age(self) -> float:
        """Seconds since the last beat."""
        return self.wall.monotonic() - self._last

    @property
    def is_alive(self) -> bool:
        return self.age <= LOOP_SECONDS


@dataclass(slots=True)
class Tally:
    """How requests went since the program started, by login, kind and what became of them. `hear` it from a gateway."""

    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def hear(self, record: RequestRecord) -> None:
        self.counts[record.login.name, record.kind.value, _WORDS[record.outcome]] += 1


def together(tallies: Iterable[Tally]) -> dict[tuple[str, str, str], int]:
    """The counts of several gateways as they are now, for a `Snapshot`. Those of one login add up."""
    found: Counter[tuple[str, str, str]] = Counter()
    for tally in tallies:
        found.update(dict(tally.counts))
    return dict(found)


_WORDS = {
    RequestOutcome.SENT: "sent",
    RequestOutcome.BARS: "answered",
    RequestOutcome.NO_DATA: "answered",
    RequestOutcome.TIMED_OUT: "timed_out",
    RequestOutcome.ERROR: "refused",
    RequestOutcome.DISCONNECTED: "lost",
}


@dataclass(frozen=True, slots=True)
class LoginVitals:
    """A login's pacing. `small_left`: how many of IB's sixty small requests in ten minutes may still go."""

    name: str
    small_left: int
    open: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that is measured, at one moment. Counts are since the program started.

    `jobs`: by lane and state. `gateways`: whether each is connected and has a way to IB.
    """

    taken_at: datetime | None = None
    requests: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    logins: tuple[LoginVitals, ...] = ()
    gateways: Mapping[str, bool] = field(default_factory=dict)
    jobs: Mapping[tuple[str, str], int] = field(default_factory=dict)
    wishes: tuple[Freshness, ...] = ()
    bars: int = 0
    slices: int = 0


@dataclass(frozen=True, slots=True)
class Vitals:
    """A program as its health server sees it. `checks`: what it needs to be able to work, each with its question."""

    pulse: Pulse
    checks: Mapping[str, Check] = field(default_factory=dict)
    snapshot: Callable[[], Snapshot] = Snapshot
