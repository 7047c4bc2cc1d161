"""IB's pacing rules as pure arithmetic: the pacer *says* how long to wait, somebody else sleeps (`gate.PacedGate`).

For bars of 30 seconds or less, and always for head timestamps (IB Campus, "Pacing Violations for Small Bars"):
no identical request within 15 s; no sixth request for one contract, exchange and tick type within 2 s; no more than 60
within 600 s. BID_ASK "is counted twice", which is taken for every count. For all requests: 50 open historical ones, 50
messages a second.

IB does not say whether a request exactly 600 s old still counts, nor when its clock reads; so every window is taken as
closed and widened by `guard`. Times are any seconds that only grow. One pacer serves all clients of one login, the only
safe reading of rules whose scope IB does not state.
"""

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field

from ingest.domain.answer import RequestKind, RequestRecord
from ingest.domain.request import HistoricalRequest
from ingest.domain.series import Series

HARD_OPEN_LIMIT = 50  # the 51st is refused with error 322
HARD_MESSAGE_RATE = 50.0  # market-data lines ÷ 2; the third breach ends the session


@dataclass(frozen=True, slots=True)
class PacingRules:
    """IB's numbers, and how far to stay away from them. `guard` is seconds, on the clock that the pacer is given."""

    identical_seconds: float = 15.0
    burst_units: int = 5
    burst_seconds: float = 2.0
    budget_units: int = 60
    budget_seconds: float = 600.0
    search_seconds: float = 1.0  # between symbol searches
    open_requests: int = 8  # at most; IB: far fewer than 50 is more efficient
    messages_per_second: int = 45
    penalty_seconds: float = 60.0  # after a violation; IB documents no length, 60 s is what is known to work
    guard: float = 0.5
    grace: float = 0.25  # how long after its booking a small request may leave; counts like the guard

    def __post_init__(self) -> None:
        if not 1 <= self.open_requests <= HARD_OPEN_LIMIT:
            raise ValueError(f"IB allows 1 to {HARD_OPEN_LIMIT} open requests, not {self.open_requests}")
        if not 1 <= self.messages_per_second <= HARD_MESSAGE_RATE:
            raise ValueError(f"IB allows 1 to {HARD_MESSAGE_RATE:g} messages a second, not {self.messages_per_second}")
        if self.guard < 0 or self.grace <= 0:
            raise ValueError(f"guard and grace cannot be negative: {self.guard}, {self.grace}")


@dataclass(frozen=True, slots=True)
class RequestCost:
    """What a request counts for. `identity` names the whole request, `product` its contract, exchange and tick type.

    `units` above 0 puts it under the small-bar rules; `opens` says that it is an open historical request until it ends.
    `spare` is how many of the small-bar budget's units it leaves to others, who may be in more of a hurry.
    """

    identity: Hashable = None
    product: Hashable = None
    units: int = 0
    opens: bool = False
    messages: int = 1
    is_search: bool = False
    shape: Hashable = None  # answers to requests of one shape take about as long
    spare: int = 0

    @property
    def is_large(self) -> bool:
        """Open until it ends, under no hard rule: how many may be open is learned (`adaptive`)."""
        return self.opens and not self.units

    @classmethod
    def of(cls, request: HistoricalRequest) -> "RequestCost":
        """A request for bars."""
        return cls._of_bars(request.series, request.end_text, str(request.duration))

    @classmethod
    def of_head(cls, series: Series) -> "RequestCost":
        """A head timestamp: always under the small-bar rules, whatever the bar size; asked and then cancelled."""
        return cls(("head", _key(series)), _product(series), series.what.pacing_cost, opens=True, messages=2)

    @classmethod
    def of_schedule(cls, series: Series) -> "RequestCost":
        """A schedule: a request for daily bars as far as pacing goes."""
        return cls(("schedule", _key(series)), _product(series), opens=True, shape="schedule")

    @classmethod
    def of_lookup(cls) -> "RequestCost":
        """Contract details: only a message."""
        return cls()

    @classmethod
    def of_search(cls) -> "RequestCost":
        """A symbol search: at least one second apart."""
        return cls(is_search=True)

    @classmethod
    def of_record(cls, record: RequestRecord) -> "RequestCost":
        """What a logged request counted for, to seed a pacer after a restart."""
        if record.kind is RequestKind.HEAD:
            return cls.of_head(record.series)
        if record.kind is RequestKind.SCHEDULE:
            return cls.of_schedule(record.series)
        return cls._of_bars(record.series, record.end_text, record.duration)

    @classmethod
    def _of_bars(cls, series: Series, end_text: str, duration: str) -> "RequestCost":
        units = series.what.pacing_cost if series.bar_size.is_small else 0
        size = str(series.bar_size)
        identity = ("bars", _key(series), size, end_text, duration)
        return cls(identity, _product(series), units, opens=True, shape=(size, duration))


