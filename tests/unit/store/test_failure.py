"""Driver errors become one line of ours, and no password is in it, wherever the URL hid it."""

import psycopg
import pytest
from sqlalchemy.engine import make_url

from ingest.errors import DatabaseError, DatabaseFull, DatabaseUnreachable, SchemaMismatch, SettingsError
from ingest.store.engine import parse_url
from ingest.store.failure import redacted, translate

SECRET = "hunter2-äß"
URLS = [
    f"postgresql+psycopg://ann:{SECRET}@db.example:5433/bars",
    f"postgresql+psycopg://ann@db.example:5433/bars?password={SECRET}",
]


@pytest.mark.parametrize("url", URLS)
def test_a_redacted_url_names_the_place_and_not_the_password(url: str) -> None:
    shown = redacted(make_url(url))
    assert "db.example:5433/bars" in shown
    assert "hunter2" not in shown


@pytest.mark.parametrize("url", URLS)
def test_a_failed_connection_is_one_line_without_the_password(url: str) -> None:
    problem = psycopg.OperationalError(f'connection failed: password "{SECRET}" refused\nDETAIL: {SECRET}')
    error = translate(problem, make_url(url))
    assert isinstance(error, DatabaseUnreachable)
    assert "hunter2" not in str(error)
    assert "\n" not in str(error)
    assert "db.example:5433/bars" in str(error)


def test_of_several_attempts_the_last_reason_is_told() -> None:
    said = "Multiple connection attempts failed. All failures were:\n- host: 'a': refused\n- host: 'b': timeout expired"
    assert "host: 'b': timeout expired" in str(translate(psycopg.OperationalError(said)))


@pytest.mark.parametrize(
    ("problem", "kind", "hint"),
    [
        (psycopg.errors.UndefinedTable("no bars"), SchemaMismatch, "ingest init"),
        (psycopg.errors.AdminShutdown("shutting down"), DatabaseUnreachable, "Try again"),
        (psycopg.errors.DeadlockDetected("deadlock"), DatabaseUnreachable, "Try again"),
        (psycopg.errors.DiskFull("no space left on device"), DatabaseFull, "Free some space"),
        (psycopg.errors.NumericValueOutOfRange("too large"), DatabaseError, ""),
    ],
)
def test_kinds_of_failures_are_told_apart(problem: psycopg.Error, kind: type[DatabaseError], hint: str) -> None:
    error = translate(problem)
    assert type(error) is kind
    assert hint in str(error)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_all_spellings_of_postgresql_are_taken(scheme: str) -> None:
    assert parse_url(f"{scheme}://ann@db/bars").drivername == "postgresql+psycopg"


@pytest.mark.parametrize(
    "url", [f"mysql://ann:{SECRET}@db/bars", f"ann:{SECRET}@db", f"postgresql://ann:{SECRET}@db:x/y"]
)
def test_other_urls_are_settings_errors_that_keep_the_secret(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_url(url)
    assert "hunter2" not in str(caught.value)
    assert "postgresql://user@host:5432/database" in str(caught.value)
