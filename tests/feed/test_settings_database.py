"""Without a source the feed reads the settings' database: opened at the first question, left at exit or by `close`."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, text

from ingest import feed
from ingest.config import load_settings
from ingest.database import Database
from ingest.errors import DatabaseMissing, UnknownInstrument
from ingest.feed import sources
from ingest.store import migrate
from tests import given
from tests.export import stock
from tests.store import settled

ASKED = ("AAPL", "1m", "2024-01-02T14:30", "2024-01-02T15:00")


@pytest.fixture
def home() -> Iterator[Path]:
    """Not below pytest's own folder, which another run of pytest may close to the server's user at any moment."""
    with tempfile.TemporaryDirectory(prefix="ingest-feed-") as folder:
        yield Path(folder)


def test_the_embedded_database_is_joined_and_left(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INGEST_HOME", str(home))
    monkeypatch.delenv("INGEST_DATABASE_URL", raising=False)
    with pytest.raises(DatabaseMissing, match="ingest init"):
        feed.series()
    assert not list(home.iterdir())
    with Database.open(load_settings(), checked=False, may_make=True) as database:
        migrate.upgrade(database.engine)
        stock.hold(database.engine, given.series(), settled.bars("2024-01-02 14:30", 390))
    assert not is_running(home)
    assert len(feed.bars(*ASKED)) == 30
    assert is_running(home)
    with pytest.raises(UnknownInstrument, match=f"^In the database embedded in {home} nothing is called 'APPL'"):
        feed.bars("APPL", *ASKED[1:])
    feed.close()
    assert not is_running(home)
    assert len(feed.series()) == 1
    feed.close()


def test_a_named_database_is_opened_once(
    engine: Engine, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INGEST_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("INGEST_DATABASE_URL", database_url)
    stock.hold(engine, given.series(), settled.bars("2024-01-02 14:30", 390))
    for _ in range(3):
        assert len(feed.bars(*ASKED)) == 30
    assert len(sources._opened) == 1
    with engine.connect() as connection:
        assert sessions(connection, 1) == 1
        feed.close()
        assert sessions(connection, 0) == 0
    assert not (tmp_path / "home").exists()


def sessions(connection: Connection, expected: int) -> int:
    """How many other sessions there are; a closed one takes the server a moment."""
    query = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
    for _ in range(200):
        found = int(connection.execute(query).scalar_one())
        connection.rollback()
        if found == expected:
            break
        time.sleep(0.02)
    return found


def is_running(home: Path) -> bool:
    return (home / "postgres" / "data" / "postmaster.pid").exists()


def test_reading_never_writes(engine: Engine) -> None:
    """The server itself would refuse: the feed's transactions are read-only."""
    with sources.view_of(engine) as view, pytest.raises(Exception, match="read-only"):
        view.connection.execute(text("DELETE FROM ingest.ledger"))  # type: ignore[attr-defined]
