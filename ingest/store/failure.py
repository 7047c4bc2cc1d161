"""`translate`: what the driver raised, as one of our errors in one line. Never with a password in it."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy.engine import URL

from ingest.errors import DatabaseError, DatabaseFull, DatabaseUnreachable, OriginConflict, SchemaMismatch

_INIT = "Run `ingest init`."
_ORIGIN_CONSTRAINTS = ("requests_series_origin", "series_instrument_origin")
_LOST = ("08", "57P")  # the connection failed; the server shuts down or starts up
_BUSY = ("40", "53", "55", "57")  # deadlock or serialization, resources, locks, cancelled by a time limit
_SCHEMA = ("42P01", "42703", "3F000")  # no such table, column, schema


def translate(problem: BaseException, url: URL | None = None) -> DatabaseError:
    """The error of our tree for a driver error; `url` is named (redacted) where the connection is what failed."""
    state = getattr(problem, "sqlstate", None) or ""
    said = _one_line(problem, url)
    constraint = problem.diag.constraint_name or "" if isinstance(problem, psycopg.Error) else ""
    if constraint in _ORIGIN_CONSTRAINTS or constraint.endswith("_origin_is_for_ever"):
        return OriginConflict(f"Real and simulated bars would mix; the database refused: {said}.")
    if state in _SCHEMA:
        return SchemaMismatch(f"The database lacks what this program needs: {said}.", hint=_INIT)
    if state == "53100":
        return DatabaseFull(f"The database's disk is full: {said}.", hint="Free some space and run it again.")
    where = f" at {redacted(url)}" if url is not None else ""
    if state.startswith(_LOST) or (not state and isinstance(problem, psycopg.OperationalError)):
        return DatabaseUnreachable(f"The database{where} does not answer: {said}.", hint="Is it running? Try again.")
    if state.startswith(_BUSY):
        return DatabaseUnreachable(f"The database{where} cannot do it just now: {said}.", hint="Try again.")
    return DatabaseError(f"The database refused: {said}.")


@contextmanager
def translating(url: URL | None = None) -> Iterator[None]:
    """Translate what the driver raises in the body, for the places that use it directly (COPY)."""
    try:
        yield
    except psycopg.Error as problem:
        raise translate(problem, url) from problem


def redacted(url: URL) -> str:
    """The URL as it may be shown: without its password, wherever it is written."""
    hidden = url.set(query={name: value for name, value in url.query.items() if name != "password"})
    return hidden.set(drivername="postgresql").render_as_string(hide_password=True)


def _one_line(problem: BaseException, url: URL | None) -> str:
    diag = problem.diag.message_primary if isinstance(problem, psycopg.Error) else None
    lines = [line.strip(" \t-") for line in (diag or str(problem) or type(problem).__name__).splitlines()]
    lines = [line for line in lines if line]
    said = (lines[-1] if lines[0].startswith("Multiple connection attempts") else lines[0]).rstrip(".:")
    for secret in _secrets(url):
        said = said.replace(secret, "***")
    return said


def _secrets(url: URL | None) -> list[str]:
    if url is None:
        return []
    listed = url.query.get("password", ())
    named = [listed] if isinstance(listed, str) else list(listed)
    return [secret for secret in (*named, url.password) if secret]
