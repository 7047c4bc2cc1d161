"""What can be wrong with the bars of an answer that otherwise looks fine."""

from dataclasses import fields

import numpy as np
import numpy.typing as npt

from ingest.simulator.faults.script import Fault
from ingest.simulator.market.types import Bars

_PRICES = {"nan": float("nan"), "inf": float("inf"), "huge": 1.7976931348623157e308, "zero": 0.0, "negative": -1.0}
_LOT = 100.0
_DAY = 86_400

#: Every so many bars of a thin market are fillers.
_FILLER_EVERY = 3


def spoil(fault: Fault, bars: Bars) -> Bars:
    """The bars as the fault leaves them."""
    if len(bars) == 0:
        return bars
    rows = np.arange(len(bars))
    match fault.action:
        case "empty":
            return taken(bars, rows[:0])
        case "truncated":
            return taken(bars, _truncated(rows, fault))
        case "disorder":
            # The two halves change places: ascending almost everywhere, and wrong.
            return taken(bars, np.roll(rows, len(rows) // 2))
        case "duplicates":
            middle = len(rows) // 2
            return taken(bars, np.concatenate((rows[:middle], rows[middle : middle + fault.count], rows[middle:])))
        case "outside":
            return _outside(bars, rows, fault.count)
        case "garbage_price":
            high = bars.high.copy()
            high[len(rows) // 2] = _PRICES[fault.value]
            return changed(bars, high=high)
        case "lots":
            return changed(bars, volume=np.where(bars.volume > 0, bars.volume / _LOT, bars.volume))
        case "filler":
            return _filled(bars, rows)
        case _:
            return bars


def taken(bars: Bars, rows: npt.NDArray[np.int64]) -> Bars:
    """The rows named, in that order."""
    return Bars(**{one.name: getattr(bars, one.name)[rows] for one in fields(Bars)})


def changed(bars: Bars, **columns: npt.NDArray[np.float64] | npt.NDArray[np.int64] | npt.NDArray[np.int32]) -> Bars:
    return Bars(**{one.name: columns.get(one.name, getattr(bars, one.name)) for one in fields(Bars)})


def _truncated(rows: npt.NDArray[np.int64], fault: Fault) -> npt.NDArray[np.int64]:
    keep = int(len(rows) * fault.fraction)
    return rows[:keep] if fault.side == "end" else rows[len(rows) - keep :]


def _outside(bars: Bars, rows: npt.NDArray[np.int64], count: int) -> Bars:
    """Bars from days before and after what was asked for, on both sides of the real ones."""
    spread = taken(bars, np.concatenate((rows[:count], rows, rows[-count:])))
    start = spread.start.copy()
    start[:count] -= 10 * _DAY
    start[len(start) - count :] += 10 * _DAY
    return changed(spread, start=start)


def _filled(bars: Bars, rows: npt.NDArray[np.int64]) -> Bars:
    """Every third bar without a trade: open, high, low and close of the bar before, no volume, no count."""
    filler = (rows % _FILLER_EVERY == 1) & (rows > 0)
    before = np.roll(bars.close, 1)
    prices = {name: np.where(filler, before, getattr(bars, name)) for name in ("open", "high", "low", "close", "wap")}
    count = np.where(filler, 0, bars.count).astype(np.int32)
    return changed(bars, **prices, volume=np.where(filler, 0.0, bars.volume), count=count)
