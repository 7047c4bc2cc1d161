"""How many stored bars came back different."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, func, select

from ingest.store.tables import requests, revisions


def count_since(connection: Connection, series_ids: Collection[int], since: datetime) -> int:
    """Bars of these series that were replaced by requests sent since then."""
    counted = select(func.count()).join_from(revisions, requests, revisions.c.replaced_by == requests.c.id)
    ours = revisions.c.series_id.in_(series_ids)
    return int(connection.execute(counted.where(ours, requests.c.sent_at >= since)).scalar_one())
