"""Connecting: what is refused, how a lost server is told, and what others see of a session."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from sqlalchemy import Engine, text

from ingest.errors import DatabaseError, DatabaseUnreachable
from ingest.store import engine as engines
from ingest.store.engine import create_engine


def test_nothing_at_the_address_is_unreachable_and_keeps_the_password() -> None:
    engine = create_engine("postgresql://ann:hunter2@127.0.0.1:1/bars", pooled=False)
    with pytest.raises(DatabaseUnreachable) as caught:
        engine.connect()
    assert "127.0.0.1:1/bars" in str(caught.value)
    assert "hunter2" not in str(caught.value) + repr(caught.value.__cause__)


def test_an_unknown_database_is_named(database_url: str) -> None:
    url = engines.parse_url(database_url).set(database="nowhere")
    with pytest.raises(DatabaseUnreachable, match='database "nowhere" does not exist'):
        create_engine(url, pooled=False).connect()


def test_a_session_that_is_cut_off_is_unreachable(engine: Engine) -> None:
    with engine.connect() as victim, engine.connect() as other:
        backend = victim.execute(text("SELECT pg_backend_pid()")).scalar()
        other.execute(text(f"SELECT pg_terminate_backend({backend}, 5000)"))
        with pytest.raises(DatabaseUnreachable, match=r"terminat|closed|lost"):
            victim.execute(text("SELECT 1"))


def test_a_pooled_engine_recovers_from_a_server_that_went_away(engine: Engine) -> None:
    with engine.connect() as first:
        backend = first.execute(text("SELECT pg_backend_pid()")).scalar()
    with create_engine(engine.url, pooled=False).connect() as other:
        other.execute(text(f"SELECT pg_terminate_backend({backend}, 5000)"))
    with engine.connect() as again:
        assert again.execute(text("SELECT 1")).scalar() == 1


def test_sessions_run_in_utc_and_say_whose_they_are(database_url: str) -> None:
    with create_engine(database_url, purpose="ingest sync", pooled=False).connect() as connection:
        assert connection.execute(text("SHOW timezone")).scalar() == "UTC"
        name = str(connection.execute(text("SHOW application_name")).scalar())
        assert name.startswith(f"ingest sync (pid {os.getpid()} on ")


def test_servers_before_15_are_refused() -> None:
    old = SimpleNamespace(info=SimpleNamespace(server_version=140_011))
    with pytest.raises(DatabaseError, match=r"PostgreSQL 14\.11; ingest needs 15"):
        engines._prepare(old, None)


def test_timescale_is_told_from_a_plain_server(engine: Engine) -> None:
    with engine.connect() as connection:
        listed = connection.execute(text("SELECT name FROM pg_available_extensions")).scalars().all()
        assert engines.offers_timescale(connection) == ("timescaledb" in listed)


ASKING = """
import os, signal, sys, threading
from sqlalchemy import text
from ingest.store.engine import create_engine

with create_engine(sys.argv[1]).connect() as connection:
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    connection.execute(text("SELECT pg_sleep(20)"))
"""


def test_ctrl_c_in_a_query_is_no_answer_of_the_database(database_url: str) -> None:
    """While the server works, as somebody gives it who has seen enough. In a process of its own."""
    ended = subprocess.run(
        [sys.executable, "-c", ASKING, database_url], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.stderr.rstrip().endswith("KeyboardInterrupt"), ended.stderr
    assert "refused" not in ended.stderr
