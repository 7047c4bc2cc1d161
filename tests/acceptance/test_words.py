"""What commands say is true, and is said where it belongs: results on stdout, words on stderr."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.running import CommandLine, simulator


@pytest.fixture
def ingest(tmp_path: Path, database_url: str) -> Iterator[CommandLine]:
    with simulator(tmp_path) as sim:
        yield CommandLine.at(tmp_path, port=sim.port, database_url=database_url)


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
    proved = ingest.run("coverage", "AAPL", "--prove")
    assert proved.stdout.endswith("Every stretch is backed by a logged request.\n")
    assert proved.stderr == ""
