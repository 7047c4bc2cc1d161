"""A market small enough to compute by hand: bars are a straight line of prices, sessions a fixed week.

US stocks trade 09:30–16:00 New York time (04:00–20:00 outside regular hours), Monday to Friday, without holidays.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from ingest.simulator.market.types import Bars, BarSize, Contract, Session

NEW_YORK = ZoneInfo("America/New_York")

AAPL = Contract(
    con_id=265598,
    symbol="AAPL",
    sec_type="STK",
    exchange="SMART",
    currency="USD",
    primary_exchange="NASDAQ",
    local_symbol="AAPL",
    trading_class="NMS",
    market_name="NMS",
    long_name="APPLE INC",
    valid_exchanges="SMART,NASDAQ,ARCA",
    stock_type="COMMON",
    industry="Technology",
    category="Computers",
    subcategory="Computers",
    sec_ids=(("ISIN", "US0378331005"),),
)
EUR = Contract(
    con_id=12087792,
    symbol="EUR",
    sec_type="CASH",
    exchange="IDEALPRO",
    currency="USD",
    local_symbol="EUR.USD",
    trading_class="EUR.USD",
    market_name="EUR.USD",
    long_name="European Monetary Union Euro",
    min_tick=0.00005,
    valid_exchanges="IDEALPRO",
)
BITCOIN = Contract(479624278, "BTC", "CRYPTO", "PAXOS", "USD", local_symbol="BTC.USD", valid_exchanges="PAXOS")
_ES = Contract(
    con_id=1,
    symbol="ES",
    sec_type="FUT",
    exchange="CME",
    currency="USD",
    local_symbol="ESH4",
    trading_class="ES",
    market_name="ES",
    multiplier="50",
    expiry="20240315",
    contract_month="202403",
    long_name="E-mini S&P 500",
    min_tick=0.25,
    time_zone_id="US/Central",
    valid_exchanges="CME",
    under_con_id=11004968,
    under_symbol="ES",
    under_sec_type="IND",
)
ES_H4 = replace(_ES, con_id=551601561)
ES_Z3 = replace(_ES, con_id=495512563, local_symbol="ESZ3", expiry="20231215", contract_month="202312")
ES_CONT = replace(_ES, con_id=900, sec_type="CONTFUT", local_symbol="ES", expiry="", contract_month="")
MISSING = Contract(7, "DULL", "STK", "SMART", "USD", local_symbol="DULL")


@dataclass(frozen=True, slots=True)
class TinyMarket:
    """Prices rise by a cent a minute; volume is the bar's seconds, so that a cut bar can be told from a whole one."""

    listed: tuple[Contract, ...] = (AAPL, EUR, BITCOIN, ES_H4, ES_Z3, ES_CONT, MISSING)

    def contracts(self) -> Sequence[Contract]:
        return self.listed

    def has_series(self, contract: Contract, what: str) -> bool:
        return what != "TRADES" or contract.sec_type not in ("CASH", "CRYPTO")

    def head(self, contract: Contract, what: str) -> int | None:
        return None if contract is MISSING else 345479400

    def sessions(self, contract: Contract, first: date, last: date, *, use_rth: bool) -> Sequence[Session]:
        days = (first + timedelta(days=ahead) for ahead in range((last - first).days + 1))
        opens, closes = (time(9, 30), time(16)) if use_rth else (time(4), time(20))
        return [
            Session(
                day,
                int(datetime.combine(day, opens, NEW_YORK).timestamp()),
                int(datetime.combine(day, closes, NEW_YORK).timestamp()),
            )
            for day in days
            if day.weekday() < 5
        ]

    def bars(self, contract: Contract, what: str, size: BarSize, start: int, end: int, *, use_rth: bool) -> Bars:
        if contract is MISSING or end <= start:
            return line_of_bars([], [])
        first, last = (datetime.fromtimestamp(at, NEW_YORK).date() for at in (start, end))
        sessions = self.sessions(contract, first - timedelta(days=1), last + timedelta(days=1), use_rth=use_rth)
        if size.unit != "seconds":
            inside = [one for one in sessions if one.open < end and _midnight(one.day) >= start]
            return line_of_bars(
                [_midnight(one.day) for one in inside], [min(one.close, end) - one.open for one in inside]
            )
        starts = [
            at
            for one in sessions
            for at in (
                one.open,
                *range(one.open // size.seconds * size.seconds + size.seconds, one.close, size.seconds),
            )
            if at < end and at // size.seconds * size.seconds + size.seconds > start
        ]
        ends = [min(at // size.seconds * size.seconds + size.seconds, end) for at in starts]
        return line_of_bars(starts, [stop - at for at, stop in zip(starts, ends, strict=True)])


def _midnight(day: date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp())


def line_of_bars(starts: Sequence[int], seconds: Sequence[int]) -> Bars:
    start = np.array(starts, np.int64)
    price = np.round(100 + (start // 60 % 10_000) / 100, 2)
    volume = np.array(seconds, np.float64)
    count = np.arange(1, len(start) + 1, dtype=np.int32)
    return Bars(start, price, price + 0.05, price - 0.04, price + 0.01, volume, price + 0.005, count)


def at(text: str) -> float:
    """The instant an ISO string in UTC names."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
