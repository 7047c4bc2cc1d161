"""Which series a contract has (IB's table of whatToShow against product), and from which day on."""

from dataclasses import dataclass
from datetime import date

from ingest.simulator.market.synthetic.listing import Listing

QUOTES = ("MIDPOINT", "BID", "ASK", "BID_ASK")
FIGURES = ("HISTORICAL_VOLATILITY", "OPTION_IMPLIED_VOLATILITY", "FEE_RATE")

_FIGURES_FIRST = date(2005, 1, 3)

_OF_TYPE: dict[str, tuple[str, ...]] = {
    "STK": ("TRADES", "ADJUSTED_LAST", *QUOTES, *FIGURES, "SCHEDULE"),
    "FUT": ("TRADES", *QUOTES, "SCHEDULE"),
    "CONTFUT": ("TRADES", *QUOTES, "SCHEDULE"),
    "CASH": (*QUOTES, "SCHEDULE"),
    "IND": ("TRADES", "HISTORICAL_VOLATILITY", "OPTION_IMPLIED_VOLATILITY", "SCHEDULE"),
    "CRYPTO": ("AGGTRADES", *QUOTES, "SCHEDULE"),
    "OPT": ("TRADES", "ADJUSTED_LAST", *QUOTES),
}


@dataclass(frozen=True, slots=True)
class Series:
    """What is asked for, as far as it decides the bars. `paid` is how many dividends ADJUSTED_LAST takes out."""

    con_id: int
    what: str
    use_rth: bool
    paid: int = 0


def exists(sec_type: str, what: str) -> bool:
    """Whether contracts of this type have such a series."""
    return what in _OF_TYPE.get(sec_type, ())


def first_day(listing: Listing, what: str) -> date:
    """The first day on which the series can have bars."""
    if what in QUOTES and listing.quotes_first is not None:
        return listing.quotes_first
    if what in FIGURES:
        return max(listing.first, _FIGURES_FIRST)
    return listing.first


def is_traded(listing: Listing, what: str) -> bool:
    """Whether the series is made of trades, with volume. The prices of an index are called TRADES but nobody trades."""
    return what in ("TRADES", "ADJUSTED_LAST", "AGGTRADES") and listing.contract.sec_type != "IND"
