"""Sift one answer: bars outside the chunk are dropped, impossible ones set aside with the rule they break.

Whole answers are never thrown away for one bad bar, and a bad bar is never repaired.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.domain.bars import BarBatch
from ingest.domain.issue import Issue, QuarantinedBar
from ingest.domain.series import Series
from ingest.domain.what import WhatToShow
from ingest.domain.window import Window

Column = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

#: What can never trade at or below zero. (Futures can and did: CL, April 2020. Indices can: TICK-NYSE is below zero in
#: every other minute. A quoted bid may be 0 or −1.)
_POSITIVE_TYPES = frozenset({"STK", "ETF", "CASH", "CRYPTO"})
_POSITIVE_WHAT = frozenset({WhatToShow.TRADES, WhatToShow.ADJUSTED_LAST, WhatToShow.AGGTRADES, WhatToShow.MIDPOINT})


@dataclass(frozen=True, slots=True)
class Sifted:
    """`clean` lies in the window; `outside` counts what IB sent beyond it (it overlaps by habit)."""

    clean: BarBatch
    quarantined: tuple[QuarantinedBar, ...]
    outside: int


def sift(series: Series, batch: BarBatch, window: Window) -> Sifted:
    """Keep the bars of `window` that can be true."""
    inside = batch.within(window)
    outside = len(batch) - len(inside)
    if not len(inside):
        return Sifted(inside, (), outside)
    columns = {name: _column(inside.table, name) for name in ("open", "high", "low", "close", "volume")}
    bad: Mask = np.zeros(len(inside), dtype=np.bool_)
    set_aside: list[QuarantinedBar] = []
    for rule, breaks in _rules(series):
        found = breaks(columns) & ~bad
        bad |= found
        set_aside += [_quarantined(inside.table, int(row), rule) for row in np.flatnonzero(found)]
    if not set_aside:
        return Sifted(inside, (), outside)
    return Sifted(BarBatch(inside.table.filter(pa.array(~bad))), tuple(set_aside), outside)


def _rules(series: Series) -> list[tuple[str, Callable[[dict[str, Column]], Mask]]]:
    rules: list[tuple[str, Callable[[dict[str, Column]], Mask]]] = [
        ("price is not a number", lambda c: ~np.isfinite(c["open"] + c["high"] + c["low"] + c["close"])),
        ("high below low", lambda c: c["high"] < c["low"]),
        ("open or close outside low to high", _outside_range),
        ("negative volume", lambda c: c["volume"] < 0),
    ]
    if series.instrument.sec_type in _POSITIVE_TYPES and series.what in _POSITIVE_WHAT:
        rules.append(("price not above zero", lambda c: c["low"] <= 0))
    return rules


def _outside_range(columns: dict[str, Column]) -> Mask:
    high, low = columns["high"], columns["low"]
    slack = 1e-9 * np.abs(high)  # decimal prices that met as doubles
    found: Mask = np.zeros(len(high), dtype=np.bool_)
    for name in ("open", "close"):
        found |= (columns[name] > high + slack) | (columns[name] < low - slack)
    return found


def _column(table: pa.Table, name: str) -> Column:
    values: Column = table[name].to_numpy()
    return values


def _quarantined(table: pa.Table, row: int, rule: str) -> QuarantinedBar:
    bar = table.slice(row, 1).to_pylist()[0]
    ts: datetime = bar.pop("ts").astimezone(UTC)
    evidence = ", ".join(f"{name} {bar[name]}" for name in ("open", "high", "low", "close", "volume"))
    return QuarantinedBar(ts=ts, issue=Issue(rule, evidence), **bar)
