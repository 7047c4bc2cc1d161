"""Indices, currencies, coins and a few options on SPY."""

from datetime import date, timedelta

from ingest.simulator.market.synthetic.equities import SPX_PATH
from ingest.simulator.market.synthetic.futures import third_friday
from ingest.simulator.market.synthetic.listing import Liquidity, Listing
from ingest.simulator.market.synthetic.paths import Path
from ingest.simulator.market.types import Contract

FIRST_INDEX_CON_ID = 900_001_001
FIRST_FOREX_CON_ID = 900_002_001
FIRST_CRYPTO_CON_ID = 900_003_001
FIRST_OPTION_CON_ID = 900_200_001

_ALWAYS = Liquidity((1.0, 1.0, 1.0), (1.0, 1.0, 1.0), 1)
_COIN = Liquidity((0.0, 0.97, 0.0), (0.0, 3500.0, 0.0), 400)
_OPTION = Liquidity((0.0, 0.25, 0.0), (0.0, 14.0, 0.0), 4)

_INDICES = (
    ("SPX", "S&P 500 Stock Index", SPX_PATH),
    ("VIX", "CBOE Volatility Index", Path("VIX", 19.0, 17.0, 0.03)),
)
_PAIRS = (
    ("EUR", "USD", "European Monetary Union Euro", 100_000, Path("EUR.USD", 1.21, 1.16, 0.0045)),
    ("GBP", "USD", "British pound", 100_000, Path("GBP.USD", 1.65, 1.32, 0.0045)),
    ("USD", "JPY", "United States dollar", 200, Path("USD.JPY", 140.0, 145.0, 0.0045)),
)
_COINS = (
    ("BTC", "Bitcoin cryptocurrency", 100, Path("BTC", 9_000.0, 120_000.0, 0.025, weekends=True)),
    ("ETH", "Ethereum cryptocurrency", 100, Path("ETH", 600.0, 4_500.0, 0.028, weekends=True)),
)
_STRIKES = (500, 600, 700)


def others() -> tuple[Listing, ...]:
    """Everything that is neither a stock nor a future."""
    return (*_indices(), *_forex(), *_crypto(), *_options())


def _indices() -> tuple[Listing, ...]:
    return tuple(
        Listing(
            contract=Contract(
                con_id=FIRST_INDEX_CON_ID + place,
                symbol=symbol,
                sec_type="IND",
                exchange="CBOE",
                currency="USD",
                local_symbol=symbol,
                long_name=name,
                market_name=symbol,
                valid_exchanges="CBOE",
            ),
            venue="US_REGULAR",
            path=path,
            ticks=100,
            first=date(1992, 1, 2),
            liquidity=_ALWAYS,
        )
        for place, (symbol, name, path) in enumerate(_INDICES)
    )


def _forex() -> tuple[Listing, ...]:
    return tuple(
        Listing(
            contract=Contract(
                con_id=FIRST_FOREX_CON_ID + place,
                symbol=base,
                sec_type="CASH",
                exchange="IDEALPRO",
                currency=currency,
                local_symbol=f"{base}.{currency}",
                trading_class=f"{base}.{currency}",
                long_name=name,
                market_name=f"{base}.{currency}",
                min_tick=1 / ticks,
                valid_exchanges="IDEALPRO",
            ),
            venue="FOREX",
            path=path,
            ticks=ticks,
            first=date(2005, 3, 9),
            liquidity=_ALWAYS,
            spread=2,
        )
        for place, (base, currency, name, ticks, path) in enumerate(_PAIRS)
    )


def _crypto() -> tuple[Listing, ...]:
    return tuple(
        Listing(
            contract=Contract(
                con_id=FIRST_CRYPTO_CON_ID + place,
                symbol=symbol,
                sec_type="CRYPTO",
                exchange="PAXOS",
                currency="USD",
                local_symbol=f"{symbol}.USD",
                trading_class=symbol,
                long_name=name,
                market_name=symbol,
                min_tick=1 / ticks,
                time_zone_id="UTC",
                valid_exchanges="PAXOS",
            ),
            venue="CRYPTO",
            path=path,
            ticks=ticks,
            first=date(2021, 5, 14),
            liquidity=_COIN,
            volume_units=10_000,
            spread=5,
        )
        for place, (symbol, name, ticks, path) in enumerate(_COINS)
    )


def _options() -> tuple[Listing, ...]:
    """Calls and puts for every December from 2024 on, so that some are still to come wherever the clock stands."""
    keys = [(year, strike, right) for year in range(2024, 2031) for strike in _STRIKES for right in "CP"]
    return tuple(_option(FIRST_OPTION_CON_ID + place, *key) for place, key in enumerate(keys))


def _option(con_id: int, year: int, strike: int, right: str) -> Listing:
    last = third_friday(year, 12)
    contract = Contract(
        con_id=con_id,
        symbol="SPY",
        sec_type="OPT",
        exchange="SMART",
        currency="USD",
        local_symbol=f"SPY   {last:%y%m%d}{right}{strike * 1000:08d}",
        trading_class="SPY",
        multiplier="100",
        expiry=f"{last:%Y%m%d}",
        contract_month=f"{last:%Y%m}",
        strike=float(strike),
        right=right,
        long_name="SS SPDR S&P 500 ETF TRUST-US",
        market_name="SPY",
        valid_exchanges="SMART,AMEX,CBOE,PHLX",
        under_con_id=900_000_011,
        under_symbol="SPY",
        under_sec_type="STK",
    )
    return Listing(
        contract=contract,
        venue="US_REGULAR",
        path=SPX_PATH,
        ticks=100,
        first=last - timedelta(days=365),
        last=last,
        liquidity=_OPTION,
        ratio=0.1,
        spread=3,
    )
