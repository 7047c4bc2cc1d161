"""Whether bars that came back different stand on another price basis: a split, rather than a correction. Pure.

A correction (a settlement, a late print) moves a price a little, or one of many. A split moves every price of every bar
by one factor.
"""

import math

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.domain.bars import BarBatch

#: Splits are of 21 for 20 and more; no settlement moves all prices by so much.
_LEAST_CHANGE = 0.02
#: How well all prices agree on the factor: by a tenth of what it changes (its logarithm), at least half a per cent, and
#: by what is lost in rounding to a cent before or after.
_SHARE, _AGREEMENT, _ROUNDING = 0.1, 0.005, 0.0051
#: One bar may be wrong as a whole.
_FEWEST_BARS = 2
_PRICES = ("open", "high", "low", "close")

Prices = npt.NDArray[np.float64]


def new_basis(stored: BarBatch, again: BarBatch) -> float | None:
    """The one factor by which all prices of the bars in both have changed; None where there is none."""
    before, after = _common(stored, again)
    if len(before) < _FEWEST_BARS or not (before > 0).all() or not (after > 0).all():
        return None
    factors = after / before
    middle = float(np.median(factors))
    agreement = max(_AGREEMENT, _SHARE * abs(math.log(middle)))
    slack = np.maximum(agreement * after, _ROUNDING * max(1.0, middle))
    agrees = bool((np.abs(after - middle * before) <= slack).all())
    return middle if agrees and abs(middle - 1) >= _LEAST_CHANGE else None


def _common(stored: BarBatch, again: BarBatch) -> tuple[Prices, Prices]:
    """Prices of the bars that both have, a row for each bar."""
    ours, theirs = (batch.table["ts"].cast(pa.int64()).to_numpy() for batch in (stored, again))
    _, mine, other = np.intersect1d(ours, theirs, assume_unique=True, return_indices=True)
    return _prices(stored, mine), _prices(again, other)


def _prices(batch: BarBatch, rows: npt.NDArray[np.int64]) -> Prices:
    found: Prices = np.column_stack([batch.table[name].to_numpy()[rows] for name in _PRICES])
    return found
