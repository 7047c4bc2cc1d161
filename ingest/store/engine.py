"""`create_engine`: a SQLAlchemy engine on PostgreSQL ≥ 15 by psycopg 3, whose failures are errors of our own tree.

Sessions run in UTC and carry a name in `pg_stat_activity`, with our process and host, so that a person who finds a
series locked can find who holds it.
"""

import os
import socket
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool

from ingest.errors import DatabaseError, SettingsError
from ingest.store.failure import redacted, translate

__all__ = ["answers", "create_engine", "offers_timescale", "parse_url", "redacted"]

_OLDEST_SERVER = 150_000  # PostgreSQL 15: MERGE-era planner, multiranges since 14, UNIQUE NULLS NOT DISTINCT
_CONNECT_SECONDS = 10
# A server has a hundred connections for all its clients, and many workers may share it: more threads than these take
# turns, for as long as the database takes (a transaction that hangs is ended by others).
_POOL = {"pool_pre_ping": True, "pool_size": 5, "max_overflow": 3, "pool_timeout": 600}
_NAME_BYTES = 63  # PostgreSQL cuts longer application names
# TimescaleDB else refuses a load that touches more than 100,000 compressed bars. (Its releases before 2.14 do not know
# the setting and refuse the name; a plain server has no such row.)
_SESSION_SETTINGS = """
SELECT set_config('TimeZone', 'UTC', false)
UNION ALL
SELECT set_config(name, '0', false)
FROM pg_settings WHERE name = 'timescaledb.max_tuples_decompressed_per_dml_transaction'
"""


def parse_url(text_: str) -> URL:
    """A `postgres://`, `postgresql://` or `postgresql+psycopg://` URL, for psycopg 3. Raises SettingsError."""
    try:
        url = make_url(text_)
    except (ArgumentError, ValueError):
        raise SettingsError(
            "The database URL cannot be read.", hint="Write postgresql://user@host:5432/database."
        ) from None
    if url.drivername not in ("postgres", "postgresql", "postgresql+psycopg"):
        raise SettingsError(
            f"ingest keeps its bars in PostgreSQL, not in {url.drivername!r}.",
            hint="Write postgresql://user@host:5432/database.",
        )
    return url.set(drivername="postgresql+psycopg")


def create_engine(url: str | URL, *, purpose: str = "ingest", pooled: bool = True) -> Engine:
    """An engine for `url`; connects only when used. `purpose` is shown to others, such as "ingest sync".

    Every driver error that passes through it comes out as a DatabaseError of ours. Raises SettingsError for a bad URL.
    """
    parsed = parse_url(url) if isinstance(url, str) else url
    arguments: dict[str, Any] = {"connect_timeout": _CONNECT_SECONDS, "application_name": _application_name(purpose)}
    options: dict[str, Any] = _POOL if pooled else {"poolclass": NullPool}
    engine = sqlalchemy.create_engine(parsed, connect_args=arguments, **options)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "handle_error", _raise_ours)
    return engine


def offers_timescale(connection: Connection) -> bool:
    """Whether the server has TimescaleDB, installed in this database or ready to be."""
    found = connection.execute(text("SELECT count(*) FROM pg_available_extensions WHERE name = 'timescaledb'"))
    return bool(found.scalar())


def answers(connection: Connection) -> bool:
    """Whether the session behind a connection is still there."""
    try:
        connection.execute(text("SELECT"))
    except DatabaseError:
        return False
    return not connection.invalidated


def _application_name(purpose: str) -> str:
    name = f"{purpose} (pid {os.getpid()} on {socket.gethostname()}"
    return name.encode("ascii", "replace")[: _NAME_BYTES - 1].decode() + ")"


def _prepare(session: Any, _record: object) -> None:
    version = session.info.server_version
    if version < _OLDEST_SERVER:
        raise DatabaseError(
            f"The database server is PostgreSQL {version // 10_000}.{version % 10_000}; ingest needs 15 or newer.",
            hint="Upgrade the server, or leave the URL out to use the embedded one.",
        )
    session.execute(_SESSION_SETTINGS)
    session.commit()


def _raise_ours(context: ExceptionContext) -> None:
    if context.is_pre_ping or not isinstance(context.original_exception, Exception):
        return  # the pool is only asking, and connects anew; and Ctrl-C is no answer of the database
    url = context.engine.url if context.engine is not None else None
    raise translate(context.original_exception, url) from context.original_exception
