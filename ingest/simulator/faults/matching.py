"""Which fault, if any, a request runs into. Counting happens here, so the same requests always meet the same faults."""

import random
from dataclasses import dataclass, field, replace
from typing import Self

from ingest.simulator.faults.actions import default_messages
from ingest.simulator.faults.script import Fault, FaultScript


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request as a fault sees it."""

    message: str
    client_id: int
    symbol: str = ""
    sec_type: str = ""
    bar_size: str = ""
    what: str = ""
    window: tuple[float, float] | None = None

    def as_message(self, message: str) -> Self:
        return replace(self, message=message)


@dataclass(slots=True)
class _Armed:
    """A fault with its own counts and dice."""

    fault: Fault
    seen: int = 0
    hits: int = 0
    dice: random.Random = field(default_factory=random.Random)


@dataclass(slots=True)
class FaultMatcher:
    """A script being played."""

    script: FaultScript
    _armed: list[_Armed] = field(init=False)

    def __post_init__(self) -> None:
        # Dice of a test fixture, not of a lock.
        self._armed = [
            _Armed(fault, dice=random.Random(fault.match.seed))  # noqa: S311
            for fault in self.script.faults
            if not fault.is_whole
        ]

    def hit(self, incoming: Incoming) -> Fault | None:
        """The first fault in the script that this request runs into. Every fault it fits counts it."""
        found = None
        for armed in self._armed:
            if _fits(armed.fault, incoming) and _strikes(armed) and found is None:
                armed.hits += 1
                found = armed.fault
        return found


def _fits(fault: Fault, incoming: Incoming) -> bool:
    match = fault.match
    if incoming.message not in ((match.message,) if match.message else default_messages(fault.action)):
        return False
    wanted = (
        (match.symbol, incoming.symbol),
        (match.sec_type, incoming.sec_type),
        (match.bar_size, incoming.bar_size),
        (match.what, incoming.what),
    )
    if any(want and want != has for want, has in wanted):
        return False
    if match.client_id is not None and match.client_id != incoming.client_id:
        return False
    return match.window is None or _overlap(match.window, incoming.window)


def _overlap(wanted: tuple[float, float], window: tuple[float, float] | None) -> bool:
    return window is not None and wanted[0] < window[1] and window[0] < wanted[1]


def _strikes(armed: _Armed) -> bool:
    match = armed.fault.match
    armed.seen += 1
    roll = armed.dice.random() if match.probability is not None else 0.0
    if match.times is not None and armed.hits >= match.times:
        return False
    if match.nth is not None and armed.seen != match.nth:
        return False
    if match.every is not None and armed.seen % match.every:
        return False
    return match.probability is None or roll < match.probability
