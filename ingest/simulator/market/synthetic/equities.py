"""The invented market's stocks and funds. Names are real, prices and identifiers are not."""

from dataclasses import dataclass
from datetime import date

from ingest.simulator.market.synthetic.listing import Liquidity, Listing
from ingest.simulator.market.synthetic.paths import Path
from ingest.simulator.market.timetable import Venue
from ingest.simulator.market.types import Contract

FIRST_CON_ID = 900_000_001
_FIRST_EXTRA_CON_ID = 950_000_001

#: Best bid and offer of US stocks are on record only from here on, whatever the age of the trades.
QUOTES_FIRST = date(2004, 1, 23)

SPX_PATH = Path("SPX", 360.0, 7600.0, 0.009)
NDX_PATH = Path("NDX", 720.0, 27000.0, 0.011)

_BUSY = Liquidity((0.55, 0.9995, 0.45), (400.0, 60_000.0, 500.0), 120)
_STEADY = Liquidity((0.2, 0.998, 0.2), (200.0, 9_000.0, 300.0), 110)
_THIN = Liquidity((0.002, 0.05, 0.002), (120.0, 260.0, 120.0), 100, quiet=0.2)


@dataclass(frozen=True, slots=True)
class _Stock:
    symbol: str
    name: str
    primary: str
    path: Path
    first: date = date(1990, 1, 2)
    industry: tuple[str, str, str] = ("", "", "")
    dividend: float = 0.0
    liquidity: Liquidity = _BUSY
    kind: str = "COMMON"
    ratio: float = 1.0
    currency: str = "USD"
    venue: Venue = "US"


_TECHNOLOGY = ("Technology", "Computers", "Computers")
_SOFTWARE = ("Technology", "Software", "Applications Software")
_INTERNET = ("Communications", "Internet", "E-Commerce/Products")
_CHIPS = ("Technology", "Semiconductors", "Electronic Compo-Semicon")
_CARS = ("Consumer, Cyclical", "Auto Manufacturers", "Auto-Cars/Light Trucks")
_INSURANCE = ("Financial", "Insurance", "Reinsurance")
_DRINKS = ("Consumer, Non-cyclical", "Beverages", "Beverages-Non-alcoholic")
_VARIOUS = ("Industrial", "Miscellaneous Manufactur", "Diversified Manufact Op")
_FUND = ("", "", "")

#: Append only: a place in this list is a con_id.
_STOCKS = (
    _Stock("AAPL", "APPLE INC", "NASDAQ", Path("AAPL", 12.0, 260.0, 0.016), industry=_TECHNOLOGY, dividend=0.0016),
    _Stock("MSFT", "MICROSOFT CORP", "NASDAQ", Path("MSFT", 15.0, 480.0, 0.014), industry=_SOFTWARE, dividend=0.002),
    _Stock(
        "IBM",
        "INTL BUSINESS MACHINES CORP",
        "NYSE",
        Path("IBM", 28.0, 240.0, 0.012),
        industry=_TECHNOLOGY,
        dividend=0.009,
    ),
    _Stock("GOOG", "ALPHABET INC-CL C", "NASDAQ", Path("GOOG", 14.0, 210.0, 0.015), date(2004, 8, 19), _INTERNET),
    _Stock("AMZN", "AMAZON.COM INC", "NASDAQ", Path("AMZN", 10.0, 230.0, 0.018), date(1997, 5, 15), _INTERNET),
    _Stock("NVDA", "NVIDIA CORP", "NASDAQ", Path("NVDA", 8.0, 190.0, 0.022), date(1999, 1, 22), _CHIPS, 0.0003),
    _Stock("TSLA", "TESLA INC", "NASDAQ", Path("TSLA", 15.0, 350.0, 0.024), date(2010, 6, 29), _CARS),
    _Stock(
        "BRK B",
        "BERKSHIRE HATHAWAY INC-CL B",
        "NYSE",
        Path("BRK B", 25.0, 480.0, 0.010),
        date(1996, 5, 9),
        _INSURANCE,
        liquidity=_STEADY,
    ),
    _Stock(
        "KO",
        "COCA-COLA CO/THE",
        "NYSE",
        Path("KO", 11.0, 70.0, 0.010),
        industry=_DRINKS,
        dividend=0.0075,
        liquidity=_STEADY,
    ),
    _Stock(
        "THIN",
        "THINLY TRADED HOLDINGS INC",
        "AMEX",
        Path("THIN", 9.0, 22.0, 0.013),
        date(1998, 3, 16),
        _VARIOUS,
        liquidity=_THIN,
    ),
    _Stock(
        "SPY", "SS SPDR S&P 500 ETF TRUST-US", "ARCA", SPX_PATH, date(1993, 1, 29), _FUND, 0.0035, _BUSY, "ETF", 0.1
    ),
    _Stock(
        "QQQ", "INVESCO QQQ TRUST SERIES 1", "NASDAQ", NDX_PATH, date(1999, 3, 10), _FUND, 0.0015, _BUSY, "ETF", 0.025
    ),
    _Stock(
        "SHOP",
        "SHOPIFY INC - CLASS A",
        "NYSE",
        Path("SHOP", 20.0, 110.0, 0.020),
        date(2015, 5, 21),
        _INTERNET,
        liquidity=_STEADY,
    ),
    _Stock(
        "SHOP",
        "SHOPIFY INC - CLASS A",
        "TSE",
        Path("SHOP", 20.0, 110.0, 0.020),
        date(2015, 5, 21),
        _INTERNET,
        0.0,
        _STEADY,
        "COMMON",
        1.33,
        "CAD",
        "TORONTO",
    ),
    _Stock(
        "NEWCO",
        "NEWLY LISTED CO",
        "NASDAQ",
        Path("NEWCO", 24.0, 36.0, 0.019),
        date(2024, 3, 4),
        _SOFTWARE,
        liquidity=_STEADY,
    ),
)


