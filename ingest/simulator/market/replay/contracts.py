"""The contract that a recording is of, as far as a file of bars can tell."""

from dataclasses import dataclass

from ingest.simulator.market.timetable import Venue
from ingest.simulator.market.types import Contract


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a type of contract has when the file is silent."""

    venue: Venue
    exchange: str
    what: str = "TRADES"
    min_tick: float = 0.01
    zone: str = "US/Eastern"


KINDS = {
    "STK": _Kind("US", "SMART"),
    "IND": _Kind("US_REGULAR", "CBOE"),
    "OPT": _Kind("US_REGULAR", "SMART"),
    "FUT": _Kind("CME", "CME", min_tick=0.25, zone="US/Central"),
    "CONTFUT": _Kind("CME", "CME", min_tick=0.25, zone="US/Central"),
    "CASH": _Kind("FOREX", "IDEALPRO", "MIDPOINT", 0.00001),
    "CRYPTO": _Kind("CRYPTO", "PAXOS", "AGGTRADES", zone="UTC"),
}


@dataclass(frozen=True, slots=True)
class Identity:
    """What tells recorded contracts apart. `exchange` is "" where the file names none."""

    symbol: str
    sec_type: str
    currency: str
    exchange: str


def venue_of(identity: Identity) -> Venue:
    """Whose sessions it keeps."""
    return "TORONTO" if identity.exchange == "TSE" else KINDS[identity.sec_type].venue


def contract_of(con_id: int, identity: Identity, zone: str) -> Contract:
    """Stocks and options are routed by SMART and keep the recorded exchange as their primary one."""
    kind = KINDS[identity.sec_type]
    exchange = kind.exchange if kind.exchange == "SMART" else identity.exchange or kind.exchange
    primary = identity.exchange if exchange == "SMART" and identity.exchange != "SMART" else ""
    symbol, currency, local_symbol = identity.symbol, identity.currency, identity.symbol
    if identity.sec_type == "CASH":
        symbol, _, second = symbol.partition(".")
        currency = second or currency
        local_symbol = f"{symbol}.{currency}"
    return Contract(
        con_id=con_id,
        symbol=symbol,
        sec_type=identity.sec_type,
        exchange=exchange,
        currency=currency,
        primary_exchange=primary,
        local_symbol=local_symbol,
        trading_class=local_symbol,
        long_name=local_symbol,
        market_name=local_symbol,
        min_tick=kind.min_tick,
        time_zone_id=zone or kind.zone,
        valid_exchanges=f"{exchange},{primary}" if primary else exchange,
        stock_type="COMMON" if identity.sec_type == "STK" else "",
    )
