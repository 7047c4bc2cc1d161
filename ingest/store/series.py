"""Series in the database, and the lock that lets one run at a time work on one."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select, update
from sqlalchemy.dialects.postgresql import insert

from ingest.domain.bar_size import BarSize
from ingest.domain.series import Origin, Series
from ingest.domain.what import WhatToShow
from ingest.errors import DatabaseError, SeriesBusy
from ingest.store import instruments
from ingest.store.sql import statement
from ingest.store.tables import instruments as instrument_table
from ingest.store.tables import series as series_table

_LOCK_SPACE = 0x1B02  # the first of the two keys of a series' advisory lock; the second is its id


@dataclass(frozen=True, slots=True)
class SeriesRow:
    """A series as stored. `epoch` counts the times IB served it whole and different; readers see the last one."""

    id: int
    epoch: int
    origin: Origin
    series: Series

    def __str__(self) -> str:
        return str(self.series)


@dataclass(frozen=True, slots=True)
class LockHolder:
    """Who holds a series: the session's name (with process and host) and when it connected."""

    backend_pid: int
    application: str
    connected_at: datetime

    def __str__(self) -> str:
        return f"{self.application}, connected since {self.connected_at:%Y-%m-%d %H:%M:%S} UTC"


def ensure(connection: Connection, series: Series, origin: Origin) -> SeriesRow:
    """The row of a series of this origin, made (with its instrument) where there is none."""
    known = find(connection, series, origin)
    if known is not None:
        return known
    owner = instruments.save(connection, series.instrument, origin)
    values = {
        "instrument_id": owner,
        "origin": origin,
        "bar_size": series.bar_size.value,
        "what_to_show": series.what,
        "use_rth": series.use_rth,
    }
    connection.execute(insert(series_table).values(**values).on_conflict_do_nothing(constraint="series_identity"))
    made = find(connection, series, origin)
    assert made is not None
    return made


def find(connection: Connection, series: Series, origin: Origin) -> SeriesRow | None:
    """The row of a series, by its instrument's con_id; its instrument is given as stored."""
    found = connection.execute(
        _listed().where(
            instrument_table.c.con_id == series.instrument.con_id,
            series_table.c.origin == origin,
            series_table.c.bar_size == series.bar_size.value,
            series_table.c.what_to_show == series.what,
            series_table.c.use_rth == series.use_rth,
        )
    ).one_or_none()
    return None if found is None else _row(found)


def by_id(connection: Connection, series_id: int) -> SeriesRow | None:
    found = connection.execute(_listed().where(series_table.c.id == series_id)).one_or_none()
    return None if found is None else _row(found)


def listing(
    connection: Connection,
    *,
    series_ids: Sequence[int] | None = None,
    instrument_ids: Sequence[int] | None = None,
    bar_size: BarSize | None = None,
    what: WhatToShow | None = None,
    use_rth: bool | None = None,
    origin: Origin | None = None,
) -> tuple[SeriesRow, ...]:
    """Series by label, bar size and data type; None means any."""
    query = _listed() if series_ids is None else _listed().where(series_table.c.id.in_(series_ids))
    if instrument_ids is not None:
        query = query.where(series_table.c.instrument_id.in_(instrument_ids))
    chosen: dict[str, object] = {"what_to_show": what, "use_rth": use_rth, "origin": origin}
    chosen["bar_size"] = None if bar_size is None else bar_size.value
    for name, value in chosen.items():
        if value is not None:
            query = query.where(series_table.c[name] == value)
    rows = [_row(found) for found in connection.execute(query)]
    return tuple(sorted(rows, key=lambda row: (row.series.instrument.label, row.series.bar_size.seconds, row.id)))


def hold(connection: Connection, series_ids: Collection[int]) -> dict[int, int]:
    """Keep other loaders off these series until the transaction ends; gives the present epoch of each.

    Raises DatabaseError when one is not in the database.
    """
    found = connection.execute(statement("series_hold"), {"series_ids": sorted(series_ids)})
    epochs = {row.id: row.epoch for row in found}
    if unknown := sorted(set(series_ids) - set(epochs)):
        raise DatabaseError(f"The database has no series {', '.join(map(str, unknown))}.", hint="Run it again.")
    return epochs


def open_epoch(connection: Connection, series_id: int) -> int:
    """Start a new epoch; from the commit on readers see only what is stored in it. Gives its number."""
    moved = update(series_table).where(series_table.c.id == series_id).values(epoch=series_table.c.epoch + 1)
    return int(connection.execute(moved.returning(series_table.c.epoch)).scalar_one())


def try_lock(connection: Connection, series_id: int) -> LockHolder | None:
    """Take the series for this session, over all its transactions; None means it is ours, else who has it.

    The lock ends with `unlock` or with the session, not with a commit: keep the connection for as long as it is held,
    and commit on it, so that the session does not sit in a transaction meanwhile.
    """
    keys = {"space": _LOCK_SPACE, "series_id": series_id}
    for _ in range(3):  # a holder may leave between the two questions
        if connection.execute(select(func.pg_try_advisory_lock(_LOCK_SPACE, series_id))).scalar():
            return None
        holder = connection.execute(statement("lock_holder"), keys).one_or_none()
        if holder is not None:
            return LockHolder(*holder)
    return LockHolder(0, "another session", connection.execute(select(func.now())).scalar_one())


def end_session(connection: Connection, backend_pid: int) -> None:
    """End a session of ours that the server still believes in, and with it its locks. It may take a moment."""
    connection.execute(select(func.pg_terminate_backend(backend_pid)))


def backend_pid(connection: Connection) -> int:
    """What the server knows this session by."""
    return int(connection.execute(select(func.pg_backend_pid())).scalar_one())


def unlock(connection: Connection, series_id: int) -> None:
    """Give back what `try_lock` took in this session."""
    connection.execute(select(func.pg_advisory_unlock(_LOCK_SPACE, series_id)))


def unlock_all(connection: Connection) -> None:
    """Give back all that this session holds."""
    connection.execute(select(func.pg_advisory_unlock_all()))


@contextmanager
def locked(connection: Connection, row: SeriesRow) -> Iterator[None]:
    """Hold a series while the body runs. Raises SeriesBusy, naming who has it."""
    holder = try_lock(connection, row.id)
    if holder is not None:
        raise SeriesBusy(f"{row} is being worked on by {holder}.", hint="Wait for it, or stop it.")
    try:
        yield
    finally:
        unlock(connection, row.id)


def _listed() -> Select[Any]:
    return select(
        series_table.c.id.label("series_id"),
        series_table.c.epoch,
        series_table.c.origin,
        series_table.c.bar_size,
        series_table.c.what_to_show,
        series_table.c.use_rth,
        *(instrument_table.c[name] for name in instruments.FIELDS),
    ).join_from(series_table, instrument_table, series_table.c.instrument_id == instrument_table.c.id)


def _row(found: Row[Any]) -> SeriesRow:
    return row_of(found._mapping)


def row_of(values: Any) -> SeriesRow:
    """A `SeriesRow` from a mapping with the series' columns (`series_id` for its id) and its instrument's."""
    series = Series(
        instruments.instrument_of(values),
        BarSize(values["bar_size"]),
        WhatToShow(values["what_to_show"]),
        values["use_rth"],
    )
    return SeriesRow(values["series_id"], values["epoch"], Origin(values["origin"]), series)
