"""Two engines, one truth: our ledger arithmetic, PostgreSQL's multiranges, and the naive model of minutes agree."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from ingest.domain.ledger import Entry, Ledger, State
from ingest.domain.window import Window, intersect, subtract, union
from ingest.store import ledger
from ingest.store.series import SeriesRow
from tests.given import entries_on_grid, minutes_of, windows_on_grid
from tests.properties.test_ledger import by_minute

permanent = windows_on_grid().map(lambda window: Entry(window, State.FAILED, "200: no such contract", permanent=True))
entries = entries_on_grid() | permanent
batches = st.lists(st.lists(entries, max_size=5), max_size=5)
wishes = st.lists(windows_on_grid(), max_size=5)

# The database is rolled back after each example, so one for all of them is right.
with_database = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@with_database
@given(news=batches, wish=wishes, retry_failed=st.booleans())
def test_the_database_and_the_domain_keep_the_same_ledger(
    engine: Engine, series_row: SeriesRow, news: list[list[Entry]], wish: list[Window], retry_failed: bool
) -> None:
    expected = Ledger()
    with engine.connect() as connection:
        for batch in news:
            expected = expected.record(*batch)
            ledger.record(connection, series_row.id, batch, None)
        held = ledger.read(connection, series_row.id)
        missing = ledger.missing(connection, series_row.id, tuple(wish), retry_failed=retry_failed)
        connection.rollback()
    assert held == expected
    assert by_minute(held) == by_minute([entry for batch in news for entry in batch])
    assert missing == expected.unsettled(wish, retry_failed=retry_failed)
    assert minutes_of(missing) <= minutes_of(wish)


@with_database
@given(left=st.lists(windows_on_grid(), min_size=1, max_size=6), right=st.lists(windows_on_grid(), max_size=6))
def test_window_arithmetic_is_multirange_arithmetic(engine: Engine, left: list[Window], right: list[Window]) -> None:
    def ranges(windows: list[Window]) -> str:
        return "{" + ",".join(f"[{w.start.isoformat()},{w.end.isoformat()})" for w in windows) + "}"

    for operator, ours in (("-", subtract), ("*", intersect), ("+", union)):
        query = text(
            f"SELECT lower(w), upper(w) FROM unnest(CAST(:l AS tstzmultirange) {operator} CAST(:r AS tstzmultirange)) w"
        )
        with engine.connect() as connection:
            found = connection.execute(query, {"l": ranges(left), "r": ranges(right)}).all()
        assert tuple(Window(start, end) for start, end in found) == ours(left, right)
