"""The request log: every request as sent and as it ended. It seeds the pacer, and it is the proof behind the ledger.

A request is booked under its login's origin; the database refuses one on a series of the other origin.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, insert, select
from sqlalchemy.dialects.postgresql import Range

from ingest.domain.answer import GatewayLogin, RequestKind, RequestOutcome, RequestRecord
from ingest.domain.window import Window
from ingest.errors import DatabaseError
from ingest.store import instruments
from ingest.store.series import SeriesRow, row_of
from ingest.store.sql import statement
from ingest.store.tables import instruments as instrument_table
from ingest.store.tables import requests as table
from ingest.store.tables import series as series_table

Booking = tuple[SeriesRow, RequestRecord]


def save(connection: Connection, row: SeriesRow, record: RequestRecord) -> int:
    """Book a request as it is now (sent, or already ended), or finish the one whose `request_id` it has. Gives the id.

    Raises OriginConflict when the login is of the other origin than the series.
    """
    return save_all(connection, [(row, record)])[0]


def save_all(connection: Connection, bookings: Sequence[Booking]) -> list[int]:
    """As `save`, for several at once in at most two statements; ids in the given order."""
    fresh = [values_of(row, record) for row, record in bookings if record.request_id is None]
    ids = iter(_insert(connection, fresh) if fresh else ())
    _finish(connection, [booking for booking in bookings if booking[1].request_id is not None])
    return [record.request_id if record.request_id is not None else next(ids) for _, record in bookings]


def recent(connection: Connection, login: str, since: datetime) -> tuple[RequestRecord, ...]:
    """What a login sent since a moment, in order: the pacer's memory across restarts and processes."""
    chosen = listed().where(table.c.login == login, table.c.sent_at >= since)
    return tuple(record_of(row) for row in connection.execute(chosen).mappings())


def proof(connection: Connection, series_id: int, window: Window | None = None) -> tuple[RequestRecord, ...]:
    """The requests that asked for any of a window of a series, in order of sending; None: all of them."""
    chosen = listed().where(table.c.series_id == series_id)
    if window is not None:
        chosen = chosen.where(table.c.asked.op("&&")(func.tstzrange(window.start, window.end)))
    return tuple(record_of(row) for row in connection.execute(chosen).mappings())


def _insert(connection: Connection, rows: list[dict[str, Any]]) -> list[int]:
    # One statement for up to a thousand rows; the ids come back in the order of the rows.
    made = insert(table).returning(table.c.id, sort_by_parameter_order=True)
    return list(connection.execute(made, rows).scalars())


def _finish(connection: Connection, bookings: Sequence[Booking]) -> None:
    if not bookings:
        return
    records = [record for _, record in bookings]
    done = connection.execute(
        statement("requests_finish"),
        {
            "ids": [record.request_id for record in records],
            "series_ids": [row.id for row, _ in bookings],
            "origins": [record.login.origin.value for record in records],
            "ended_ats": [record.ended_at for record in records],
            "outcomes": [record.outcome.value for record in records],
            "codes": [record.code for record in records],
            "texts": [record.text for record in records],
            "bar_counts": [record.bar_count for record in records],
        },
    )
    if done.rowcount != len(bookings):
        named = ", ".join(f"{record.request_id} ({row})" for row, record in bookings)
        raise DatabaseError(f"The request log does not hold all of the requests {named} as sent for these series.")


def values_of(row: SeriesRow, record: RequestRecord) -> dict[str, Any]:
    """The columns of a request, but for its id."""
    login, asked = record.login, record.window
    return {
        "series_id": row.id,
        "origin": login.origin.value,
        "kind": record.kind.value,
        "login": login.name,
        "accounts": ",".join(login.accounts),
        "client_id": login.client_id,
        "server_version": login.server_version,
        "connection_time": login.connection_time,
        "client_package": login.client_package,
        "sent_at": record.sent_at,
        "ended_at": record.ended_at,
        "asked": None if asked is None else Range(asked.start, asked.end, bounds="[)"),
        "end_text": record.end_text,
        "duration": record.duration,
        "outcome": record.outcome.value,
        "code": record.code,
        "text": record.text,
        "bar_count": record.bar_count,
    }


def listed() -> Select[Any]:
    """Requests with their series and instruments, in order of sending, for `record_of`."""
    own = (column for column in table.c if column.name not in ("series_id", "origin", "booked_at"))
    return (
        select(
            *(column.label(f"request_{column.name}") for column in own),
            series_table.c.id.label("series_id"),
            *(series_table.c[name] for name in ("epoch", "origin", "bar_size", "what_to_show", "use_rth")),
            *(instrument_table.c[name] for name in instruments.FIELDS),
        )
        .join_from(table, series_table, table.c.series_id == series_table.c.id)
        .join(instrument_table, series_table.c.instrument_id == instrument_table.c.id)
        .order_by(table.c.sent_at, table.c.id)
    )


def record_of(row: Any) -> RequestRecord:
    """A request from a mapping with the columns of `listed`."""
    own = {name.removeprefix("request_"): value for name, value in row.items() if name.startswith("request_")}
    login = GatewayLogin(
        name=own["login"],
        accounts=tuple(own["accounts"].split(",")) if own["accounts"] else (),
        server_version=own["server_version"],
        client_id=own["client_id"],
        connection_time=own["connection_time"],
        client_package=own["client_package"],
    )
    return RequestRecord(
        kind=RequestKind(own["kind"]),
        series=row_of(row).series,
        login=login,
        sent_at=own["sent_at"],
        outcome=RequestOutcome(own["outcome"]),
        ended_at=own["ended_at"],
        window=None if own["asked"] is None else Window(own["asked"].lower, own["asked"].upper),
        end_text=own["end_text"],
        duration=own["duration"],
        code=own["code"],
        text=own["text"],
        bar_count=own["bar_count"],
        request_id=own["id"],
    )
