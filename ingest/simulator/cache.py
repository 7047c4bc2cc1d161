"""Encoded answers kept for the next client that asks the same, least recently used out first."""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class EncodedBars:
    """The rows of an answer without the request id, and how many they are."""

    rows: bytes
    count: int
    warning: tuple[int, str] | None = None


@dataclass(slots=True)
class AnswerCache:
    """At most `limit` bytes of rows; an answer larger than that is never kept."""

    limit: int
    _kept: OrderedDict[Hashable, EncodedBars] = field(default_factory=OrderedDict)
    size: int = 0
    hits: int = 0
    misses: int = 0

    def get(self, key: Hashable) -> EncodedBars | None:
        found = self._kept.get(key)
        if found is None:
            self.misses += 1
            return None
        self.hits += 1
        self._kept.move_to_end(key)
        return found

    def put(self, key: Hashable, answer: EncodedBars) -> None:
        if len(answer.rows) > self.limit or key in self._kept:
            return
        self._kept[key] = answer
        self.size += len(answer.rows)
        while self.size > self.limit:
            _, oldest = self._kept.popitem(last=False)
            self.size -= len(oldest.rows)
