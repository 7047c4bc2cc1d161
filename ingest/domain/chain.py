"""Which futures are in front: the nearest expiries of one product that are not over, as IB lists them.

A chain counts what is listed: quarters of ES, every month of CL. One symbol can mean several products (SI: the full
and the micro contract), which differ in their trading class.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ingest.domain.instrument import Instrument


@dataclass(frozen=True, slots=True, order=True)
class Product:
    """What all expiries of a chain have in common."""

    symbol: str
    exchange: str
    trading_class: str
    currency: str
    multiplier: str

    @classmethod
    def of(cls, future: Instrument) -> "Product":
        return cls(future.symbol, future.exchange, future.trading_class, future.currency, future.multiplier)


def products(futures: Iterable[Instrument]) -> tuple[Product, ...]:
    """The products among futures, in order; a chain is of exactly one."""
    return tuple(sorted({Product.of(one) for one in futures}))


def unexpired(futures: Iterable[Instrument], now: datetime) -> tuple[Instrument, ...]:
    """Those that can still be traded, the nearest expiry first."""
    return tuple(sorted((one for one in futures if not is_over(one, now)), key=lambda one: one.expiry))


def is_over(instrument: Instrument, now: datetime) -> bool:
    """Whether the day of the last trade is past where it is traded. A bare month is over with its last day."""
    if not instrument.is_expiring:
        return False
    today = now.astimezone(_zone(instrument)).strftime("%Y%m%d")
    return instrument.expiry < today[: len(instrument.expiry)]


def _zone(instrument: Instrument) -> ZoneInfo:
    try:
        return ZoneInfo(instrument.time_zone_id or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")
