"""Bars as the body of a historical answer: text rows or protobuf fields, without the request id around them.

What is encoded here depends on nothing but the bars and the `BarStyle`, so it can be kept and sent again.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.simulator.market.types import Bars
from ingest.simulator.wire.columns import (
    Column,
    decimals_needed,
    doubles,
    fixed_point,
    join,
    literal,
    varints,
)
from ingest.simulator.wire.times import DateStyle, date_columns

_NUL = literal(b"\0")

#: Volumes may be fractional (crypto, odd lots); more digits than this never reach the wire.
_VOLUME_DECIMALS = 8


@dataclass(frozen=True, slots=True)
class BarStyle:
    """How one answer spells its bars.

    `decimals` are those of the contract's tick. `volume_divisor` is 100 where volumes are told in round lots,
    `whole_volumes` true for clients that cannot take fractions.
    """

    dates: DateStyle
    zone_name: str
    decimals: int
    protobuf: bool
    volume_divisor: int = 1
    whole_volumes: bool = False


def encode_bars(bars: Bars, style: BarStyle) -> bytes:
    """The bars' rows; empty bytes for no bars."""
    if len(bars) == 0:
        return b""
    return _protobuf(bars, style) if style.protobuf else _text(bars, style)


def volumes(bars: Bars, style: BarStyle) -> npt.NDArray[np.float64]:
    """Volumes in the answer's units; −1 (none) stays −1."""
    units = np.where(bars.volume < 0, bars.volume, bars.volume / style.volume_divisor)
    return np.trunc(units) if style.whole_volumes else units


def _volume_and_wap(bars: Bars, style: BarStyle) -> tuple[list[Column], list[Column]]:
    """Both drop trailing zeros; the average price carries one decimal more than the tick."""
    amount = volumes(bars, style)
    volume = fixed_point(amount, decimals_needed(amount, _VOLUME_DECIMALS), strip=True)
    return volume, fixed_point(bars.wap, style.decimals + 1, strip=True)


def _prices(bars: Bars) -> tuple[npt.NDArray[np.float64], ...]:
    return bars.open, bars.high, bars.low, bars.close


def _text(bars: Bars, style: BarStyle) -> bytes:
    columns = [*date_columns(bars.start, style.dates, style.zone_name), _NUL]
    for price in _prices(bars):
        columns += [*fixed_point(price, style.decimals), _NUL]
    volume, wap = _volume_and_wap(bars, style)
    count = fixed_point(bars.count.astype(np.float64), 0)
    columns += [*volume, _NUL, *wap, _NUL, *count, _NUL]
    return join(columns, len(bars))


def _rounded(price: npt.NDArray[np.float64], decimals: int) -> npt.NDArray[np.float64]:
    """The double nearest to the printed price, which is what a Gateway sends (321.8 is the 321.8 a client parses)."""
    scale = 10.0**decimals
    # Faults send prices that overflow here; they become infinite, which is bad enough.
    with np.errstate(over="ignore"):
        rounded: npt.NDArray[np.float64] = np.rint(price * scale) / scale
    return rounded


def _protobuf(bars: Bars, style: BarStyle) -> bytes:
    """Field 2 of HistoricalData, repeated: each a HistoricalDataBar."""
    date = date_columns(bars.start, style.dates, style.zone_name)
    volume, wap = _volume_and_wap(bars, style)
    columns: list[Column] = [literal(b"\x0a"), _length(date), *date]
    for tag, price in zip((0x11, 0x19, 0x21, 0x29), _prices(bars), strict=True):
        columns += [literal(bytes([tag])), doubles(_rounded(price, style.decimals))]
    columns += [literal(b"\x32"), _length(volume), *volume, literal(b"\x3a"), _length(wap), *wap]
    columns += [literal(b"\x40"), varints(bars.count.astype(np.int64))]
    size = varints(_lengths(columns, len(bars)))
    return join([literal(b"\x12"), size, *columns], len(bars))


def _lengths(columns: list[Column], rows: int) -> npt.NDArray[np.int64]:
    total = np.zeros(rows, np.int64)
    for column in columns:
        total += column.lengths()
    return total


def _length(columns: list[Column]) -> Column:
    """The length byte of a short string; dates and volumes stay far below 128 characters."""
    rows = max(len(column.cells) for column in columns)
    return Column(_lengths(columns, rows).astype(np.uint8).reshape(-1, 1))
