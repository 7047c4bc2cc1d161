"""Bookings: requests under IB's rules for small ones, entered in the log before they leave.

Every process of a login looks and writes here under the login's lock, so that together they keep the rules that IB
counts by login; and what a killed process had sent is still known. Times are by the database's clock, as ages: the
clocks of several machines need not agree. A booking promises that its request leaves before `booked_at`, which
therefore lies a grace ahead when it is made.
"""

from collections.abc import Collection

from sqlalchemy import Connection, bindparam
from sqlalchemy.dialects.postgresql import TSTZRANGE

from ingest.domain.answer import RequestRecord
from ingest.store.requests import listed, record_of, values_of
from ingest.store.series import SeriesRow
from ingest.store.sql import statement
from ingest.store.tables import requests as table

_LOCK_SPACE = 0x1B03  # the first of the two keys of a login's advisory lock; the second is its name's hash


def hold_login(connection: Connection, login: str) -> None:
    """Keep the login's other processes from booking until this transaction ends; waits for them to end theirs."""
    connection.execute(statement("hold_login"), {"space": _LOCK_SPACE, "login": login})


def past(connection: Connection, login: str, seconds: float) -> dict[int, float]:
    """What was booked in the last `seconds`: by its id in the log, its age (below 0 within its grace)."""
    found = connection.execute(statement("booked_requests"), {"login": login, "seconds": seconds})
    return {row.id: row.age for row in found}


def records(connection: Connection, request_ids: Collection[int]) -> dict[int, RequestRecord]:
    """The requests of these ids."""
    chosen = listed().where(table.c.id.in_(request_ids))
    return {row["request_id"]: record_of(row) for row in connection.execute(chosen).mappings()}


def enter(connection: Connection, row: SeriesRow, record: RequestRecord, grace_seconds: float) -> int:
    """Book a request that leaves within `grace_seconds`. Gives its id in the log."""
    values = values_of(row, record) | {"grace": grace_seconds}
    booked = statement("book_request").bindparams(bindparam("asked", type_=TSTZRANGE))
    return int(connection.execute(booked, values).scalar_one())


def move(connection: Connection, request_id: int, record: RequestRecord, grace_seconds: float) -> None:
    """Book a request anew that did not leave in time."""
    values = {"id": request_id, "sent_at": record.sent_at, "grace": grace_seconds}
    connection.execute(statement("rebook_request"), values)
