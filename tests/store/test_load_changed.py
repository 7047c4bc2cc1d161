"""Answers that tell of a changed history: from an earlier epoch, or with bars beside what was asked for."""

import dataclasses

import pyarrow.compute as pc
import pytest
from sqlalchemy import Engine

from ingest.domain.bars import BAR_SCHEMA, BarBatch
from ingest.domain.ledger import State
from ingest.domain.window import Window
from ingest.load import Settlement, load
from ingest.store import series
from ingest.store.bars import LoadCounts
from ingest.store.series import SeriesRow
from tests.store import settled
from tests.store.test_load import DAY, NEXT_DAY, ledger_of, stored


def test_an_answer_from_an_earlier_epoch_is_only_logged_and_an_error_still_counts(
    engine: Engine, series_row: SeriesRow
) -> None:
    """A time-out says nothing of prices, so it is told whatever epoch it was met in."""
    with engine.begin() as connection:
        series.open_epoch(connection, series_row.id)
    late = settled.settlement(series_row, settled.bars("2024-01-02", 10), DAY)
    silent = settled.settlement(series_row, BarBatch.empty(), NEXT_DAY, state=State.TIMED_OUT)
    assert load(engine, [late, silent]) == (LoadCounts(outdated=True), LoadCounts())
    assert ledger_of(engine, series_row).windows() == ledger_of(engine, series_row).windows(State.TIMED_OUT)
    assert settled.count(engine, "bars_intraday") == 0
    assert settled.count(engine, "requests") == 2


def halved(batch: BarBatch) -> BarBatch:
    table = batch.table
    for name in ("open", "high", "low", "close"):
        table = table.set_column(
            table.schema.get_field_index(name), BAR_SCHEMA.field(name), pc.divide(table[name], 2.0)
        )
    return BarBatch(table)


def beside(row: SeriesRow, held: BarBatch, again: BarBatch, more: BarBatch) -> tuple[Settlement, Settlement]:
    """What is held of a day, and an answer for the next one that brought the same bars again."""
    return settled.settlement(row, held, DAY), dataclasses.replace(
        settled.settlement(row, more, NEXT_DAY), beside=again
    )


def test_bars_that_came_back_different_beside_an_answer_become_revisions(engine: Engine, series_row: SeriesRow) -> None:
    held, more = settled.bars("2024-01-02", 10), settled.bars("2024-01-03", 10)
    again = settled.bars("2024-01-02", 10, price=100.5)
    first, second = beside(series_row, held, again, more)
    load(engine, [first])
    assert load(engine, [second]) == (LoadCounts(inserted=10, revised=10),)
    assert settled.count(engine, "revisions") == 10
    assert ledger_of(engine, series_row).windows(State.COVERED) == (Window(DAY.start, NEXT_DAY.end),)


@pytest.mark.parametrize("together", [True, False])
def test_bars_on_another_price_basis_open_a_new_epoch_and_all_is_asked_for_again(
    engine: Engine, series_row: SeriesRow, together: bool
) -> None:
    held, more = settled.bars("2024-01-02", 10), settled.bars("2024-01-03", 10, price=50.0)
    first, second = beside(series_row, held, halved(held), more)
    counts = load(engine, [first, second]) if together else (*load(engine, [first]), *load(engine, [second]))
    assert counts == (LoadCounts(inserted=10), LoadCounts(inserted=10, factor=0.5))
    with engine.connect() as connection:
        row = series.by_id(connection, series_row.id)
    assert row is not None
    assert row.epoch == series_row.epoch + 1
    assert stored(engine, row).equals(more.table), "readers see no bar of the old basis"
    ledger_now = ledger_of(engine, series_row)
    assert ledger_now.windows(State.COVERED) == (NEXT_DAY,)
    (again,) = (entry for entry in ledger_now if entry.state is State.FAILED)
    assert (again.window, again.permanent) == (DAY, False)
    assert "factor 0.5 (a split?)" in again.reason
    assert settled.count(engine, "revisions") == 0


def test_whole_series_that_only_grew_stay_in_their_epoch(engine: Engine, series_row: SeriesRow) -> None:
    for many, expected in ((10, LoadCounts(inserted=10)), (12, LoadCounts(inserted=2, unchanged=10))):
        batch = settled.bars("2024-01-02", many)
        assert load(engine, [settled.settlement(series_row, batch, DAY, replaces=True)]) == (expected,)
    with engine.connect() as connection:
        assert series.by_id(connection, series_row.id) == series_row


def test_a_new_basis_is_told_though_the_answer_had_nothing_new(engine: Engine, series_row: SeriesRow) -> None:
    held = settled.bars("2024-01-02", 10)
    first, second = beside(series_row, held, halved(held), BarBatch.empty())
    silent = dataclasses.replace(second, entries=(dataclasses.replace(second.entries[0], state=State.PENDING),))
    load(engine, [first])
    assert load(engine, [silent]) == (LoadCounts(factor=0.5),)
