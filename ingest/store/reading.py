"""What readers ask: series by the names they bear, and how many bars each holds. Present epochs only; writes nothing.

`instruments.find` answers what a name means at the command line; here everything that a name could mean is given, with
all former names, so that the choice is made in one place for a database and for a snapshot.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Connection, Engine, Integer, Text, bindparam, exists, func, or_, select
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import TIMESTAMP

from ingest.domain.window import Window
from ingest.store import bars as bar_store
from ingest.store.instruments import FIELDS
from ingest.store.series import SeriesRow, row_of
from ingest.store.tables import instrument_names, instruments, metadata, series

_NAMES = ("label", "symbol", "local_symbol")


@dataclass(frozen=True, slots=True)
class Name:
    """What an instrument was once called."""

    label: str
    symbol: str
    local_symbol: str


@dataclass(frozen=True, slots=True)
class NamedSeries:
    """A series, and the names its instrument no longer bears."""

    row: SeriesRow
    former: tuple[Name, ...] = ()


@dataclass(frozen=True, slots=True)
class Extent:
    """Bars of a series' present epoch: how many, the first `ts` and the last (None where there are none)."""

    rows: int = 0
    first: datetime | None = None
    last: datetime | None = None


@contextmanager
def one_state(engine: Engine) -> Iterator[Connection]:
    """A connection that sees the database as it is now for as long as the body runs, whoever loads meanwhile."""
    with engine.connect() as connection:
        steady = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with steady.begin():
            yield steady


def named(connection: Connection, names: Sequence[str] | None = None) -> tuple[NamedSeries, ...]:
    """Series whose instrument is, or was, called one of `names` (label, symbol, local symbol, `con_id:NUMBER`).

    Case is ignored; None gives every series. By label, bar size and id.
    """
    query = select(
        series.c.id.label("series_id"),
        *(series.c[name] for name in ("instrument_id", "epoch", "origin", "bar_size", "what_to_show", "use_rth")),
        *(instruments.c[name] for name in FIELDS),
    ).join_from(series, instruments, series.c.instrument_id == instruments.c.id)
    if names is not None:
        query = query.where(_could_be(names))
    found = [(row.instrument_id, row_of(row._mapping)) for row in connection.execute(query)]
    former = _former(connection, {owner for owner, _ in found})
    listed = [NamedSeries(row, former.get(owner, ())) for owner, row in found]
    return tuple(sorted(listed, key=lambda each: _order(each.row)))


def extents(connection: Connection, rows: Mapping[SeriesRow, Window | None]) -> dict[int, Extent]:
    """The extent of each series within its window (None: of all of it), by series id. Reads the index, not the bars."""
    found = {row.id: Extent() for row in rows}
    for table in ("bars_intraday", "bars_daily"):
        own = {row: window for row, window in rows.items() if bar_store.table_of(row) == table}
        if own:
            found |= _extents(connection, table, own)
    return found


def _order(row: SeriesRow) -> tuple[str, int, int]:
    return row.series.instrument.label, row.series.bar_size.seconds, row.id


def _could_be(names: Sequence[str]) -> ColumnElement[bool]:
    lowered = [name.strip().lower() for name in names]
    numbers = [name.removeprefix("con_id:") for name in lowered if name.startswith("con_id:")]
    con_ids = [int(number) for number in numbers if number.isdecimal() and len(number) < 19]
    was = exists().where(instrument_names.c.instrument_id == instruments.c.id, _called(instrument_names.c, names))
    return or_(_called(instruments.c, names), instruments.c.con_id.in_(con_ids), was)


def _called(columns: Any, names: Sequence[str]) -> ColumnElement[bool]:
    wanted = [func.lower(name.strip()) for name in names]  # the server's idea of case on both sides
    return or_(*(func.lower(columns[column]).in_(wanted) for column in _NAMES))


def _former(connection: Connection, instrument_ids: set[int]) -> dict[int, tuple[Name, ...]]:
    columns = instrument_names.c
    query = select(columns.instrument_id, *(columns[name] for name in _NAMES)).where(
        columns.instrument_id.in_(instrument_ids), columns.seen_to.is_not(None)
    )
    names: dict[int, tuple[Name, ...]] = {}
    for owner, *parts in connection.execute(query.order_by(columns.instrument_id, columns.seen_from)):
        names[owner] = (*names.get(owner, ()), Name(*parts))
    return names


def _extents(connection: Connection, name: str, rows: Mapping[SeriesRow, Window | None]) -> dict[int, Extent]:
    bars = metadata.tables[f"{metadata.schema}.{name}"].c
    spans = func.unnest(
        _array("ids", Integer()), _array("epochs", Integer()), _moments("starts"), _moments("ends")
    ).table_valued("series_id", "epoch", "starts", "ends")
    asked = spans.render_derived(name="asked").c
    query = (
        select(asked.series_id, func.count(), func.min(bars.ts), func.max(bars.ts))
        .where(bars.series_id == asked.series_id, bars.epoch == asked.epoch)
        .where(bars.ts >= asked.starts, bars.ts < asked.ends)
        .group_by(asked.series_id)
    )
    arguments = {
        "ids": [row.id for row in rows],
        "epochs": [row.epoch for row in rows],
        "starts": [window.start.isoformat() if window else "-infinity" for window in rows.values()],
        "ends": [window.end.isoformat() if window else "infinity" for window in rows.values()],
    }
    return {series_id: Extent(*facts) for series_id, *facts in connection.execute(query, arguments)}


def _array(name: str, kind: Integer) -> ColumnElement[Any]:
    return sql_cast(bindparam(name, type_=ARRAY(kind)), ARRAY(kind))


def _moments(name: str) -> ColumnElement[Any]:
    """As text, because only text can say infinity."""
    return sql_cast(bindparam(name, type_=ARRAY(Text())), ARRAY(TIMESTAMP(timezone=True)))
