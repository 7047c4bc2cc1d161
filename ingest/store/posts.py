"""Which workers there are and what they do, as they say themselves every few seconds."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, distinct, func, insert, select, tuple_, update

from ingest.store.queue_tables import workers as table

_SILENT = timedelta(seconds=30)
_AT_WORK = timedelta(seconds=10)  # one that has not signed for so long is hardly sending anything


@dataclass(frozen=True, slots=True)
class PostRow:
    """One gateway of one process. `is_silent`: it has not signed for half a minute, so it may be dead."""

    id: int
    gateway: str
    login: str
    host: str
    pid: int
    state: str
    note: str
    running: int
    started_at: datetime
    seen_at: datetime
    is_silent: bool


def sign_on(connection: Connection, gateway: str, login: str, host: str, pid: int) -> int:
    """A new row; rows of processes that have been silent for a day are forgotten."""
    connection.execute(delete(table).where(table.c.seen_at < func.now() - timedelta(days=1)))
    values = {"gateway": gateway, "login": login, "host": host, "pid": pid, "state": "connecting"}
    return int(connection.execute(insert(table).values(**values).returning(table.c.id)).scalar_one())


def sign(connection: Connection, post_id: int, state: str, note: str, running: int) -> bool:
    """False: there is no such row any more."""
    seen = update(table).where(table.c.id == post_id)
    done = connection.execute(seen.values(state=state, note=note, running=running, seen_at=func.now()))
    return done.rowcount > 0


def sign_off(connection: Connection, *post_ids: int) -> None:
    connection.execute(delete(table).where(table.c.id.in_(post_ids)))


def processes_on(connection: Connection, login: str) -> int:
    """How many processes work with a login at this moment."""
    at_work = (table.c.login == login) & (table.c.seen_at >= func.now() - _AT_WORK)
    counted = select(func.count(distinct(tuple_(table.c.host, table.c.pid)))).where(at_work)
    return int(connection.execute(counted).scalar_one())


def listing(connection: Connection) -> tuple[PostRow, ...]:
    """All that signed within a day, by gateway."""
    is_silent = (table.c.seen_at < func.now() - _SILENT).label("is_silent")
    found = connection.execute(select(*table.c, is_silent).order_by(table.c.gateway, table.c.id))
    return tuple(PostRow(**row._mapping) for row in found)
