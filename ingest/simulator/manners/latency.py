"""How long the history service takes, in simulator seconds, and when it takes longer than it should."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Latency:
    """`base` plus `per_bar` for every bar in the answer.

    `soft_limit` is the load IB does not publish: with more than that many requests for bars of a minute and longer open
    at once, each one above it adds `overload_seconds` to an answer, and every `overload_drop_every`-th overloaded
    answer is never sent (0: all are).
    """

    base: float = 0.05
    per_bar: float = 0.000_02
    soft_limit: int | None = None
    overload_seconds: float = 5.0
    overload_drop_every: int = 0

    def seconds(self, bars: int, overload: int) -> float:
        return self.base + self.per_bar * bars + self.overload_seconds * overload

    def overload(self, open_requests: int) -> int:
        """How many requests above the soft limit are open."""
        return 0 if self.soft_limit is None else max(0, open_requests - self.soft_limit)

    def drops(self, overloaded_answers: int) -> bool:
        """Whether the n-th overloaded answer (counted from 1) is lost."""
        return self.overload_drop_every > 0 and overloaded_answers % self.overload_drop_every == 0
