"""Wishes as the scheduler last read them, and the series each came to when it was last expanded.

A removed wish stays listed with `removed_at`, and so does a wish without a schedule (its `next_due` is None).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from ingest.store import series
from ingest.store.queue_tables import wish_series
from ingest.store.queue_tables import wishes as table
from ingest.store.series import SeriesRow

_COLUMNS = tuple(table.c[name] for name in ("name", "path", "document", "next_due", "read_at", "removed_at"))


@dataclass(frozen=True, slots=True)
class WishRow:
    """A wish. `next_due` is the first occurrence that is not fired yet, by the product's clock."""

    name: str
    path: str
    document: Mapping[str, Any]
    next_due: datetime | None
    read_at: datetime
    removed_at: datetime | None = None


def save(connection: Connection, name: str, path: str, document: Mapping[str, Any], next_due: datetime | None) -> None:
    """Keep a wish as it is now; one that was removed is there again."""
    news = {"path": path, "document": dict(document), "next_due": next_due, "removed_at": None}
    added = insert(table).values(name=name, **news)
    connection.execute(added.on_conflict_do_update(constraint="wishes_pk", set_=news | {"read_at": func.now()}))


def set_next_due(connection: Connection, name: str, next_due: datetime | None) -> None:
    """Of a wish that is there; a removed one has none."""
    there = update(table).where(table.c.name == name, table.c.removed_at.is_(None))
    connection.execute(there.values(next_due=next_due))


def remove(connection: Connection, name: str) -> None:
    """Note that its file is gone. What was fired of it goes on."""
    gone = update(table).where(table.c.name == name, table.c.removed_at.is_(None))
    connection.execute(gone.values(removed_at=func.now(), next_due=None))


def by_name(connection: Connection, name: str) -> WishRow | None:
    found = connection.execute(select(*_COLUMNS).where(table.c.name == name)).one_or_none()
    return None if found is None else WishRow(*found)


def listing(connection: Connection) -> tuple[WishRow, ...]:
    """By name, removed ones included."""
    return tuple(WishRow(*found) for found in connection.execute(select(*_COLUMNS).order_by(table.c.name)))


def put_series(connection: Connection, wish: str, series_ids: Collection[int]) -> None:
    """Say which series a wish comes to; those it came to before and does not now are forgotten."""
    mine = wish_series.c.wish == wish
    connection.execute(delete(wish_series).where(mine, wish_series.c.series_id.not_in(list(series_ids))))
    if series_ids:
        rows = [{"wish": wish, "series_id": each} for each in sorted(set(series_ids))]
        connection.execute(insert(wish_series).on_conflict_do_nothing(constraint="wish_series_pk"), rows)


def series_of(connection: Connection, wish: str) -> tuple[SeriesRow, ...]:
    """The series of a wish as last expanded, by label, bar size and data type."""
    ids = connection.execute(select(wish_series.c.series_id).where(wish_series.c.wish == wish)).scalars().all()
    return series.listing(connection, series_ids=ids)
