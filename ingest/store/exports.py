"""The log of Parquet snapshots: where each was published, when, and its manifest."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from ingest.store.tables import exports as table


@dataclass(frozen=True, slots=True)
class Export:
    id: int
    at: datetime
    path: str
    manifest: Mapping[str, Any]


def save(connection: Connection, path: str, manifest: Mapping[str, Any], at: datetime) -> int:
    """Note a published snapshot. Gives its id."""
    values = {"path": path, "manifest": dict(manifest), "at": at}
    return int(connection.execute(insert(table).values(**values).returning(table.c.id)).scalar_one())


def listing(connection: Connection, *, limit: int = 50) -> tuple[Export, ...]:
    """The latest snapshots, newest first."""
    columns = (table.c.id, table.c.at, table.c.path, table.c.manifest)
    found = connection.execute(select(*columns).order_by(table.c.id.desc()).limit(limit))
    return tuple(Export(*row) for row in found)
