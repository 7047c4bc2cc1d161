"""Where a series' intraday bars begin and end: on the clock of its market, never before their session's open.

IB counts whole hours by the market's clock: at Mumbai (UTC+5:30) the hour bars of a day begin at 03:45 (the open, and
short), 04:30, 05:30 UTC. Up to an hour the grid is that of UTC wherever the zone is whole hours away. Where bars of
several hours begin is nowhere told, so of those only their full length is believed (`bar_end`).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ingest.domain.request import Session
from ingest.domain.series import Series

_HOUR = timedelta(hours=1)


def floor(series: Series, moment: datetime) -> datetime:
    """The last point of the series' grid that is not after `moment`."""
    shift = _shift(series, moment)
    return series.bar_size.floor(moment + shift) - shift


def ceil(series: Series, moment: datetime) -> datetime:
    """The first point of the series' grid that is not before `moment`."""
    shift = _shift(series, moment)
    try:
        return series.bar_size.ceil(moment + shift) - shift
    except OverflowError:
        return moment


def bar_end(series: Series, start: datetime, sessions: Sequence[Session]) -> datetime:
    """The earliest instant at which an intraday bar is surely over; `sessions` are those known around it.

    Its session's close, if that comes before its length is over. The bar that begins with its session is short.
    """
    size = series.bar_size
    end = start + size.length
    for session in sessions:
        if start in session.hours:
            if start == session.hours.start and size.length <= _HOUR:
                end = min(end, ceil(series, start + timedelta(microseconds=1)))
            return min(end, session.hours.end)
    return end


def _shift(series: Series, moment: datetime) -> timedelta:
    """How far the market's clock is from whole hours of UTC; nothing for bars of a day and longer."""
    if series.bar_size.is_daily:
        return timedelta()
    try:
        offset = moment.astimezone(_zone(series.instrument.time_zone_id or "UTC")).utcoffset()
    except OverflowError:
        return timedelta()
    return (offset or timedelta()) % _HOUR


@lru_cache(maxsize=64)
def _zone(zone_id: str) -> ZoneInfo:
    try:
        return ZoneInfo(zone_id)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
