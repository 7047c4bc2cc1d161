"""What a person asks for ("from 2024-01-02 to 2024-02-01") → a window on the series' axis.

A plain date means the trading session of that date: the window begins where that session opens (the evening before, for
futures) and ends where the session of the end date opens, so the end date is not part of it. A date with a time is an
instant.
"""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ingest.domain.calendar import SessionCalendar
from ingest.domain.series import Series
from ingest.domain.window import Window

Edge = date | datetime


def parse_edge(text: str, zone: str) -> Edge:
    """Read `2024-01-02`, `20240102` or `2024-01-02T09:30[+01:00]`. An instant without offset is in `zone`.

    Raises ValueError in one line.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"{text!r} is not a date; write 2024-01-31, or 2024-01-31T15:30") from None
    if "T" not in text.strip() and ":" not in text:
        return moment.date()
    return moment if moment.tzinfo else moment.replace(tzinfo=zone_named(zone))


def zone_named(name: str) -> ZoneInfo:
    """The zone, by its tz-database name. Raises ValueError in one line."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"unknown time zone {name!r}; write for example America/New_York or UTC") from None


def window_of(series: Series, calendar: SessionCalendar, start: Edge, end: Edge) -> Window:
    """The wish as a window. Raises ValueError when the end is not after the start."""
    first, last = _instant(series, calendar, start), _instant(series, calendar, end)
    if first >= last:
        if comparable(end) <= comparable(start):
            raise ValueError(f"the end {end} is not after the start {start} (the end itself is not included)")
        raise ValueError(f"between {start} and {end} there is no session in the calendar {calendar.name}")
    return Window(first, last)


def _instant(series: Series, calendar: SessionCalendar, edge: Edge) -> datetime:
    if isinstance(edge, datetime):
        moment = edge.astimezone(UTC)
        return series.bar_size.floor(moment) if series.bar_size.is_daily else moment
    if series.bar_size.is_daily:
        return datetime(edge.year, edge.month, edge.day, tzinfo=UTC)
    session = calendar.on_or_after(edge)
    return session.hours.start if session else datetime(edge.year, edge.month, edge.day, tzinfo=UTC)


def comparable(edge: Edge) -> datetime:
    """An instant to order edges by: a date counts as its midnight in UTC."""
    if isinstance(edge, datetime):
        return edge.astimezone(UTC)
    return datetime(edge.year, edge.month, edge.day, tzinfo=UTC)


def since_days(now: datetime, days: int) -> date:
    """The start that `--days N` means."""
    return (now - timedelta(days=days)).date()
