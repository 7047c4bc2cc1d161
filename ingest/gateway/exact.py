"""The exact, row-by-row way to read bars: zone names, unset volumes, and the first value that cannot be read.

Slow (some µs a bar) and only taken when the fast path meets something unusual, which with formatDate=2 means trouble.
"""

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from ingest.gateway.columns import COLUMNS, Columns, Source, Unreadable
from ingest.gateway.times import EARLIEST, parse_day, parse_moment

_PLAIN = re.compile(r"[0-9a-zA-Z.+-]+")  # float() would take blanks and underscores as well
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNSET = ("", "2147483647", "9223372036854775807", "-9223372036854775808", "1.7976931348623157E308")
"""What ibapi reads as "no decimal"."""

Row = Sequence[str]


def read_rows(rows: Sequence[Row], source: Source, *, daily: bool) -> Columns:
    """Rows of eight texts as Columns. Raises Unreadable at the first value, in reading order, that cannot be read."""
    moments = np.empty(len(rows), np.int64)
    values = np.zeros((len(COLUMNS), len(rows)))
    for number, row in enumerate(rows):
        moments[number] = _moment(row[0], number, daily)
        for at in range(1, len(COLUMNS)):
            values[at, number] = _number(row[at], number, at)
    return Columns(tuple(values), source, microseconds=moments, may_lack=True)


def _moment(text: str, number: int, daily: bool) -> int:
    try:
        if daily:
            day = parse_day(text)
            moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
        else:
            moment = parse_moment(text, dates=False)
    except ValueError as error:
        raise _unreadable(number, 0, text, f"cannot be read ({error})") from error
    if not daily and moment < EARLIEST:
        raise _unreadable(number, 0, text, "is not a bar's time")
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _number(text: str, number: int, at: int) -> float:
    if at >= 5 and text in _UNSET:
        return math.nan
    try:
        value = float(text) if _PLAIN.fullmatch(text) else math.nan
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise _unreadable(number, at, text, "is not a number")
    return value


def _unreadable(number: int, at: int, text: str, why: str) -> Unreadable:
    return Unreadable(f"bar {number + 1}: {COLUMNS[at]} {text!r} {why}", text)
