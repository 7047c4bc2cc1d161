"""The values a simulated market speaks in, and the `Market` interface that the server asks.

All instants are whole epoch seconds in UTC (`int`); arrays are numpy, parallel, sorted ascending and unique in `start`.
Nothing here knows the wire.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

Unit = Literal["seconds", "day", "week", "month"]


@dataclass(frozen=True, slots=True)
class BarSize:
    """One of IB's bar sizes. `text` is IB's own string; `seconds` is 0 unless `unit == "seconds"`."""

    text: str
    unit: Unit
    seconds: int = 0


#: IB's legal bar sizes, smallest first (the list is IB's own, from its 321 refusal text).
BAR_SIZES: tuple[BarSize, ...] = (
    *(BarSize(f"{n} secs", "seconds", n) for n in (1, 5, 10, 15, 30)),
    BarSize("1 min", "seconds", 60),
    *(BarSize(f"{n} mins", "seconds", n * 60) for n in (2, 3, 5, 10, 15, 20, 30)),
    BarSize("1 hour", "seconds", 3600),
    *(BarSize(f"{n} hours", "seconds", n * 3600) for n in (2, 3, 4, 8)),
    BarSize("1 day", "day"),
    BarSize("1W", "week"),
    BarSize("1M", "month"),
)


@dataclass(frozen=True, slots=True)
class Contract:
    """A listed contract with the facts of IB's contract details. Empty string / 0.0 where IB leaves a field unset."""

    con_id: int
    symbol: str
    sec_type: str  # STK FUT CONTFUT CASH IND CRYPTO OPT
    exchange: str
    currency: str
    primary_exchange: str = ""
    local_symbol: str = ""
    trading_class: str = ""
    multiplier: str = ""
    expiry: str = ""  # YYYYMMDD of the last trade date
    contract_month: str = ""  # YYYYMM
    strike: float = 0.0
    right: str = ""  # C or P
    long_name: str = ""
    market_name: str = ""
    min_tick: float = 0.01
    time_zone_id: str = "US/Eastern"  # as IB sends it
    valid_exchanges: str = "SMART"
    stock_type: str = ""  # COMMON, ETF, ...
    industry: str = ""
    category: str = ""
    subcategory: str = ""
    under_con_id: int = 0
    under_symbol: str = ""
    under_sec_type: str = ""
    sec_ids: tuple[tuple[str, str], ...] = field(default=())  # (("ISIN", "US..."),)


@dataclass(frozen=True, slots=True)
class Session:
    """One trading session; `day` is its date (a session over midnight carries the date on which it closes)."""

    day: date
    open: int
    close: int


@dataclass(frozen=True, slots=True)
class Bars:
    """Parallel columns. `start` is the bar's start; for bars of a day and longer, 00:00Z of the date IB puts on it.

    `volume`, `wap` are −1.0 and `count` −1 where IB has none (everything but trades).
    """

    start: npt.NDArray[np.int64]
    open: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    low: npt.NDArray[np.float64]
    close: npt.NDArray[np.float64]
    volume: npt.NDArray[np.float64]
    wap: npt.NDArray[np.float64]
    count: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.start)


class Market(Protocol):
    """Everything the server asks of a market. Pure: the same question gives the same answer, in any order."""

    def contracts(self) -> Sequence[Contract]:
        """Every contract that can be looked up."""
        ...

    def has_series(self, contract: Contract, what: str) -> bool:
        """Whether IB has any history of `what` (its whatToShow string) for the contract (forex has no TRADES, ...)."""
        ...

    def head(self, contract: Contract, what: str) -> int | None:
        """Instant of the first bar there is, None where there is none."""
        ...

    def sessions(self, contract: Contract, first: date, last: date, *, use_rth: bool) -> Sequence[Session]:
        """Sessions with `first <= day <= last`, ascending."""
        ...

    def bars(self, contract: Contract, what: str, size: BarSize, start: int, end: int, *, use_rth: bool) -> Bars:
        """Bars overlapping `[start, end)`. The bar that contains `end` is cut at that instant: it holds only what had
        happened before `end` (IB's observed behaviour). Intraday bars start on the clock grid, or at the session's open
        for the first bar of a session (a 1-hour bar of US stocks in regular hours starts 09:30, then 10:00). Bars of a
        day and longer hold the sessions that opened before `end` and whose date lies in the range."""
        ...
