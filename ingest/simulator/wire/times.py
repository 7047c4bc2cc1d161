"""Instants as the Gateway spells them, one at a time and by the column.

Three spellings are in use: `yyyymmdd hh:mm:ss Zone` (two blanks and no zone before version 174), `yyyymmdd-hh:mm:ss`
for UTC and for schedules, and epoch seconds. Zone names are the Gateway's, which are links in the tz database.
"""

from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from ingest.simulator.wire.columns import Column, digits, literal
from ingest.simulator.wire.versions import INSTRUMENT_TIME_ZONE

DAY = 86_400

#: How bar dates are written: session date, epoch seconds, full with zone, full without (old), without year (format 3).
DateStyle = Literal["day", "epoch", "full", "legacy", "yearless"]

_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


@lru_cache
def zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def date_style(version: int, format_date: int, *, intraday: bool) -> DateStyle:
    """Bars of a day and longer carry their session date whatever the client asked for."""
    if not intraday:
        return "day"
    if format_date == 2:
        return "epoch"
    if version < INSTRUMENT_TIME_ZONE:
        return "legacy"
    return "yearless" if format_date == 3 else "full"


def stamp(version: int, instant: float, zone_name: str) -> str:
    """An instant as in historicalDataEnd: `20260709 18:44:40 US/Eastern`, or the older form without the zone."""
    local = datetime.fromtimestamp(int(instant), zone(zone_name))
    if version < INSTRUMENT_TIME_ZONE:
        return f"{local:%Y%m%d  %H:%M:%S}"
    return f"{local:%Y%m%d %H:%M:%S} {zone_name}"


def dashed(instant: float, zone_name: str = "UTC") -> str:
    """`19801212-14:30:00`, as in head timestamps (UTC) and schedules (the zone given beside it)."""
    return f"{datetime.fromtimestamp(int(instant), zone(zone_name)):%Y%m%d-%H:%M:%S}"


def iso(instant: float) -> str:
    """ISO 8601 in UTC for the log."""
    return datetime.fromtimestamp(instant, UTC).isoformat().replace("+00:00", "Z")


@lru_cache(maxsize=100_000)
def _day_offsets(zone_name: str, day: int) -> tuple[int, int, int]:
    """UTC offset at the start of a UTC day and after its change, and the instant of that change (day's end if none)."""
    first, last = day * DAY, (day + 1) * DAY
    before, after = _offset(zone_name, first), _offset(zone_name, last - 1)
    if before == after:
        return before, after, last
    low, high = first, last - 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(zone_name, middle) == before else (low, middle)
    return before, after, high


def _offset(zone_name: str, instant: int) -> int:
    offset = datetime.fromtimestamp(instant, zone(zone_name)).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())


def local_seconds(starts: npt.NDArray[np.int64], zone_name: str) -> npt.NDArray[np.int64]:
    """Epoch seconds shifted so that plain arithmetic on them yields local wall time."""
    days = starts // DAY
    first = int(days.min())
    table = np.array([_day_offsets(zone_name, day) for day in range(first, int(days.max()) + 1)], np.int64)
    before, after, change = table[days - first].T
    shifted: npt.NDArray[np.int64] = starts + np.where(starts < change, before, after)
    return shifted


@lru_cache
def _clock_table() -> npt.NDArray[np.uint8]:
    """`hh:mm:ss` of every second of a day."""
    text = "".join(f"{s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}" for s in range(DAY))
    return np.frombuffer(text.encode(), np.uint8).reshape(DAY, 8)


def _day_cells(days: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """`yyyymmdd` of each day counted from 1970-01-01."""
    first, last = int(days.min()), int(days.max())
    spelled = (date.fromordinal(_EPOCH_ORDINAL + day).strftime("%Y%m%d") for day in range(first, last + 1))
    table = np.frombuffer("".join(spelled).encode(), np.uint8).reshape(-1, 8)
    cells: npt.NDArray[np.uint8] = table[days - first]
    return cells


def date_columns(starts: npt.NDArray[np.int64], style: DateStyle, zone_name: str) -> list[Column]:
    """The pieces of the bars' date strings, in order."""
    if style == "epoch":
        return [digits(starts)]
    if style == "day":
        return [Column(_day_cells(starts // DAY))]
    local = local_seconds(starts, zone_name)
    days, clock = _day_cells(local // DAY), Column(_clock_table()[local % DAY])
    if style == "legacy":
        return [Column(days), literal("  "), clock]
    return [Column(days[:, 4:] if style == "yearless" else days), literal(" "), clock, literal(f" {zone_name}")]
