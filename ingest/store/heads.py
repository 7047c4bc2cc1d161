"""Head timestamps: the first moment IB says it has for an instrument and data type, or that it has none."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from ingest.domain.what import WhatToShow
from ingest.store.tables import head_timestamps as table


@dataclass(frozen=True, slots=True)
class Head:
    """`moment` None: IB was asked and knows none."""

    moment: datetime | None
    asked_at: datetime
    request_id: int | None = None


def save(connection: Connection, instrument_id: int, what: WhatToShow, head: Head) -> None:
    """Keep the answer; a later one replaces it."""
    values = {"head": head.moment, "asked_at": head.asked_at, "request_id": head.request_id}
    statement = insert(table).values(instrument_id=instrument_id, what_to_show=what, **values)
    connection.execute(statement.on_conflict_do_update(constraint="head_timestamps_pk", set_=values))


def read(connection: Connection, instrument_id: int, what: WhatToShow) -> Head | None:
    """The last answer, None when it was never asked."""
    chosen = select(table.c.head, table.c.asked_at, table.c.request_id)
    found = connection.execute(
        chosen.where(table.c.instrument_id == instrument_id, table.c.what_to_show == what)
    ).one_or_none()
    return None if found is None else Head(*found)
