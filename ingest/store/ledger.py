"""The ledger in the database: read as the domain's `Ledger`, written by the same rules (later news win, equals merge).

The exclusion constraint `ledger_one_state` is the judge: no code here can put a minute into two states.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, delete, select

from ingest.domain.ledger import Entry, Ledger, State
from ingest.domain.window import Window, Windows, normalise, subtract
from ingest.store.sql import statement
from ingest.store.tables import ledger as table


@dataclass(frozen=True, slots=True)
class News:
    """An entry for a series, and the request it was learned by."""

    series_id: int
    entry: Entry
    request_id: int | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """Of one series: the time in one state, the number of stretches, the first start and the last end."""

    series_id: int
    state: State
    span: timedelta
    stretches: int
    window: Window


def read(connection: Connection, series_id: int) -> Ledger:
    """The whole ledger of a series."""
    return read_many(connection, [series_id])[series_id]


def read_many(connection: Connection, series_ids: Sequence[int]) -> dict[int, Ledger]:
    """The ledgers of several series in one query; empty ones included."""
    columns = (table.c.series_id, table.c.held, table.c.state, table.c.reason, table.c.permanent)
    found = connection.execute(select(*columns).where(table.c.series_id.in_(series_ids)).order_by(*columns[:2]))
    entries: dict[int, list[Entry]] = {series_id: [] for series_id in series_ids}
    for series_id, held, state, reason, permanent in found:
        entries[series_id].append(Entry(Window(held.lower, held.upper), State(state), reason, permanent))
    return {series_id: Ledger(tuple(listed)) for series_id, listed in entries.items()}


def record(connection: Connection, series_id: int, entries: Iterable[Entry], request_id: int | None) -> None:
    """Write what one request taught about a series."""
    record_all(connection, [News(series_id, entry, request_id) for entry in entries])


def record_all(connection: Connection, news: Sequence[News]) -> None:
    """Write news of any number of series in one statement; of the same time, later ones win."""
    pieces = _disjoint(news)
    if not pieces:
        return
    connection.execute(
        statement("ledger_record"),
        {
            "series_ids": [piece.series_id for piece in pieces],
            "starts": [piece.entry.window.start for piece in pieces],
            "ends": [piece.entry.window.end for piece in pieces],
            "states": [piece.entry.state.value for piece in pieces],
            "reasons": [piece.entry.reason for piece in pieces],
            "permanents": [piece.entry.permanent for piece in pieces],
            "request_ids": [piece.request_id for piece in pieces],
        },
    )


def forget(connection: Connection, series_id: int) -> None:
    """Drop all that is known of a series, because a new whole answer replaces it."""
    connection.execute(delete(table).where(table.c.series_id == series_id))


def missing(connection: Connection, series_id: int, wish: Windows, *, retry_failed: bool = False) -> Windows:
    """`wish − settled` as the database computes it; equals `Ledger.unsettled`, without fetching the ledger."""
    if not wish:
        return ()
    found = connection.execute(
        statement("ledger_missing"),
        {
            "series_id": series_id,
            "retry_failed": retry_failed,
            "starts": [window.start for window in wish],
            "ends": [window.end for window in wish],
        },
    )
    return normalise(Window(start, end) for start, end in found)


def summary(connection: Connection, series_ids: Sequence[int] | None = None) -> tuple[Held, ...]:
    """How much time each series holds in each state; None: all series. Unknown time has no row."""
    given = None if series_ids is None else list(series_ids)
    found = connection.execute(statement("ledger_summary"), {"series_ids": given})
    return tuple(
        Held(row.series_id, State(row.state), row.held, row.stretches, Window(row.first, row.last)) for row in found
    )


def _disjoint(news: Sequence[News]) -> list[News]:
    """The same news without overlaps: of each series' time, only the last word."""
    kept: dict[int, list[News]] = {}
    for new in news:
        before = kept.get(new.series_id, [])
        kept[new.series_id] = [part for old in before for part in _around(old, new.entry.window)] + [new]
    return [piece for pieces in kept.values() for piece in pieces]


def _around(old: News, window: Window) -> list[News]:
    entry = old.entry
    if not entry.window.overlaps(window):
        return [old]
    rests = subtract([entry.window], [window])
    return [News(old.series_id, Entry(r, entry.state, entry.reason, entry.permanent), old.request_id) for r in rests]
