"""Between our words and IB's contracts: what a query asks for, what a series is requested as, what IB found.

An ETF is `STK` at IB (told apart by `stockType`); a continuous future keeps `CONTFUT` although IB's answer names the
front contract, and is always requested by symbol: its con_id changes with every roll.
"""

import re
import zlib
from dataclasses import replace
from typing import Any

from ibapi.const import UNSET_DOUBLE
from ibapi.contract import Contract, ContractDetails

from ingest.domain.instrument import Instrument, InstrumentQuery

_DEFAULT_EXCHANGE = {
    "STK": "SMART",
    "OPT": "SMART",
    "CFD": "SMART",
    "BOND": "SMART",
    "CMDTY": "SMART",
    "FUND": "FUNDSERV",
    "CASH": "IDEALPRO",
    "CRYPTO": "PAXOS",
}
"""Where to look when nobody says. Futures and indices have no default: IB lists every exchange that has them."""

_CONTINUOUS_IDS_FROM = 10**12
"""Far above IB's ids, which are 32-bit numbers."""


def query_contract(query: InstrumentQuery) -> Any:
    """The `ibapi` Contract of a contract-details request. Futures include expired ones (nothing else has any)."""
    contract = Contract()
    sec_type = _ib_sec_type(query.sec_type)
    contract.includeExpired = sec_type == "FUT"
    contract.exchange = query.exchange
    if query.con_id:
        contract.conId = query.con_id
        return contract
    contract.secType = sec_type
    contract.symbol = query.symbol
    contract.localSymbol = query.local_symbol
    contract.exchange = query.exchange or _DEFAULT_EXCHANGE.get(sec_type, "")
    contract.primaryExchange = query.primary_exchange
    contract.currency = query.currency
    contract.lastTradeDateOrContractMonth = query.expiry
    contract.right = query.right
    contract.multiplier = query.multiplier
    contract.tradingClass = query.trading_class
    if query.strike is not None:
        contract.strike = query.strike
    return contract


def series_contract(instrument: Instrument) -> Any:
    """The `ibapi` Contract by which an instrument's history is asked for."""
    contract = Contract()
    contract.symbol = instrument.symbol
    contract.secType = _ib_sec_type(instrument.sec_type)
    contract.exchange = instrument.exchange
    contract.currency = instrument.currency
    contract.includeExpired = contract.secType == "FUT"
    if contract.secType == "CONTFUT":
        contract.multiplier = instrument.multiplier
        contract.tradingClass = instrument.trading_class
    else:
        contract.conId = instrument.con_id
    return contract


def found_instrument(details: ContractDetails, query: InstrumentQuery) -> Instrument:
    """IB's contract details as an Instrument. Raises ValueError when they name no contract."""
    contract = details.contract
    instrument = Instrument(
        con_id=contract.conId,
        symbol=contract.symbol,
        sec_type=contract.secType,
        exchange=contract.exchange,
        currency=contract.currency,
        primary_exchange=contract.primaryExchange,
        local_symbol=contract.localSymbol,
        trading_class=contract.tradingClass,
        multiplier=contract.multiplier,
        expiry=_expiry(contract),
        strike=_number(contract.strike) if contract.right else None,
        right=_right(contract.right),
        long_name=details.longName,
        stock_type=details.stockType,
        min_tick=_number(details.minTick),
        time_zone_id=details.timeZoneId,
    )
    return _continuous(instrument) if query.sec_type == "CONTFUT" else instrument


def _continuous(front: Instrument) -> Instrument:
    """The continuous future whose details are its present front contract's: a thing of its own, with an id of ours.

    IB gives the front contract's con_id, which belongs to that contract and changes with every roll.
    """
    name = f"{front.symbol}|{front.exchange}|{front.currency}|{front.multiplier}"
    con_id = _CONTINUOUS_IDS_FROM + zlib.crc32(name.encode())
    return replace(front, con_id=con_id, sec_type="CONTFUT", local_symbol="", expiry="")


def _ib_sec_type(sec_type: str) -> str:
    return "STK" if sec_type == "ETF" else sec_type


def _expiry(contract: Any) -> str:
    """The last trade date as YYYYMMDD. IB may add a time and a zone; a bare contract month stays what it is."""
    for text in (contract.lastTradeDate, contract.lastTradeDateOrContractMonth):
        if found := re.match(r"\d{8}|\d{4}-\d\d-\d\d|\d{6}", text or ""):
            return found[0].replace("-", "")
    return ""


def _right(text: str) -> str:
    """C or P; IB writes also CALL, PUT, and 0 or ? for nothing."""
    return text[:1] if text[:1] in ("C", "P") else ""


def _number(value: float) -> float | None:
    return value if value not in (0.0, UNSET_DOUBLE) else None
