"""One pass of every command as a process of its own, and those that need a terminal."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ingest.domain.job import JobState
from ingest.domain.series import Origin
from ingest.store import series as series_store
from tests import given
from tests.acceptance.job_commands.scene import SPAN, WISH, queued, states
from tests.acceptance.running import CommandLine, Simulator, simulator

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with simulator(tmp_path_factory.mktemp("sim"), "--now", "2024-08-10T12:00:00Z") as running:
        yield running


def test_one_pass_of_every_command(tmp_path: Path, database_url: str, engine: Engine, sim: Simulator) -> None:
    command = CommandLine.at(tmp_path, port=sim.port, database_url=database_url)
    (tmp_path / "night.toml").write_text(WISH)
    (found,) = command.json("backfill", "AAPL", "-b", "1m", *SPAN, "--queue")["series"]
    assert (found["job"], found["requests"]) == (1, 3)
    assert command.json("jobs", "queue", "night.toml")["job"] == 2
    assert command.json("jobs", "pause", "--universe", "night")["put_aside"] == 1
    assert "Paused: universe night." in command.run("jobs", "list").stdout
    assert command.json("jobs", "resume", "--universe", "night")["put_back"] == 1
    assert command.json("jobs", "cancel", "1")["cancelled"] == [1]
    assert command.json("jobs", "retry", "1")["queued"] == {"1": 3}
    assert command.json("jobs", "show", "3")["series"] == "AAPL 1m TRADES"
    assert command.json("update", "--queue")["series"] == []
    with engine.connect() as connection:
        (row,) = series_store.listing(connection)
    assert row.origin is Origin.SYNTHETIC


@contextmanager
def on_a_terminal(folder: Path, database_url: str, *words: str) -> "Iterator[tuple[subprocess.Popen[bytes], int]]":
    """The command line on a terminal of its own, and our end of that."""
    environment = CommandLine.at(folder, database_url=database_url, TERM="xterm", LINES="30").environment
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "ingest", *words]
    with subprocess.Popen(command, cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        try:
            yield process, ours
        finally:
            process.kill()
            os.close(ours)


def read_until(terminal: int, wanted: str) -> None:
    """Read what a program writes on its terminal, until it has said something."""
    heard = b""
    while wanted not in re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", heard.decode(errors="replace")):
        ready, _, _ = select.select([terminal], [], [], 30.0)
        assert ready, heard
        assert len(heard) < 100_000, heard
        heard += os.read(terminal, 65_536)


def test_the_list_is_drawn_anew_until_it_is_stopped(tmp_path: Path, database_url: str, engine: Engine) -> None:
    with engine.begin() as connection:
        row = series_store.ensure(connection, given.series(), Origin.LIVE)
    with on_a_terminal(tmp_path, database_url, "jobs", "list", "--watch") as (watching, terminal):
        read_until(terminal, "The queue is empty.")
        queued(engine, row)
        read_until(terminal, "In the queue: 1 waiting.")
        watching.send_signal(signal.SIGINT)
        assert watching.wait(20) == 0


def test_nothing_is_cancelled_unless_it_is_meant(tmp_path: Path, database_url: str, engine: Engine) -> None:
    with engine.begin() as connection:
        row = series_store.ensure(connection, given.series(), Origin.LIVE)
    job_id = queued(engine, row)
    with on_a_terminal(tmp_path, database_url, "jobs", "cancel", "--all") as (asking, terminal):
        read_until(terminal, "Cancel 1 job?")
        os.write(terminal, b"n\n")
        read_until(terminal, "Nothing was cancelled.")
        assert asking.wait(20) == 0
    assert states(engine)[job_id] is JobState.WAITING
