"""The README's first command, as a new user runs it."""

import select
import signal
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.running import CommandLine


@pytest.mark.timeout(120)
def test_the_demo_shows_everything_and_leaves_nothing_behind(tmp_path: Path) -> None:
    ingest = CommandLine.at(tmp_path, INGEST_HOME=str(tmp_path / "not-used"))
    done = ingest.run("demo", seconds=100, TMPDIR=str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    for word in ("AAPL 1m TRADES", "ESM4 1m TRADES all hours", "EUR.USD 1m MIDPOINT", "SPX 1m TRADES", "complete"):
        assert word in done.stdout
    assert "Every stretch is backed by a logged request." in done.stdout
    assert "feed.bars(" in done.stdout
    assert "390 rows" in done.stdout
    assert not list(tmp_path.iterdir()), "files were left behind"
    processes = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(tmp_path) not in processes, "a process was left behind"


@pytest.mark.parametrize("place", ["ingest-demo-*/home/postgres", "ingest-demo-*/home/postgres/data/postmaster.pid"])
def test_a_demo_that_is_stopped_while_its_server_starts_leaves_nothing_behind(tmp_path: Path, place: str) -> None:
    process = CommandLine.at(tmp_path, INGEST_HOME=str(tmp_path / "not-used"), TMPDIR=str(tmp_path)).start("demo")
    while not list(tmp_path.glob(place)):
        assert process.poll() is None
        select.select([], [], [], 0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert said.splitlines()[-1] == "Stopped; nothing is left behind."
    assert process.returncode == 130
    assert not list(tmp_path.iterdir()), "files were left behind"
    processes = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(tmp_path) not in processes, "a process was left behind"


def test_every_command_has_a_help_with_an_example(tmp_path: Path) -> None:
    ingest = CommandLine.at(tmp_path)
    for command in (
        ("demo",),
        ("init",),
        ("doctor",),
        ("plan",),
        ("backfill",),
        ("update",),
        ("status",),
        ("coverage",),
        ("export",),
        ("simulator",),
        ("instruments", "add"),
        ("instruments", "search"),
        ("instruments", "import"),
    ):
        done = ingest.run(*command, "--help")
        assert done.returncode == 0, done.stderr
        assert f"ingest {command[0]}" in done.stdout
        assert "Example" in done.stdout