def equities() -> tuple[Listing, ...]:
    """Stocks and funds, in the order of their con_ids."""
    return tuple(_listing(FIRST_CON_ID + place, stock) for place, stock in enumerate(_STOCKS))


def extra_equities(count: int) -> tuple[Listing, ...]:
    """So many more stocks, S0001 and so on, for universes as large as people have."""
    return tuple(_listing(_FIRST_EXTRA_CON_ID + number, _extra(number + 1)) for number in range(count))


def _extra(number: int) -> _Stock:
    symbol = f"S{number:04}"
    path = Path(symbol, 8.0 + number % 37, 30.0 + number * 7 % 211, 0.010 + number % 11 / 1000)
    primary = ("NASDAQ", "NYSE", "ARCA")[number % 3]
    return _Stock(symbol, f"STOCK NUMBER {number} INC", primary, path, industry=_VARIOUS, liquidity=_STEADY)


def _listing(con_id: int, stock: _Stock) -> Listing:
    industry, category, subcategory = stock.industry
    contract = Contract(
        con_id=con_id,
        symbol=stock.symbol,
        sec_type="STK",
        exchange="SMART",
        currency=stock.currency,
        primary_exchange=stock.primary,
        local_symbol=stock.symbol,
        trading_class=_trading_class(stock),
        long_name=stock.name,
        market_name=_trading_class(stock),
        time_zone_id="US/Eastern",
        valid_exchanges=_exchanges(stock),
        stock_type=stock.kind,
        industry=industry,
        category=category,
        subcategory=subcategory,
        sec_ids=(("ISIN", f"{'CA' if stock.currency == 'CAD' else 'US'}{con_id}0"),),
    )
    return Listing(
        contract=contract,
        venue=stock.venue,
        path=stock.path,
        ticks=100,
        first=stock.first,
        liquidity=stock.liquidity,
        ratio=stock.ratio,
        dividend=stock.dividend,
        quotes_first=max(stock.first, QUOTES_FIRST),
        spread=4 if stock.liquidity is _THIN else 1,
    )


def _exchanges(stock: _Stock) -> str:
    if stock.currency == "CAD":
        return "SMART,TSE,CHIXCA"
    names = ("SMART", stock.primary, "NYSE", "NASDAQ", "ARCA", "BATS", "IEX")
    return ",".join(dict.fromkeys(names))


def _trading_class(stock: _Stock) -> str:
    return "NMS" if stock.primary == "NASDAQ" else stock.symbol
