"""Trading sessions: exchange_calendars' holidays and half days, with the hours in which IB serves bars.

`calendar_of(instrument, use_rth)` answers for every instrument. Where the exchange is not known here, every day of the
instrument's time zone is a possible session (`is_known` False), and emptiness is believed only on a second look.

The hours differ from the exchanges' own in these places, each IB's documented or observed behaviour:
US stocks out of regular hours trade 04:00–20:00 New York, to 17:00 on half days; CME futures 17:00 Chicago the day
before to 16:00 (exchange_calendars says 17:00, IB pauses an hour), on half days as well, which differ by product; forex
17:15 New York the day before to 17:00, Monday to Friday; crypto trades in UTC days. Stocks elsewhere have half an hour
after the close for auctions. Whatever else there is (all hours elsewhere, derivatives outside CME) has its exchange's
days and nights as a whole: time in which nothing trades costs a second look, time that is not asked for is lost.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ingest.domain.calendar import SessionCalendar
from ingest.domain.instrument import Instrument
from ingest.domain.request import Session
from ingest.domain.window import Window, Windows, between

if TYPE_CHECKING:
    import pandas as pd

_FIRST, _LAST = date(1970, 1, 1), date(2035, 12, 31)
_NEW_YORK, _CHICAGO = ZoneInfo("America/New_York"), ZoneInfo("America/Chicago")
_DAY, _FRIDAY = timedelta(days=1), 4
#: Auctions and trading at the closing price: London to 16:40, Xetra to 17:45, Hong Kong to 16:10; VIX too.
_AUCTIONS = timedelta(minutes=30)
#: Where a whole day begins, from midnight: in a pause of the exchange, so that what IB counts as a session is one.
_TURNS = {market: timedelta(hours=h) for market, h in (("XNYS", -6), ("IEPA", -6), ("XCBF", -7))} | dict.fromkeys(
    ("XSES", "XKRX", "XTKS", "XHKG", "XTAI"), timedelta(hours=6)
)
#: US stocks from 20:00 to 03:50 New York.
_AT_NIGHT = ("OVERNIGHT", "IBEOS")

#: IB's exchange names → ISO market codes of exchange_calendars.
_MARKETS: dict[str, str] = (
    dict.fromkeys(("NYSE", "NASDAQ", "ISLAND", "ARCA", "AMEX", "BATS", "IEX", "PINK", "NASDAQ.NMS", "CBOE"), "XNYS")
    | dict.fromkeys(("CME", "CBOT", "COMEX", "NYMEX", "GLOBEX", "ECBOT", "CMECRYPTO"), "CMES")
    | {"LSE": "XLON", "LSEETF": "XLON", "IBIS": "XETR", "IBIS2": "XETR", "FWB": "XFRA", "FWB2": "XFRA", "SBF": "XPAR"}
    | {"AEB": "XAMS", "BM": "XMAD", "BVME": "XMIL", "BVME.ETF": "XMIL", "EBS": "XSWX", "ENEXT.BE": "XBRU"}
    | {"SFB": "XSTO", "CPH": "XCSE", "HEX": "XHEL", "OSE": "XOSL", "VSE": "XWBO", "WSE": "XWAR", "BVL": "XLIS"}
    | {"TSE": "XTSE", "VENTURE": "XTSE", "TSEJ": "XTKS", "SEHK": "XHKG", "ASX": "XASX", "SGX": "XSES", "KSE": "XKRX"}
    | {"TWSE": "XTAI", "JSE": "XJSE", "MEXI": "XMEX", "EUREX": "XEUR", "CFE": "XCBF", "IPE": "IEPA", "NZX": "XNZE"}
)


def calendar_of(instrument: Instrument, *, use_rth: bool) -> SessionCalendar:
    """The calendar in which IB serves bars of this instrument; mere days where its exchange is not known here."""
    match instrument.sec_type:
        case "CRYPTO":
            return _calendar("24/7", "regular")
        case "CASH":
            return _calendar("forex", "regular")
        case _:
            market = _market(instrument)
    if market is None:
        return _days(instrument.time_zone_id or "UTC")
    if market == "CMES":
        return _calendar(market, "cme regular" if use_rth else "cme all")
    return _calendar(market, _kind(instrument, market, use_rth=use_rth))


def _kind(instrument: Instrument, market: str, *, use_rth: bool) -> str:
    """Which hours are asked for: whole days where they are not known for sure. Too narrow loses bars for ever."""
    is_stock, is_us = instrument.sec_type == "STK", market == "XNYS"
    if instrument.exchange in _AT_NIGHT or not (is_stock or is_us):
        return "whole days"
    if not use_rth:
        return "us all" if is_us and is_stock else "whole days"
    return "regular" if is_us and is_stock else "regular and auctions"


def _market(instrument: Instrument) -> str | None:
    for exchange in (instrument.primary_exchange, instrument.exchange):
        if exchange in _MARKETS:
            return _MARKETS[exchange]
    is_us = instrument.exchange == "SMART" and instrument.currency == "USD" and instrument.sec_type in ("STK", "OPT")
    return "XNYS" if is_us else None


@lru_cache(maxsize=64)
def _days(zone_id: str) -> SessionCalendar:
    try:
        zone = ZoneInfo(zone_id)
    except (ZoneInfoNotFoundError, ValueError):
        zone = ZoneInfo("UTC")
    days = [_FIRST + n * _DAY for n in range((_LAST - _FIRST).days)]
    midnight = time(0, 0)
    sessions = tuple(Session(day, Window(_at(day, midnight, zone), _at(day + _DAY, midnight, zone))) for day in days)
    return SessionCalendar.of(f"days in {zone_id}", sessions, is_known=False)


@lru_cache(maxsize=64)
def _calendar(market: str, hours: str) -> SessionCalendar:
    if market == "forex":
        return SessionCalendar.of("forex", tuple(_forex()))
    return SessionCalendar.of(f"{market} {hours}", tuple(_sessions(market, hours)))


def _sessions(market: str, hours: str) -> list[Session]:
    found = []
    if hours == "whole days":
        return _whole_days(market)
    for day, opens, closes, breaks in _schedule(market):
        window = _hours(hours, day, opens, closes)
        after = between(closes, window.end)
        found.append(Session(day, window, (*breaks, after) if after and hours != "us all" else breaks))
    return found


def _whole_days(market: str) -> list[Session]:
    """A day and a night for each session, and the holidays beside it: many derivatives trade in part of them."""
    zone = _zone_of(market)
    turn, rows = _TURNS.get(market, timedelta()), _schedule(market)
    days = {day for day, *_ in rows}
    found = []
    for day, _, _, breaks in rows:
        first = last = day
        while _is_holiday(first - _DAY, days) and first - _DAY > rows[0][0]:
            first -= _DAY
        while _is_holiday(last + _DAY, days) and last + _DAY < rows[-1][0]:
            last += _DAY
        last = last if last.weekday() == _FRIDAY and last + _DAY not in days else day  # others are the next session's
        start, end = (datetime.combine(each, time(0, 0)) + turn for each in (first, last + _DAY))
        found.append(Session(day, Window(_in(start, zone), _in(end, zone)), breaks))
    return found


def _is_holiday(day: date, sessions: set[date]) -> bool:
    return day.weekday() <= _FRIDAY and day not in sessions


def _hours(hours: str, day: date, opens: datetime, closes: datetime) -> Window:
    match hours:
        case "us all":
            half = closes.astimezone(_NEW_YORK).time() < time(16, 0)
            return Window(_at(day, time(4, 0), _NEW_YORK), _at(day, time(17 if half else 20, 0), _NEW_YORK))
        case "cme all":
            return Window(_at(day - _DAY, time(17, 0), _CHICAGO), _at(day, time(16, 0), _CHICAGO))
        case "cme regular":
            return Window(_at(day, time(8, 30), _CHICAGO), _at(day, time(16, 0), _CHICAGO))
        case "regular and auctions":
            return Window(opens, closes + _AUCTIONS)
        case _:
            return Window(opens, closes)


def _zone_of(market: str) -> ZoneInfo:
    from exchange_calendars import get_calendar

    return ZoneInfo(str(get_calendar(market).tz))


@lru_cache(maxsize=64)
def _schedule(market: str) -> list[tuple[date, datetime, datetime, Windows]]:
    """Sessions and lunch breaks as exchange_calendars has them, for as many of our years as it covers."""
    from exchange_calendars import get_calendar

    try:
        table: pd.DataFrame = get_calendar(market, start=_FIRST.isoformat(), end=_LAST.isoformat()).schedule
    except ValueError:  # the calendar's bounds are narrower, and only an instance tells them
        listed: Any = get_calendar(market)
        first, last = listed.bound_min(), listed.bound_max()
        start = max(_FIRST, first.date()) if first is not None else _FIRST
        end = min(_LAST, last.date()) if last is not None else _LAST
        table = get_calendar(market, start=start.isoformat(), end=end.isoformat()).schedule
    pauses = [_pause(start, end) for start, end in zip(table["break_start"], table["break_end"], strict=True)]
    rows = zip(table.index, table["open"], table["close"], pauses, strict=True)
    return [(day.date(), opens.to_pydatetime(), closes.to_pydatetime(), breaks) for day, opens, closes, breaks in rows]


def _pause(start: "pd.Timestamp", end: "pd.Timestamp") -> Windows:
    """The lunch break; a day without one has `NaT` there, before which nothing comes."""
    return (Window(start.to_pydatetime(), end.to_pydatetime()),) if start < end else ()


def _forex() -> list[Session]:
    days = ((_FIRST + n * _DAY) for n in range((_LAST - _FIRST).days))
    return [
        Session(day, Window(_at(day - _DAY, time(17, 15), _NEW_YORK), _at(day, time(17, 0), _NEW_YORK)))
        for day in days
        if day.weekday() < 5
    ]


def _at(day: date, clock: time, zone: ZoneInfo) -> datetime:
    return _in(datetime.combine(day, clock), zone)


def _in(clock: datetime, zone: ZoneInfo) -> datetime:
    return clock.replace(tzinfo=zone).astimezone(UTC)
