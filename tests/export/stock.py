"""Series that hold bars, for the tests of snapshots and of the feed."""

from collections.abc import Sequence

from sqlalchemy import Engine

from ingest.domain.bar_size import BarSize
from ingest.domain.bars import BarBatch
from ingest.domain.instrument import Instrument
from ingest.domain.ledger import Entry, State
from ingest.domain.series import Origin, Series
from ingest.domain.what import WhatToShow
from ingest.load import Settlement, load
from ingest.store import series as series_store
from ingest.store.series import SeriesRow
from tests import given
from tests.store import settled

MSFT = Instrument(272093, "MSFT", "STK", "SMART", "USD", primary_exchange="NASDAQ", local_symbol="MSFT")
#: Two sessions of New York in winter, and the night between.
TWO_DAYS = given.window("2024-01-02 14:30", "2024-01-03 21:00")


def hold(
    engine: Engine,
    series: Series,
    batch: BarBatch,
    entries: Sequence[Entry] = (Entry(TWO_DAYS, State.COVERED),),
    *,
    origin: Origin = Origin.LIVE,
    replaces: bool = False,
) -> SeriesRow:
    """Load bars and what is known of them, as a run does."""
    with engine.begin() as connection:
        row = series_store.ensure(connection, series, origin)
    login = settled.REAL if origin is Origin.LIVE else settled.SIMULATED
    record = settled.record(row, login=login, window=entries[0].window if entries else None)
    load(engine, [Settlement(row, record, batch, (), tuple(entries), replaces)])
    return row


def hold_mixture(engine: Engine) -> list[SeriesRow]:
    """Minutes over New Year and two days of them, all hours, days, midpoints, and simulated bars of the same name."""
    minutes, days = given.series(), given.series(bar_size=BarSize.DAY_1)
    over_new_year = given.window("2023-12-29 14:30", "2024-01-03 21:00")
    year_end = Entry(given.window("2023-12-29 14:30", "2023-12-29 21:00"), State.COVERED)
    euro = given.series(given.EURUSD, what=WhatToShow.MIDPOINT)
    simulated = settled.bars("2024-01-02 14:30", 40, price=7.0)
    rows = [
        hold(engine, minutes, settled.bars("2023-12-29 14:30", 390), [year_end]),
        hold(engine, minutes, settled.bars("2024-01-02 14:30", 390, price=101), [Entry(over_new_year, State.COVERED)]),
        hold(engine, given.series(use_rth=False), settled.bars("2024-01-02 09:00", 600, price=99)),
        hold(engine, days, settled.bars("2023-12-28", 5, seconds=86_400), [_stretch("2023-12-28", "2024-01-02")]),
        hold(engine, given.series(MSFT), settled.bars("2024-01-02 14:30", 390, price=370)),
        hold(engine, euro, settled.bars("2024-01-02", 500, price=1), [_stretch("2024-01-02", "2024-01-03")]),
        hold(engine, minutes, simulated, origin=Origin.SYNTHETIC),
    ]
    return rows[1:]


def _stretch(start: str, end: str) -> Entry:
    return Entry(given.window(start, end), State.COVERED)
