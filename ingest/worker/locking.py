"""The locks that keep two runs off one series, on a connection of their own that can be lost and replaced.

They are advisory locks of a session in autocommit: they hold no transaction open and end with the session, so a killed
run leaves none behind. `Locks` is one run's; `SharedLocks` is one connection for all that a worker does at a time.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import structlog
from sqlalchemy import Connection, Engine

from ingest.clock import blocking_sleep
from ingest.errors import DatabaseError, SeriesBusy
from ingest.store import series as series_store
from ingest.store.engine import answers, create_engine
from ingest.store.series import LockHolder, SeriesRow

log = structlog.get_logger()

#: The server may believe for a while in a session that we have lost. It is ended there, which takes milliseconds.
_GHOST_LOOKS, _GHOST_SECONDS = 100, 0.05
_UNLOCK_SECONDS = 1.0


class LockKeeper(Protocol):
    """What a run needs of its locks."""

    def take(self, row: SeriesRow) -> None:
        """Raises SeriesBusy, naming who has it."""
        ...

    def retake(self) -> None:
        """After an outage: the old session's locks are gone. Raises SeriesBusy when somebody else was faster."""
        ...


@asynccontextmanager
async def held(locks: AbstractContextManager[LockKeeper]) -> AsyncIterator[LockKeeper]:
    """The locks while the body runs; given back in a thread, because a database that hangs must not stop the loop."""
    keeper = locks.__enter__()
    try:
        yield keeper
    finally:
        await asyncio.to_thread(locks.__exit__, None, None, None)


@dataclass(slots=True)
class Locks:
    """`take` series one by one; `retake` all of them after the database was away; `release` at the end.

    A run that is cancelled ends while a thread of it may still be taking locks: `release` waits for the one that is
    being taken, and afterwards none can be, or it would be held until the process ends.
    """

    engine: Engine
    rows: list[SeriesRow] = field(default_factory=list)
    _session: Connection | None = None
    _backend: int = 0
    _ghost: int = 0
    _is_over: bool = False
    _mutex: "threading.RLock" = field(default_factory=threading.RLock)

    @classmethod
    @contextmanager
    def on(cls, engine: Engine) -> Iterator["Locks"]:
        locks = cls(engine)
        try:
            yield locks
        finally:
            locks.release()

    def take(self, row: SeriesRow) -> None:
        holder = self.try_take(row)
        if holder is not None:
            raise _busy(row, holder)

    def try_take(self, row: SeriesRow) -> LockHolder | None:
        """None: it is ours; else who has it."""
        with self._mutex:
            return self._try_take(row)

    def _try_take(self, row: SeriesRow) -> LockHolder | None:
        if self._is_over:
            raise _over(row)
        holder = series_store.try_lock(self._open(), row.id)
        for _ in range(_GHOST_LOOKS):
            if holder is None or holder.backend_pid != self._ghost:
                break
            series_store.end_session(self._open(), self._ghost)
            blocking_sleep(_GHOST_SECONDS)
            holder = series_store.try_lock(self._open(), row.id)
        if holder is None:
            self.rows.append(row)
        return holder

    def give_back(self, row: SeriesRow) -> None:
        """One of them. Where the session was lost it is free already."""
        self.rows.remove(row)
        if self._session is not None and not self._session.invalidated:
            try:
                series_store.unlock(self._session, row.id)
            except DatabaseError as error:
                log.debug("lock_session_lost", why=error.message)

    def retake(self) -> None:
        for row, holder in self.reopen():
            raise _busy(row, holder)

    def reopen(self) -> list[tuple[SeriesRow, LockHolder]]:
        """After an outage: take again what can be had, and give what could not. While it lasts none is forgotten."""
        rows, self.rows = self.rows, []
        self._drop()
        try:
            found = [(row, self.try_take(row)) for row in rows]
        except DatabaseError:
            self.rows = rows
            raise
        return [(row, holder) for row, holder in found if holder is not None]

    def release(self) -> None:
        """Give all back. Where the database is away there is nothing left to give back."""
        with self._mutex:
            self._is_over = True
            self.rows.clear()
            unlocking = threading.Thread(target=self._unlock, daemon=True)
            unlocking.start()
            unlocking.join(_UNLOCK_SECONDS)  # a database that hangs is left to notice that the session is gone
            self._drop()

    def _unlock(self) -> None:
        """At once: with the session they would go a moment later, and who comes next would find the series busy."""
        if self._session is not None and not self._session.invalidated:
            try:
                series_store.unlock_all(self._session)
            except DatabaseError as error:
                log.debug("lock_session_lost", why=error.message)

    def _open(self) -> Connection:
        if self._session is None:
            self._session = self.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            self._ghost, self._backend = self._backend, series_store.backend_pid(self._session)
        return self._session

    @property
    def is_known_lost(self) -> bool:
        """Whether the session was seen to have ended by itself; it cannot be used again."""
        return bool(self.rows) if self._session is None else self._session.invalidated

    @property
    def is_lost(self) -> bool:
        """The same, by asking."""
        return self.is_known_lost or (self._session is not None and not answers(self._session))

    def _drop(self) -> None:
        session, self._session = self._session, None
        if session is None:
            return
        try:
            session.invalidate()  # ends the session at the server, and its locks with it
            session.close()
        except DatabaseError as error:
            log.debug("lock_session_lost", why=error.message)