@dataclass(slots=True)
class Pacer:
    """The memory of what was sent on one login. `wait` asks, `sent` and `ended` tell, `violated` punishes."""

    rules: PacingRules = field(default_factory=PacingRules)
    open_now: int = 0
    large_now: int = 0
    large_allowed: int = HARD_OPEN_LIMIT  # of `open_now`; whoever learns it sets it
    violations: int = 0
    _paused_until: float = -math.inf
    _spent: deque[tuple[float, int]] = field(default_factory=deque)
    _identical: dict[Hashable, float] = field(default_factory=dict)
    _bursts: dict[Hashable, list[tuple[float, int]]] = field(default_factory=dict)
    _messages: deque[float] = field(default_factory=deque)
    _searched_at: float = -math.inf

    def wait(self, now: float, cost: RequestCost) -> float:
        """Seconds until the request may be sent; 0 now, infinity when only an open request's end can make room."""
        if cost.opens and self.open_now >= self.rules.open_requests:
            return math.inf
        if cost.is_large and self.large_now >= self.large_allowed:
            return math.inf
        return max(0.0, self._earliest(now, cost) - now)

    def sent(self, now: float, cost: RequestCost) -> None:
        """The request leaves at `now`."""
        self.spoke(now, cost)
        self.open_now += cost.opens
        self.large_now += cost.is_large
        if cost.is_search:
            self._searched_at = now
        if cost.units:
            self._remember(now, cost)

    def spoke(self, now: float, cost: RequestCost) -> None:
        """Its messages leave at `now`, for one that was told as sent a moment ago and had to be booked first."""
        self._messages.extend([now] * cost.messages)

    def ended(self, cost: RequestCost) -> None:
        """The request's answer is complete, refused, cancelled or lost."""
        if cost.opens:
            self.open_now = max(0, self.open_now - 1)
            self.large_now = max(0, self.large_now - cost.is_large)

    def violated(self, now: float) -> None:
        """IB reported a violation: nobody on the login sends for a while."""
        self.violations += 1
        self._paused_until = max(self._paused_until, now + self.rules.penalty_seconds)

    def recall(self, now: float, past: Iterable[tuple[float, RequestCost]]) -> None:
        """What the whole login sent, as (age in seconds, cost) in any order; it replaces what was known of small ones.

        An age below 0 is that of a request which leaves until then.
        """
        self._spent.clear()
        self._identical.clear()
        self._bursts.clear()
        for age, cost in sorted(past, key=lambda one: -one[0]):
            if cost.units:
                self._remember(now - age, cost)

    def units_left(self, now: float) -> int:
        """How many small-bar units could be spent at once, for a plan's cost and for progress."""
        self._forget(now)
        return self.rules.budget_units - sum(units for _, units in self._spent)

    def _earliest(self, now: float, cost: RequestCost) -> float:
        self._forget(now)
        earliest = max(self._paused_until, self._message_free(cost.messages))
        if cost.is_search:
            earliest = max(earliest, self._searched_at + self.rules.search_seconds + self.rules.guard)
        if cost.units:
            earliest = max(earliest, self._identical_free(cost), self._burst_free(cost), self._budget_free(cost))
        return earliest

    def _message_free(self, wanted: int) -> float:
        at = len(self._messages) + wanted - self.rules.messages_per_second
        return math.nextafter(self._messages[at - 1] + 1.0, math.inf) if at > 0 else -math.inf

    def _identical_free(self, cost: RequestCost) -> float:
        last = self._identical.get(cost.identity)
        return -math.inf if last is None else self._after(last, self.rules.identical_seconds)

    def _burst_free(self, cost: RequestCost) -> float:
        return self._room(self._bursts.get(cost.product, ()), cost, self.rules.burst_units, self.rules.burst_seconds)

    def _budget_free(self, cost: RequestCost) -> float:
        budget = max(cost.units, self.rules.budget_units - cost.spare)
        return self._room(self._spent, cost, budget, self.rules.budget_seconds)

    def _room(self, spent: Iterable[tuple[float, int]], cost: RequestCost, limit: int, seconds: float) -> float:
        """When enough of the oldest spending has left a window for this cost to fit."""
        spent = tuple(spent)
        excess = sum(units for _, units in spent) + cost.units - limit
        free = -math.inf
        for sent_at, units in spent:
            if excess <= 0:
                break
            excess -= units
            free = self._after(sent_at, seconds)
        return free

    def _after(self, moment: float, seconds: float) -> float:
        """The first instant at which `moment` is strictly further back than `seconds` and the guard."""
        return math.nextafter(moment + seconds + self.rules.guard, math.inf)

    def _remember(self, now: float, cost: RequestCost) -> None:
        if self._spent and now < self._spent[-1][0]:
            at = bisect_left([sent_at for sent_at, _ in self._spent], now)
            self._spent.insert(at, (now, cost.units))
        else:
            self._spent.append((now, cost.units))
        self._identical[cost.identity] = max(now, self._identical.get(cost.identity, -math.inf))
        burst = sorted([*self._bursts.get(cost.product, ()), (now, cost.units)])
        self._bursts[cost.product] = burst[-self.rules.burst_units :]

    def _forget(self, now: float) -> None:
        """Drop what no rule can look at any more, so that memory stays bounded by the windows."""
        rules = self.rules
        while self._spent and self._spent[0][0] + rules.budget_seconds + rules.guard < now:
            self._spent.popleft()
        while self._messages and self._messages[0] + 1.0 < now:
            self._messages.popleft()
        stale = [key for key, at in self._identical.items() if at + rules.identical_seconds + rules.guard < now]
        for key in stale:
            del self._identical[key]
        quiet = [key for key, burst in self._bursts.items() if burst[-1][0] + rules.burst_seconds + rules.guard < now]
        for key in quiet:
            del self._bursts[key]


def wait_after(rules: PacingRules, past: Iterable[tuple[float, RequestCost]], cost: RequestCost) -> float:
    """Seconds until a small request may follow what its login sent (age in seconds, cost); 0: now."""
    pacer = Pacer(rules)
    pacer.recall(0.0, past)
    return pacer.wait(0.0, cost)


def _key(series: Series) -> Hashable:
    instrument = series.instrument
    return (instrument.con_id, instrument.sec_type, instrument.exchange, str(series.what), series.use_rth)


def _product(series: Series) -> Hashable:
    return (series.instrument.con_id, series.instrument.exchange, str(series.what))
