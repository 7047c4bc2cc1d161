"""Where a ledger's settled part ends and what is not settled: the database says the same as our arithmetic."""

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from ingest.domain.ledger import Entry, Ledger, State
from ingest.domain.series import Origin
from ingest.domain.window import Window, intersect, subtract
from ingest.store import ledger, series
from ingest.store.series import SeriesRow
from ingest.store.tails import Tail, tails
from tests.given import EURUSD, windows_on_grid
from tests.given import series as given_series
from tests.properties.test_ledger_in_database import batches, with_database


def expected(held: Ledger, stretch: Window) -> Tail:
    settled = intersect([stretch], held.windows(State.COVERED, State.EMPTY_CONFIRMED))
    refused = intersect([stretch], (entry.window for entry in held if entry.permanent))
    return Tail(settled[-1].end if settled else None, subtract([stretch], settled), refused)


@with_database
@given(news=batches, stretches=st.lists(windows_on_grid(), max_size=4))
def test_the_database_and_the_domain_see_the_same_tail(
    engine: Engine, series_row: SeriesRow, news: list[list[Entry]], stretches: list[Window]
) -> None:
    with engine.connect() as connection:
        other = series.ensure(connection, given_series(EURUSD), Origin.LIVE)
        for batch in news:
            ledger.record(connection, series_row.id, batch, None)
        held = ledger.read(connection, series_row.id)
        asked = [(row.id, stretch) for stretch in stretches for row in (series_row, other)]
        found = tails(connection, asked)
        connection.rollback()
    ours = [expected(each, stretch) for stretch in stretches for each in (held, Ledger())]
    assert list(found) == ours
