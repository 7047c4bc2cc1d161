"""What commands say is true, and is said where it belongs: results on stdout, words on stderr."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from ingest.store import asked, series
from tests import given
from tests.acceptance.running import CommandLine, InProcess, simulator


@pytest.fixture
def ingest(tmp_path: Path, database_url: str) -> Iterator[CommandLine]:
    with simulator(tmp_path) as sim:
        yield InProcess.at(tmp_path, port=sim.port, database_url=database_url)


def test_an_update_says_why_there_is_nothing_to_do(ingest: CommandLine) -> None:
    none = ingest.run("update")
    assert none.stderr == "Nothing to do. No synthetic series is held yet. Begin one with `ingest backfill`.\n"
    assert "1 request in" in ingest.run("backfill", "AAPL", "-b", "1d", "--days", "30").stdout
    assert ingest.run("backfill", "MSFT", "-b", "1d", "--days", "30").returncode == 0
    assert ingest.run("instruments", "add", "KO").returncode == 0
    done = ingest.run("update")
    assert done.stderr == "Nothing to do: 2 series are up to date, to the last closed bar.\n"
    one = ingest.run("update", "AAPL")
    assert one.stderr == "Nothing to do: 1 series is up to date, to the last closed bar.\n"
    begun = ingest.run("update", "KO")
    assert begun.stderr == ("Nothing to do. No synthetic bars of KO are held; `ingest backfill KO …` begins them.\n")
    assert (none.returncode, done.returncode, begun.returncode) == (0, 0, 0)


def test_coverage_says_what_is_not_held_and_gives_its_verdict_as_a_result(ingest: CommandLine) -> None:
    assert ingest.run("backfill", "AAPL", "-b", "1d", "--days", "30").returncode == 0
    assert ingest.run("instruments", "add", "KO").returncode == 0
    assert ingest.run("coverage", "KO").stderr == "No bars of KO are held; `ingest backfill KO …` begins them.\n"
    assert ingest.run("status", "KO").stderr == "No bars of KO are held; `ingest backfill KO …` begins them.\n"
    proved = ingest.run("coverage", "AAPL", "--prove")
    assert proved.stdout.endswith("Every stretch is backed by a logged request.\n")
    assert proved.stderr == ""


def test_what_a_stopped_run_did_not_get_to_is_missed_until_an_update_brings_it(
    ingest: CommandLine, engine: Engine
) -> None:
    """The ledger does not know it; a hole that nobody remembers would look like nothing that was ever wanted."""
    backfill = ("backfill", "AAPL", "-b", "1d", "--what", "MIDPOINT")
    assert ingest.run(*backfill, "--start", "2024-03-01", "--end", "2024-04-01").returncode == 0
    with engine.begin() as connection:  # as a run that was killed before its first answer
        (row,) = series.listing(connection)
        asked.add(connection, row.id, (given.window("2024-01-02", "2024-04-01"),))
    assert "59 d unknown" in ingest.run("status", "AAPL").stdout
    assert "asked for, not there yet" in ingest.run("coverage", "AAPL").stdout
    before = ingest.run("status", "AAPL", "--json").stdout
    assert json.loads(before)["series"][0]["unsettled_seconds"] == {"unknown": 59 * 86_400}
    assert ingest.run("update").returncode == 0
    after = json.loads(ingest.run("status", "AAPL", "--json").stdout)["series"][0]
    assert (after["unsettled_seconds"], after["first"]) == ({}, "2024-01-02T00:00:00+00:00")


def test_what_was_asked_for_by_mistake_is_let_be(ingest: CommandLine, engine: Engine) -> None:
    assert ingest.run("backfill", "AAPL", "-b", "1d", "--start", "2024-03-01", "--end", "2024-04-01").returncode == 0
    assert ingest.run("update").returncode == 0
    with engine.begin() as connection:
        (row,) = series.listing(connection)
        asked.add(connection, row.id, (given.window("2010-01-02", "2024-04-01"),))
    assert ingest.run("forget", "AAPL", "-b", "1d").stdout == "Of 1 series no more is asked for than is held.\n"
    assert "up to date" in ingest.run("update").stderr


def test_a_backfill_is_remembered_before_its_first_request(ingest: CommandLine, engine: Engine) -> None:
    assert ingest.run("backfill", "AAPL", "-b", "1d", "--start", "2024-03-01", "--end", "2024-04-01").returncode == 0
    with engine.begin() as connection:
        (row,) = series.listing(connection)
        connection.execute(text("DELETE FROM ingest.ledger"))
        (window,) = asked.unknown(connection, [row.id])[row.id]
    assert (window.start, window.end) == (given.at("2024-03-01"), given.at("2024-04-01"))
