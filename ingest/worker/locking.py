"""The locks that keep two runs off one series, on a connection of their own that can be lost and replaced.

They are advisory locks of a session in autocommit: they hold no transaction open and end with the session, so a killed
run leaves none behind.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog
from sqlalchemy import Connection, Engine

from ingest.errors import DatabaseError, SeriesBusy
from ingest.store import series as series_store
from ingest.store.series import SeriesRow

log = structlog.get_logger()


@dataclass(slots=True)
class Locks:
    """`take` series one by one; `retake` all of them after the database was away; `release` at the end."""

    engine: Engine
    rows: list[SeriesRow] = field(default_factory=list)
    _session: Connection | None = None

    @classmethod
    @contextmanager
    def on(cls, engine: Engine) -> Iterator["Locks"]:
        locks = cls(engine)
        try:
            yield locks
        finally:
            locks.release()

    def take(self, row: SeriesRow) -> None:
        """Raises SeriesBusy, naming who has it."""
        holder = series_store.try_lock(self._open(), row.id)
        if holder is not None:
            raise SeriesBusy(f"{row} is being filled by another run ({holder}).", hint="Wait for it, or stop it.")
        self.rows.append(row)

    def retake(self) -> None:
        """After an outage: the old session's locks are gone. Raises SeriesBusy when somebody else was faster."""
        rows, self.rows = self.rows, []
        self._drop()
        for row in rows:
            self.take(row)

    def release(self) -> None:
        """Give all back. Where the database is away there is nothing left to give back."""
        self.rows.clear()
        self._drop()

    def _open(self) -> Connection:
        if self._session is None:
            self._session = self.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        return self._session

    def _drop(self) -> None:
        session, self._session = self._session, None
        if session is None:
            return
        try:
            session.invalidate()  # ends the session at the server, and its locks with it
            session.close()
        except DatabaseError as error:
            log.debug("lock_session_lost", why=error.message)
