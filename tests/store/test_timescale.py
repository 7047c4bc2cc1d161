"""Where the server offers TimescaleDB: bars are hypertables, and a load works on compressed chunks as well."""

import pytest
from sqlalchemy import Engine, text

from ingest.load import load
from ingest.store import bars
from ingest.store.bars import LoadCounts
from ingest.store.series import SeriesRow
from tests import given
from tests.store import settled

DAY = given.window("2024-01-02", "2024-01-03")


@pytest.mark.timescale
def test_bars_are_hypertables(engine: Engine) -> None:
    with engine.connect() as connection:
        found = connection.execute(text("SELECT hypertable_name FROM timescaledb_information.hypertables ORDER BY 1"))
        assert found.scalars().all() == ["bars_daily", "bars_intraday"]


@pytest.mark.timescale
def test_a_compressed_chunk_takes_new_equal_and_changed_bars(engine: Engine, series_row: SeriesRow) -> None:
    old = settled.bars("2024-01-02", 100)
    new = settled.with_close(settled.bars("2024-01-02", 120), 7, 1.0)
    load(engine, [settled.settlement(series_row, old, DAY)])
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SELECT compress_chunk(chunk) FROM show_chunks('ingest.bars_intraday') AS chunk"))
    counts = load(engine, [settled.settlement(series_row, new, DAY)])
    assert counts == (LoadCounts(inserted=20, unchanged=99, revised=1),)
    with engine.connect() as connection:
        assert bars.read(connection, series_row).equals(new.table)
