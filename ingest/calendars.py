"""Trading sessions: exchange_calendars' holidays and half days, with the hours in which IB serves bars.

`calendar_of(instrument, use_rth)` answers for every instrument. Where the exchange is not known here, every day of the
instrument's time zone is a possible session (`is_known` False), and emptiness is believed only on a second look.

The hours differ from the exchanges' own in these places, each IB's documented or observed behaviour:
US stocks out of regular hours trade 04:00–20:00 New York, to 17:00 on half days; CME futures 17:00 Chicago the day
before to 16:00 (exchange_calendars says 17:00, IB pauses an hour); forex 17:15 New York the day before to 17:00, Monday
to Friday; options, forex and indices are served in regular hours whatever useRTH says; crypto trades in UTC days.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ingest.domain.calendar import SessionCalendar
from ingest.domain.instrument import Instrument
from ingest.domain.request import Session
from ingest.domain.window import Window, Windows

if TYPE_CHECKING:
    import pandas as pd

_FIRST, _LAST = date(1970, 1, 1), date(2035, 12, 31)
_NEW_YORK, _CHICAGO = ZoneInfo("America/New_York"), ZoneInfo("America/Chicago")
_DAY = timedelta(days=1)

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
    everything = not use_rth and instrument.sec_type == "STK" and market == "XNYS"
    return _calendar(market, "us all" if everything else "regular")


def _market(instrument: Instrument) -> str | None:
    for exchange in (instrument.primary_exchange, instrument.exchange):
        if exchange in _MARKETS:
            return _MARKETS[exchange]
    return "XNYS" if instrument.exchange == "SMART" and instrument.currency == "USD" else None


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
    for day, opens, closes, breaks in _schedule(market):
        window = _hours(hours, day, opens, closes)
        if window is not None:
            found.append(Session(day, window, breaks))
    return found


def _hours(hours: str, day: date, opens: datetime, closes: datetime) -> Window | None:
    match hours:
        case "us all":
            half = closes.astimezone(_NEW_YORK).time() < time(16, 0)
            return Window(_at(day, time(4, 0), _NEW_YORK), _at(day, time(17 if half else 20, 0), _NEW_YORK))
        case "cme all":
            start, end = _at(day - _DAY, time(17, 0), _CHICAGO), _at(day, time(16, 0), _CHICAGO)
            return Window(start, min(end, closes)) if start < min(end, closes) else None
        case "cme regular":
            start, end = _at(day, time(8, 30), _CHICAGO), _at(day, time(16, 0), _CHICAGO)
            return Window(start, min(end, closes)) if start < min(end, closes) else None
        case _:
            return Window(opens, closes)


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
    return datetime.combine(day, clock, zone).astimezone(UTC)
