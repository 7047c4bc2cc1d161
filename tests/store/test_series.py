"""Series: one row each, found again, and worked on by one session at a time."""

from dataclasses import replace

import pytest
from sqlalchemy import Engine

from ingest.domain.bar_size import BarSize
from ingest.domain.series import Origin
from ingest.errors import SeriesBusy
from ingest.store import series
from ingest.store.engine import create_engine
from ingest.store.series import SeriesRow
from tests import given


def test_ensuring_twice_gives_the_same_row(engine: Engine, series_row: SeriesRow) -> None:
    with engine.begin() as connection:
        assert series.ensure(connection, given.series(), Origin.LIVE) == series_row
        assert series.by_id(connection, series_row.id) == series_row
        assert series.by_id(connection, 999) is None
    assert (series_row.epoch, series_row.origin, series_row.series) == (0, Origin.LIVE, given.series())


def test_a_series_is_found_by_its_con_id_with_the_stored_instrument(engine: Engine, series_row: SeriesRow) -> None:
    bare = given.series(replace(given.AAPL, symbol="WHATEVER", local_symbol=""))
    with engine.begin() as connection:
        assert series.ensure(connection, bare, Origin.LIVE) == series_row
        assert series.find(connection, bare, Origin.SYNTHETIC) is None


def test_the_listing_filters_and_is_in_order(engine: Engine, series_row: SeriesRow) -> None:
    with engine.begin() as connection:
        daily = series.ensure(connection, given.series(bar_size=BarSize.DAY_1), Origin.LIVE)
        hours = series.ensure(connection, given.series(use_rth=False), Origin.LIVE)
        simulated = series.ensure(connection, given.series(given.BTC), Origin.SYNTHETIC)
        assert series.listing(connection) == (series_row, hours, daily, simulated)
        assert series.listing(connection, bar_size=BarSize.DAY_1) == (daily,)
        assert series.listing(connection, use_rth=False) == (hours,)
        assert series.listing(connection, origin=Origin.SYNTHETIC) == (simulated,)
        assert series.listing(connection, instrument_ids=[]) == ()


def test_a_locked_series_is_busy_for_others_and_says_who_has_it(engine: Engine, series_row: SeriesRow) -> None:
    holder = create_engine(engine.url, purpose="ingest sync", pooled=False)
    with holder.connect() as first, engine.connect() as second:
        with series.locked(first, series_row):
            first.commit()  # the lock outlives the transaction
            said = r"AAPL 1m TRADES is being worked on by ingest sync \(pid \d+ on "
            with pytest.raises(SeriesBusy, match=said), series.locked(second, series_row):
                pytest.fail("two sessions hold one series")
        assert series.try_lock(second, series_row.id) is None
        series.unlock(second, series_row.id)


def test_a_lock_ends_with_its_session(engine: Engine, series_row: SeriesRow) -> None:
    with create_engine(engine.url, pooled=False).connect() as lost:
        assert series.try_lock(lost, series_row.id) is None
    with engine.connect() as connection:
        assert series.try_lock(connection, series_row.id) is None
        series.unlock(connection, series_row.id)
