"""Whole columns of numbers turned into bytes at once: the reason a small machine can feed half a million bars a second.

A column is a matrix of characters, one row per bar, and a mask of those that count. Joining columns lays the matrices
side by side and drops the masked characters, which leaves the rows one behind the other. No Python runs per bar.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_GROUP = np.frombuffer(b"".join(b"%04d" % number for number in range(10_000)), np.uint8).reshape(-1, 4)
_POWERS = 10 ** np.arange(1, 19, dtype=np.int64)
_ZERO = ord("0")

#: Above this a float64 no longer holds the last digit, and the vector path would print noise.
_EXACT = 1e15


@dataclass(frozen=True, slots=True)
class Column:
    """`cells` is (rows, width), or (1, width) for the same text in every row; `keep` masks them (None: all count)."""

    cells: npt.NDArray[np.uint8]
    keep: npt.NDArray[np.bool_] | None = None

    def lengths(self) -> npt.NDArray[np.int64]:
        """Characters that count, per row."""
        if self.keep is None:
            return np.full(len(self.cells), self.cells.shape[1], np.int64)
        counted: npt.NDArray[np.int64] = self.keep.sum(axis=1, dtype=np.int64)
        return counted


def literal(text: str | bytes) -> Column:
    """The same bytes in every row."""
    data = text.encode() if isinstance(text, str) else text
    return Column(np.frombuffer(data, np.uint8).reshape(1, -1))


def join(columns: Sequence[Column], rows: int) -> bytes:
    """Rows of columns, one behind the other."""
    width = sum(column.cells.shape[1] for column in columns)
    out = np.empty((rows, width), np.uint8)
    mask = np.ones((rows, width), np.bool_)
    at = 0
    for column in columns:
        end = at + column.cells.shape[1]
        out[:, at:end] = column.cells
        if column.keep is not None:
            mask[:, at:end] = column.keep
        at = end
    return out.tobytes() if all(column.keep is None for column in columns) else out[mask].tobytes()


def spelled(texts: Sequence[str]) -> Column:
    """One ready text per row: the slow way, for what the fast one cannot write (not-a-number, absurd magnitudes)."""
    packed = np.array([text.encode() for text in texts])
    cells = packed.view(np.uint8).reshape(len(texts), -1)
    return Column(cells, cells != 0)


def digits(values: npt.NDArray[np.int64], least: int = 1) -> Column:
    """Non-negative whole numbers, zero-padded to at least `least` digits."""
    width = max(len(str(int(values.max()))), least)
    groups = -(-width // 4)
    rest = values.astype(np.uint32) if width < 10 else values
    cells = np.empty((len(values), groups * 4), np.uint8)
    for group in reversed(range(groups)):
        high = rest // 10_000
        cells[:, group * 4 : group * 4 + 4] = _GROUP[rest - high * 10_000]
        rest = high
    cells = cells[:, groups * 4 - width :]
    count = np.maximum(np.searchsorted(_POWERS, values, "right") + 1, least)
    if int(count.min()) == width:
        return Column(cells)
    return Column(cells, np.arange(width) >= (width - count)[:, None])


def fixed_point(values: npt.NDArray[np.float64], decimals: int, *, strip: bool = False) -> list[Column]:
    """Numbers with `decimals` decimals; `strip` drops trailing zeros, and the point with them."""
    scale = 10.0**decimals
    if not np.isfinite(values).all() or float(np.abs(values).max()) * scale > _EXACT:
        return [spelled([_spell(float(value), decimals, strip=strip) for value in values])]
    units = np.rint(values * scale).astype(np.int64)
    columns = []
    if int(units.min()) < 0:
        columns.append(Column(np.full((len(units), 1), ord("-"), np.uint8), (units < 0)[:, None]))
        units = np.abs(units)
    if decimals == 0:
        return [*columns, digits(units)]
    whole = units // int(scale)
    fraction = digits(units - whole * int(scale), decimals)
    point = literal(".")
    return [*columns, digits(whole), *(_stripped(fraction) if strip else (point, fraction))]


def _stripped(fraction: Column) -> tuple[Column, Column]:
    """The point and the fraction without trailing zeros."""
    significant = np.logical_or.accumulate(fraction.cells[:, ::-1] != _ZERO, axis=1)[:, ::-1]
    point = np.full((len(fraction.cells), 1), ord("."), np.uint8)
    return Column(point, significant[:, :1]), Column(fraction.cells, significant)


def _spell(value: float, decimals: int, *, strip: bool) -> str:
    if not np.isfinite(value):
        return "NaN" if np.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if abs(value) > _EXACT:
        return repr(value).replace("e+", "E")
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if strip and "." in text else text


def decimals_needed(values: npt.NDArray[np.float64], limit: int) -> int:
    """The fewest decimals, up to `limit`, that lose nothing of any value."""
    for decimals in range(limit):
        scaled = values * 10.0**decimals
        lost = np.abs(scaled - np.rint(scaled))
        # Twice the rounding error of the multiplication is not a further decimal.
        if float(np.abs(scaled).max()) > _EXACT or bool((lost < 1e-9 + 4.5e-16 * np.abs(scaled)).all()):
            return decimals
    return limit


def varints(values: npt.NDArray[np.int64]) -> Column:
    """Protobuf varints; negative numbers take their ten bytes."""
    bits = values.astype(np.uint64)
    width = max(1, -(-int(bits.max()).bit_length() // 7))
    shifts = (np.arange(width, dtype=np.uint64) * np.uint64(7))[None, :]
    groups = bits[:, None] >> shifts
    more = (groups >> np.uint64(7)) != 0
    cells = (groups & np.uint64(0x7F)).astype(np.uint8) | (more.astype(np.uint8) << 7)
    if width == 1:
        return Column(cells)
    keep = groups != 0
    keep[:, 0] = True
    return Column(cells, keep)


def doubles(values: npt.NDArray[np.float64]) -> Column:
    """IEEE doubles, little-endian."""
    return Column(np.ascontiguousarray(values, "<f8").view(np.uint8).reshape(len(values), 8))