class SharedLocks:
    """One session's locks for many runs at a time, each of which sees only its own. Threads may share it.

    The session is held for days and there is one for each gateway, so it is none of the engine's pool.
    """

    def __init__(self, engine: Engine) -> None:
        self._locks = Locks(create_engine(engine.url, pooled=False))
        self._lost: set[int] = set()
        self._mutex = threading.Lock()

    @contextmanager
    def share(self, _engine: Engine) -> Iterator["Share"]:
        """A run's part, given back at the end."""
        part = Share(self)
        try:
            yield part
        finally:
            part.release()

    def close(self) -> None:
        with self._mutex:
            self._locks.release()

    def take(self, row: SeriesRow) -> None:
        with self._mutex:
            if any(row.id == own.id for own in self._locks.rows):  # a session may lock twice what it holds
                raise SeriesBusy(f"{row} is being filled by this worker already.", hint="Wait for it.")
            if self._locks.is_known_lost:
                self._reopen()
            holder = self._locks.try_take(row)
        if holder is not None:
            raise _busy(row, holder)

    def give_back(self, row: SeriesRow) -> None:
        with self._mutex:
            self._lost.discard(row.id)
            if row in self._locks.rows:
                self._locks.give_back(row)

    def renew(self, rows: list[SeriesRow]) -> None:
        """After an outage, for one run's rows; the first to come renews for all. Raises SeriesBusy."""
        with self._mutex:
            if self._locks.is_lost:
                self._reopen()
            lost = [row for row in rows if row.id in self._lost]
        if lost:
            raise SeriesBusy(f"{lost[0]} was taken over while the database was away.", hint="Nothing needs doing.")

    def _reopen(self) -> None:
        self._lost |= {row.id for row, _ in self._locks.reopen()}


class Share:
    """A run's part of `SharedLocks`; as there, none is taken any more once it was released."""

    def __init__(self, locks: SharedLocks) -> None:
        self._locks = locks
        self._rows: list[SeriesRow] = []
        self._is_over = False
        self._mutex = threading.Lock()

    def take(self, row: SeriesRow) -> None:
        with self._mutex:
            if self._is_over:
                raise _over(row)
            self._locks.take(row)
            self._rows.append(row)

    def retake(self) -> None:
        self._locks.renew(self._rows)

    def release(self) -> None:
        with self._mutex:
            self._is_over = True
            while self._rows:
                self._locks.give_back(self._rows.pop())


def _over(row: SeriesRow) -> SeriesBusy:
    return SeriesBusy(f"{row} is not locked any more: the run has ended.", hint="Nothing needs doing.")


def _busy(row: SeriesRow, holder: LockHolder) -> SeriesBusy:
    return SeriesBusy(f"{row} is being filled by another run ({holder}).", hint="Wait for it, or stop it.")
