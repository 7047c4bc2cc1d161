"""`OpenRequests`: how many requests for large bars to keep open, learned from how IB answers. Pure.

IB publishes no number; it slows down and in the end hangs up. So: one more after as many clean answers as are allowed
(while all are in use), a quarter less when an answer is slow for its kind or overdue, half when one times out or IB
throttles. All that was on its way when it was cut counts as one event. Near the number that was too many once, it
is tried again only after a patience that doubles with every failure: a trial costs as much as all of them are slowed.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Literal

Ending = Literal["clean", "timed_out", "throttled", "lost"]

START = 4
_SLOW_TIMES, _SLOW_SECONDS = 3.0, 2.0  # an answer is slow when it takes this many times the usual, and so much more
_SMOOTHING = 0.05
_LEAST_PATIENCE, _MOST_PATIENCE = 16, 512  # rounds of clean answers


@dataclass(slots=True)
class _Open:
    since: float
    shape: Hashable
    full: bool  # it took the last slot there was
    counted: bool = False


@dataclass(slots=True)
class OpenRequests:
    """`allowed` requests may be open; `too_many` is the least that was seen to be slow (None: none was)."""

    ceiling: int
    allowed: int = START
    too_many: int | None = None
    _usual: dict[Hashable, float] = field(default_factory=dict)
    _open: dict[int, _Open] = field(default_factory=dict)
    _numbers: int = 0
    _clean: int = 0
    _cut_at: float = float("-inf")
    _patience: int = _LEAST_PATIENCE

    def __post_init__(self) -> None:
        if self.ceiling < 1:
            raise ValueError(f"at least one request must be allowed, not {self.ceiling}")
        self.allowed = max(1, min(self.allowed, self.ceiling))

    def recall(self, allowed: int, too_many: int | None) -> None:
        """Go on from what was learned before."""
        self.allowed = max(1, min(allowed, self.ceiling))
        self.too_many = too_many

    def began(self, now: float, shape: Hashable) -> int:
        """A request leaves; answers of one shape take about the same time. Gives a number for `ended`."""
        self._numbers += 1
        self._open[self._numbers] = _Open(now, shape, len(self._open) + 1 >= self.allowed)
        return self._numbers

    def ended(self, number: int, now: float, how: Ending) -> None:
        """The request has ended. "lost" (the session went, or we cancelled) says nothing about the load."""
        one = self._open.pop(number)
        seconds = now - one.since
        if how in ("timed_out", "throttled"):
            self._cut(now, one, self.allowed // 2)
        elif how == "clean" and self._is_slow(seconds, one.shape):
            self._cut(now, one, self.allowed * 3 // 4)
            self._bear(seconds, one)
        elif how == "clean":
            self._learn_usual(seconds, one.shape)
            self._grow(one)

    def look(self, now: float) -> None:
        """Notice what is overdue already: waiting for its end would send more behind it."""
        for one in self._open.values():
            if not one.counted and self._is_slow(now - one.since, one.shape):
                self._cut(now, one, self.allowed * 3 // 4)

    def _slow_after(self, shape: Hashable) -> float:
        usual = self._usual[shape]
        return max(_SLOW_TIMES * usual, usual + _SLOW_SECONDS)

    def _is_slow(self, seconds: float, shape: Hashable) -> bool:
        return shape in self._usual and seconds > self._slow_after(shape)

    def _cut(self, now: float, one: _Open, to: int) -> None:
        """Once for all that left before the last cut."""
        one.counted = True
        if one.since <= self._cut_at:
            return
        again = self.too_many is not None and self.allowed >= self.too_many
        self._patience = min(_MOST_PATIENCE, 2 * self._patience) if again else _LEAST_PATIENCE
        self.too_many = max(2, self.allowed if self.too_many is None else min(self.too_many, self.allowed))
        self.allowed = max(1, to)
        self._clean = 0
        self._cut_at = now

    def _grow(self, one: _Open) -> None:
        if not one.full or one.since <= self._cut_at:
            return
        self._clean += 1
        near = self.too_many is not None and self.allowed + 1 >= self.too_many
        if self.allowed >= self.ceiling or self._clean < self.allowed * (self._patience if near else 1):
            return
        self.allowed += 1
        self._clean = 0
        if self.too_many is not None and self.allowed > self.too_many:
            self.too_many, self._patience = None, _LEAST_PATIENCE

    def _learn_usual(self, seconds: float, shape: Hashable) -> None:
        usual = self._usual.get(shape, seconds)
        self._usual[shape] = seconds if seconds < usual else usual + _SMOOTHING * (seconds - usual)

    def _bear(self, seconds: float, one: _Open) -> None:
        """What is slow with a single request open is not our doing: it becomes the usual."""
        if self.allowed == 1 and not self._open:
            self._learn_usual(seconds, one.shape)
