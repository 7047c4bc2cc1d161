"""A gateway that does not answer: the time-out is a time-out, and the next run fetches what is missing."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from ingest.domain.ledger import State
from ingest.store import ledger
from ingest.store import series as series_store
from tests.acceptance.running import CommandLine, simulator

pytestmark = pytest.mark.slow

SILENT = """
[[fault]]
action = "silence"
match = { message = "historical", window = ["2024-01-22T00:00:00Z", "2024-01-24T00:00:00Z"], times = 2 }
"""
COMMAND = ("backfill", "MSFT", "-b", "1m", "--start", "2024-01-02", "--end", "2024-03-01")


def entries(engine: Engine) -> list[tuple[State, str, str]]:
    with engine.connect() as connection:
        (row,) = series_store.listing(connection)
        held = ledger.read(connection, row.id)
    return [(e.state, f"{e.window.start:%m-%d %H:%M}", f"{e.window.end:%m-%d %H:%M}") for e in held]


def test_an_unanswered_window_is_timed_out_and_the_next_run_fetches_just_that(
    tmp_path: Path, database_url: str, engine: Engine
) -> None:
    faults = tmp_path / "faults.toml"
    faults.write_text(SILENT)
    with simulator(tmp_path, "--faults", str(faults), "--time-scale", "10", "--now", "2024-06-03T12:00:00Z") as sim:
        ingest = CommandLine.at(
            tmp_path,
            port=sim.port,
            database_url=database_url,
            INGEST_GATEWAY_REQUEST_SECONDS="10",
            INGEST_GATEWAY_ATTEMPTS="2",
            INGEST_CLOCK_SCALE="10",
        )
        first = ingest.run(*COMMAND)
        assert first.returncode == 9, first.stderr
        assert "timed out" in first.stdout
        assert entries(engine) == [
            (State.COVERED, "01-02 14:30", "01-22 14:30"),
            (State.TIMED_OUT, "01-22 14:30", "01-31 14:30"),
            (State.COVERED, "01-31 14:30", "03-01 14:30"),
        ]
        seen = sim.last_seq
        second = ingest.run(*COMMAND)
        assert second.returncode == 0, second.stderr
        asked = sim.bar_requests(after=seen)
        assert min(r["window_start"] for r in asked) == "2024-01-22T14:30:00Z"
        assert max(r["window_end"] for r in asked) == "2024-01-30T21:00:00Z"
        assert entries(engine) == [(State.COVERED, "01-02 14:30", "03-01 14:30")]
        third, seen = ingest.run(*COMMAND), sim.last_seq
        assert third.returncode == 0
        assert not sim.bar_requests(after=seen)
        assert ingest.run("coverage", "MSFT", "--prove").returncode == 0


def test_a_gateway_whose_clock_is_behind_ours_is_not_asked_about_its_future(
    tmp_path: Path, database_url: str, engine: Engine
) -> None:
    with simulator(tmp_path, "--now", "2024-02-01T12:00:00Z") as sim:
        ingest = CommandLine.at(tmp_path, port=sim.port, database_url=database_url)
        done = ingest.run("backfill", "MSFT", "-b", "1d", "--start", "2024-01-02", "--end", "2024-03-01", "-v")
    assert done.returncode == 0, done.stderr
    assert "clocks_disagree" in done.stderr
    assert entries(engine) == [(State.COVERED, "01-02 00:00", "02-01 00:00")]
