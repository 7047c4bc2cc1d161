"""`Columns`: the fields of a historical-data message as arrays, on their way from the wire to a bar table."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

COLUMNS = ("date", "open", "high", "low", "close", "volume", "wap", "bar_count")


class Source(Protocol):
    """The message a column came from; quotes its raw values."""

    def raw(self, row: int, column: int) -> str: ...


@dataclass(frozen=True, slots=True)
class Columns:
    """Eight float64 arrays in the order of `COLUMNS`, dates as numbers (epoch seconds or yyyymmdd).

    `microseconds` replaces the dates where they had to be read one by one; NaN in volume, wap or count is "absent" when
    `may_lack` says so.
    """

    values: tuple[NDArray[np.float64], ...]
    source: Source
    microseconds: NDArray[np.int64] | None = None
    may_lack: bool = False

    @property
    def rows(self) -> int:
        return len(self.values[0])

    def absent(self, at: int) -> NDArray[np.bool_]:
        return np.isnan(self.values[at]) if self.may_lack else np.zeros(1, np.bool_)


class Unreadable(ValueError):
    """A message that is no list of bars; `raw` is the value that could not be read."""

    def __init__(self, why: str, raw: str = "") -> None:
        super().__init__(why)
        self.raw = raw
