"""IB's pacing rules for small bars and head timestamps, as one ledger per login.

Three rules, all in simulator time: the same request again within 15 s; six or more for one contract, exchange and tick
type within 2 s; more than sixty in any ten minutes. BID_ASK costs two everywhere. A refused request counts like any
other: IB documents none of this, and the stricter reading is the one a client must survive.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

Rule = Literal["identical", "burst", "total"]

IDENTICAL_SECONDS = 15.0
BURST_SECONDS, BURST_LIMIT = 2.0, 6
TOTAL_SECONDS, TOTAL_LIMIT = 600.0, 60


@dataclass(frozen=True, slots=True)
class PacedRequest:
    """What the rules look at. `identity` is everything that makes two requests identical."""

    identity: str
    instrument: str  # contract + exchange + tick type
    cost: int = 1


@dataclass(slots=True)
class PacingLedger:
    """The requests of the last ten minutes."""

    _sent: deque[tuple[float, PacedRequest]] = field(default_factory=deque)
    _cost: int = 0

    def _forget(self, now: float) -> None:
        while self._sent and now - self._sent[0][0] >= TOTAL_SECONDS:
            self._cost -= self._sent.popleft()[1].cost

    def judge(self, request: PacedRequest, now: float) -> Rule | None:
        """The rule this request would break at `now`, without entering it."""
        self._forget(now)
        recent = self._within(IDENTICAL_SECONDS, now)
        if any(one.identity == request.identity for _, one in recent):
            return "identical"
        burst = sum(one.cost for at, one in recent if now - at < BURST_SECONDS and one.instrument == request.instrument)
        if burst + request.cost >= BURST_LIMIT:
            return "burst"
        return "total" if self._cost + request.cost > TOTAL_LIMIT else None

    def _within(self, seconds: float, now: float) -> list[tuple[float, PacedRequest]]:
        found = []
        for at, one in reversed(self._sent):
            if now - at >= seconds:
                break
            found.append((at, one))
        return found

    def enter(self, request: PacedRequest, now: float) -> None:
        self._sent.append((now, request))
        self._cost += request.cost

    def wait_seconds(self, request: PacedRequest, now: float) -> float:
        """How long until the request breaks no rule: what a Gateway that paces instead of rejecting lets it wait."""
        instants = sorted({now, *self._releases(now)})
        return next(at - now for at in instants if self._allowed_at(request, at))

    def _releases(self, now: float) -> list[float]:
        spans = (IDENTICAL_SECONDS, BURST_SECONDS, TOTAL_SECONDS)
        return [at + span for at, _ in self._sent for span in spans if at + span > now]

    def _allowed_at(self, request: PacedRequest, now: float) -> bool:
        past = PacingLedger(deque(self._sent), self._cost)
        return past.judge(request, now) is None

    @property
    def total(self) -> int:
        """Cost of what is remembered."""
        return self._cost


@dataclass(slots=True)
class MessageRate:
    """Messages of one client per second of simulator time."""

    limit: int
    _seen: deque[float] = field(default_factory=deque)
    strikes: int = 0

    def wait_seconds(self, now: float) -> float:
        """How long until one more message fits."""
        if len(self._seen) < self.limit:
            return 0.0
        return max(0.0, self._seen[-self.limit] + 1.0 - now)

    def exceeded(self, now: float) -> bool:
        """Count one message; true (and a strike) when it is one too many. A refused message opens a fresh second."""
        while self._seen and now - self._seen[0] >= 1.0:
            self._seen.popleft()
        self._seen.append(now)
        if len(self._seen) <= self.limit:
            return False
        self._seen.clear()
        self.strikes += 1
        return True
