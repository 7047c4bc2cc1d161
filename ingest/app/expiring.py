"""Futures whose last day is over and whose last bars are not all here: a chain that rolls leaves none behind."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Engine

from ingest.domain.chain import Product, is_over
from ingest.domain.instrument import Instrument
from ingest.domain.ledger import Ledger
from ingest.domain.series import Origin, Series
from ingest.domain.window import between
from ingest.store import instruments, ledger
from ingest.store import series as series_store
from ingest.store.series import SeriesRow


def left_behind(engine: Engine, product: Product, origin: Origin, now: datetime) -> tuple[SeriesRow, ...]:
    """Series of a product's expired contracts that were begun and are not finished."""
    with engine.connect() as connection:
        rows = instruments.find(connection, product.symbol, origin=origin)
        over = [row.id for row in rows if Product.of(row.instrument) == product and is_over(row.instrument, now)]
        return unfinished(connection, over)


def unfinished(connection: Connection, instrument_ids: Sequence[int]) -> tuple[SeriesRow, ...]:
    """Series of expired contracts in which something between where they were begun and the expiry can still be had."""
    if not instrument_ids:
        return ()
    rows = series_store.listing(connection, instrument_ids=instrument_ids)
    return tuple(row for row in rows if not _is_finished(row.series, ledger.read(connection, row.id)))


def expiry_end(instrument: Instrument) -> datetime:
    """The end of the day of the last trade; of a bare month, the end of the month."""
    text = instrument.expiry
    if len(text) == 8:
        return datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC) + timedelta(days=1)
    first = datetime.strptime(text, "%Y%m").replace(tzinfo=UTC)
    return (first + timedelta(days=31)).replace(day=1)


def _is_finished(series: Series, held: Ledger) -> bool:
    begun = held.entries[0].window.start if held.entries else None
    whole = between(begun, expiry_end(series.instrument)) if begun else None
    return whole is None or not held.unsettled([whole])
