"""Reading bars back: all of them, a window, some columns, page after page; and which spans are merged."""

import pyarrow as pa
import pytest
from sqlalchemy import Engine, text

from ingest.domain.bars import BAR_SCHEMA, BarBatch
from ingest.domain.series import Origin
from ingest.errors import DatabaseError
from ingest.store import bars, requests, series
from ingest.store.bars import LoadCounts
from ingest.store.series import SeriesRow
from tests import given
from tests.store import settled


@pytest.fixture
def batch(engine: Engine, series_row: SeriesRow) -> BarBatch:
    """A thousand stored bars over a new year, and another series' bars at the same times."""
    stored = settled.bars("2023-12-31 16:00", 1000)
    with engine.begin() as connection:
        other = series.ensure(connection, given.series(given.EURUSD), Origin.LIVE)
        for row, brought in ((series_row, stored), (other, settled.bars("2023-12-31 16:00", 1000, price=1.1))):
            request_id = requests.save(connection, row, settled.record(row))
            assert bars.write(connection, row, brought, request_id) == LoadCounts(inserted=1000)
    return stored


def test_bars_come_back_as_they_were_written(engine: Engine, series_row: SeriesRow, batch: BarBatch) -> None:
    with engine.connect() as connection:
        assert bars.read(connection, series_row).equals(batch.table)


def test_the_oldest_bar_and_which_windows_hold_any(engine: Engine, series_row: SeriesRow, batch: BarBatch) -> None:
    edges = [("15:00", "16:00"), ("15:00", "16:01"), ("23:00", "23:30")]
    windows = [given.window(f"2023-12-31 {start}", f"2023-12-31 {end}") for start, end in edges]
    with engine.begin() as connection:
        empty = series.ensure(connection, given.series(given.ES), Origin.LIVE)
        assert bars.oldest(connection, series_row) == given.at("2023-12-31 16:00")
        assert bars.oldest(connection, empty) is None
        assert bars.spans_with_bars(connection, series_row, windows) == [False, True, True]
        assert bars.spans_with_bars(connection, empty, windows) == [False, False, False]
        assert bars.spans_with_bars(connection, empty, []) == []


def test_a_window_is_half_open(engine: Engine, series_row: SeriesRow, batch: BarBatch) -> None:
    window = given.window("2023-12-31 23:58", "2024-01-01 00:02")
    with engine.connect() as connection:
        found = bars.read(connection, series_row, window)
    assert found.equals(batch.within(window).table)
    assert found.num_rows == 4


def test_columns_can_be_chosen_in_any_order(engine: Engine, series_row: SeriesRow, batch: BarBatch) -> None:
    with engine.connect() as connection:
        found = bars.read(connection, series_row, columns=["bar_count", "close"])
    assert found.equals(batch.table.select(["bar_count", "close"]))


@pytest.mark.parametrize("rows", [1000, 999, 300])
def test_pages_hold_every_bar_once(
    engine: Engine, series_row: SeriesRow, batch: BarBatch, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setattr(bars, "_PAGE_ROWS", rows)
    with engine.connect() as connection:
        pages = list(bars.pages(connection, series_row))
    assert pa.Table.from_batches(pages).equals(batch.table)
    assert max(page.num_rows for page in pages) == rows


def test_no_bars_are_an_empty_table_in_the_schema(engine: Engine, series_row: SeriesRow) -> None:
    with engine.connect() as connection:
        found = bars.read(connection, series_row)
    assert found.num_rows == 0
    assert found.schema.equals(BAR_SCHEMA)


def test_a_transaction_reads_what_it_wrote_itself(engine: Engine, series_row: SeriesRow) -> None:
    wrote = settled.bars("2024-01-02", 5)
    with engine.connect() as connection:
        request_id = requests.save(connection, series_row, settled.record(series_row))
        bars.write(connection, series_row, wrote, request_id)
        assert bars.read(connection, series_row).equals(wrote.table)
        connection.rollback()
        assert bars.read(connection, series_row).num_rows == 0


def test_writing_no_bars_is_nothing(engine: Engine, series_row: SeriesRow) -> None:
    with engine.connect() as connection:
        assert bars.write(connection, series_row, BarBatch.empty(), 1) == LoadCounts()


def test_bars_between_stored_ones_are_merged_in(engine: Engine, series_row: SeriesRow, batch: BarBatch) -> None:
    sparse = BarBatch(batch.table.take(list(range(0, 1000, 100))))
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM ingest.bars_intraday WHERE extract(minute FROM ts) = 20"))
        request_id = requests.save(connection, series_row, settled.record(series_row))
        counts = bars.write(connection, series_row, sparse, request_id)
    assert counts.revised == 0
    assert counts.inserted == sum(ts.minute == 20 for ts in sparse.table["ts"].to_pylist()) > 0


def test_a_copy_that_fails_is_our_error(engine: Engine, series_row: SeriesRow, batch: BarBatch) -> None:
    parcel = bars.Parcel(series_row, 0, batch, 1)
    with pytest.raises(DatabaseError, match="duplicate key"), engine.connect() as connection:
        bars._copy(connection, "bars_intraday", [parcel])
