"""Wishes with series and ledgers in the database, as the tests of what is made of them start from."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from ingest.domain.bar_size import BarSize
from ingest.domain.instrument import Instrument
from ingest.domain.ledger import Entry, State
from ingest.domain.series import Origin, Series
from ingest.store import firings, ledger, series, wishes
from ingest.store.series import SeriesRow
from ingest.wishes import Ago, Cron, Job, SeriesWish, Universe, Want
from ingest.wishes.document import document_of
from tests import given

DAILY, MINUTES = given.series(bar_size=BarSize.DAY_1), given.series()


def job(name: str = "nightly", since: str = "2024-06-03", **more: Any) -> Job:
    values: dict[str, Any] = {
        "universe": Universe(("AAPL",)),
        "series": (SeriesWish(BarSize.DAY_1), SeriesWish(BarSize.MIN_1)),
        "want": Want(given.at(since).date()),
        "schedule": Cron("45 20 * * mon-fri", "UTC"),
    }
    return Job(name=name, path=Path(f"jobs/{name}.toml"), **values | more)


def wish(connection: Connection, wished: Job, *found: Series, origin: Origin = Origin.LIVE) -> tuple[SeriesRow, ...]:
    """A wish that has come to these series."""
    wishes.save(connection, wished.name, str(wished.path), document_of(wished), None)
    rows = tuple(series.ensure(connection, each, origin) for each in found)
    wishes.put_series(connection, wished.name, [row.id for row in rows])
    return rows


def fired(connection: Connection, wished: Job, due_at: datetime, unmet: Sequence[dict[str, str]] = ()) -> int:
    """A firing of it that has been expanded."""
    made = firings.fire(connection, wished.name, due_at, "schedule", document_of(wished))
    assert made is not None
    firings.mark_expanded(connection, made, unmet)
    return made


def hold(
    connection: Connection, row: SeriesRow, start: str, end: str, state: State = State.COVERED, reason: str = ""
) -> None:
    ledger.record(connection, row.id, [Entry(given.window(start, end), state, reason)], None)


def refuse(connection: Connection, row: SeriesRow, start: str, end: str) -> None:
    """For good."""
    entry = Entry(given.window(start, end), State.FAILED, "No permission.", permanent=True)
    ledger.record(connection, row.id, [entry], None)


def stocks(many: int) -> list[Instrument]:
    return [
        Instrument(1000 + n, f"S{n:04}", "STK", "SMART", "USD", primary_exchange="NASDAQ", local_symbol=f"S{n:04}")
        for n in range(many)
    ]


__all__ = ["DAILY", "MINUTES", "Ago", "fired", "hold", "job", "refuse", "stocks", "wish"]
