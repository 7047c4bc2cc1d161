"""Quarterly index futures of 2015 to 2030, expired ones included, and the continuous future over each chain."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from ingest.simulator.market.synthetic.equities import NDX_PATH, SPX_PATH
from ingest.simulator.market.synthetic.listing import Delivery, Liquidity, Listing
from ingest.simulator.market.synthetic.paths import Path
from ingest.simulator.market.timetable import date_of, day_number, timetable
from ingest.simulator.market.types import Contract

FIRST_CON_ID = 900_100_000
FIRST_CONTINUOUS_CON_ID = 900_004_001

_LISTED_DAYS = 730
_MONTH_CODES = {3: "H", 6: "M", 9: "U", 12: "Z"}


@dataclass(frozen=True, slots=True)
class _Root:
    symbol: str
    name: str
    multiplier: str
    path: Path
    under_symbol: str
    under_con_id: int = 0


_ROOTS = (
    _Root("ES", "E-mini S&P 500", "50", SPX_PATH, "SPX", 900_001_001),
    _Root("NQ", "E-mini NASDAQ 100", "20", NDX_PATH, "NDX"),
)
_LIQUIDITY = Liquidity((0.97, 1.0, 0.97), (160.0, 2200.0, 0.0), 6)


def third_friday(year: int, month: int) -> date:
    """The last trade date of the month, moved back where the stock exchange is shut (Juneteenth 2026, for one)."""
    first = date(year, month, 1)
    friday = first + timedelta(days=(4 - first.weekday()) % 7 + 14)
    open_days = timetable("US").day
    place = int(np.searchsorted(open_days, day_number(friday), side="right"))
    return date_of(int(open_days[place - 1]))


def futures() -> tuple[Listing, ...]:
    """Every future of every root, then the continuous ones."""
    quarters = [(year, month) for year in range(2015, 2031) for month in _MONTH_CODES]
    dated: list[Listing] = []
    continuous: list[Listing] = []
    for place, root in enumerate(_ROOTS):
        base = FIRST_CON_ID + place * 10_000
        chain = tuple(
            Delivery(third_friday(year, month), base + (year - 2000) * 100 + month) for year, month in quarters
        )
        for delivery, quarter in zip(chain, quarters, strict=True):
            first = delivery.last_day - timedelta(days=_LISTED_DAYS)
            dated.append(_listing(_contract(root, delivery, quarter), root.path, first, (delivery,)))
        contract = _continuous(root, FIRST_CONTINUOUS_CON_ID + place)
        continuous.append(_listing(contract, root.path, date(2014, 12, 22), chain))
    return (*dated, *continuous)


def _contract(root: _Root, delivery: Delivery, quarter: tuple[int, int]) -> Contract:
    year, month = quarter
    return Contract(
        con_id=delivery.con_id,
        symbol=root.symbol,
        sec_type="FUT",
        exchange="CME",
        currency="USD",
        local_symbol=f"{root.symbol}{_MONTH_CODES[month]}{year % 10}",
        trading_class=root.symbol,
        multiplier=root.multiplier,
        expiry=delivery.last_day.strftime("%Y%m%d"),
        contract_month=f"{year}{month:02d}",
        long_name=root.name,
        market_name=root.symbol,
        min_tick=0.25,
        time_zone_id="US/Central",
        valid_exchanges="CME,QBALGO",
        under_con_id=root.under_con_id,
        under_symbol=root.under_symbol,
        under_sec_type="IND",
    )


def _continuous(root: _Root, con_id: int) -> Contract:
    return Contract(
        con_id=con_id,
        symbol=root.symbol,
        sec_type="CONTFUT",
        exchange="CME",
        currency="USD",
        local_symbol=root.symbol,
        trading_class=root.symbol,
        multiplier=root.multiplier,
        long_name=root.name,
        market_name=root.symbol,
        min_tick=0.25,
        time_zone_id="US/Central",
        valid_exchanges="CME,QBALGO",
    )


def _listing(contract: Contract, path: Path, first: date, chain: tuple[Delivery, ...]) -> Listing:
    return Listing(
        contract=contract,
        venue="CME",
        path=path,
        ticks=4,
        first=first,
        last=chain[-1].last_day,
        liquidity=_LIQUIDITY,
        chain=chain,
    )
