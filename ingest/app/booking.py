"""`DatabaseBook`: bookings in the `requests` table, one short transaction each, in a thread of their own.

A transaction takes the login's lock, looks at what all its processes booked in the last minutes, lets the pacer's rules
decide, and books or leaves. Ages are the database's; a faster clock (`scale`) makes them so many times as old.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

import structlog
from sqlalchemy import Connection, Engine

from ingest.clock import Clock
from ingest.domain.answer import RequestRecord
from ingest.domain.series import Origin, Series
from ingest.errors import DatabaseError, DatabaseUnreachable
from ingest.gateway.booking import Past, Turn
from ingest.gateway.pacing import PacingRules, RequestCost, wait_after
from ingest.store import bookings, requests
from ingest.store import series as series_store
from ingest.store.series import SeriesRow

T = TypeVar("T")
_log = structlog.get_logger()

#: A database that restarts is waited for; without the book no small request may leave.
_PAUSES_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 30.0, 30.0)


@dataclass(frozen=True, slots=True)
class DatabaseBook:
    """The book. `clock` is the gate's own; `scale` how many of its seconds pass in one of the database's."""

    engine: Engine
    clock: Clock
    rules: PacingRules
    scale: float = 1.0
    _known: dict[int, RequestCost] = field(default_factory=dict)
    _rows: dict[tuple[Series, Origin], SeriesRow] = field(default_factory=dict)

    async def book(self, draft: RequestRecord, grace: float, *, instead_of: int | None = None, spare: int = 0) -> Turn:
        """Book a request, or say how long to wait. Raises DatabaseError; an absent database is waited for first."""
        return await self._patiently(lambda: self._book(draft, grace, instead_of, spare))

    async def close(self, record: RequestRecord) -> None:
        """Finish a booked request that brought no answer. Its settlement does the same again; so failing is no harm."""
        try:
            await asyncio.to_thread(self._close, record)
        except DatabaseError as error:
            _log.warning("booking_left_open", request_id=record.request_id, because=str(error))

    def past(self, login: str) -> Past:
        """What a login booked in the last minutes, as (age, cost)."""
        with self.engine.connect() as connection:
            return self._past(connection, login, None)

    def _book(self, draft: RequestRecord, grace: float, instead_of: int | None, spare: int) -> Turn:
        login, cost = draft.login.name, RequestCost.of_record(draft)
        with self.engine.begin() as connection:
            bookings.hold_login(connection, login)
            past = self._past(connection, login, instead_of)
            wait = wait_after(self.rules, past, replace(cost, spare=spare))
            if wait > 0:
                return Turn(wait, past)
            leaves_by = self.clock.monotonic() + grace
            seconds = grace / self.scale
            row = self._row(connection, draft)
            if instead_of is None:
                request_id = bookings.enter(connection, row, draft, seconds)
            else:
                request_id = instead_of
                bookings.move(connection, request_id, draft, seconds)
        self._known[request_id] = cost
        self._rows[draft.series, draft.login.origin] = row  # not before the commit, which may fail
        return Turn(0.0, (*past, (-grace, cost)), request_id, leaves_by)

    def _past(self, connection: Connection, login: str, but: int | None) -> Past:
        """Only what was not seen before is read whole; the rest is known by its id."""
        seconds = (self.rules.budget_seconds + self.rules.guard + 1.0) / self.scale
        ages = bookings.past(connection, login, seconds)
        costs = {number: self._known[number] for number in ages if number in self._known}
        if strange := ages.keys() - costs.keys():
            found = bookings.records(connection, strange)
            costs |= {number: RequestCost.of_record(record) for number, record in found.items()}
        self._known.clear()
        self._known.update(costs)
        return tuple((ages[number] * self.scale, cost) for number, cost in costs.items() if number != but)

    def _row(self, connection: Connection, record: RequestRecord) -> SeriesRow:
        known = self._rows.get((record.series, record.login.origin))
        return known or series_store.ensure(connection, record.series, record.login.origin)

    def _close(self, record: RequestRecord) -> None:
        with self.engine.begin() as connection:
            row = self._row(connection, record)
            requests.save(connection, row, record)

    async def _patiently(self, work: Callable[[], T]) -> T:
        for pause in _PAUSES_SECONDS:
            try:
                return await asyncio.to_thread(work)
            except DatabaseUnreachable as error:
                _log.warning("booking_waits", because=str(error), retry_in_seconds=pause)
            await self.clock.sleep(pause * self.scale)
        return await asyncio.to_thread(work)
