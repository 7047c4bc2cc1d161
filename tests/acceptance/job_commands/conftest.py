"""A command line without a gateway, three series, and a queue with a job in each state. No worker is at work."""

import os
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ingest.domain.job import JobProgress
from ingest.domain.series import Origin
from ingest.store import job_listing, jobs
from ingest.store import series as series_store
from ingest.store.series import SeriesRow
from tests import given
from tests.acceptance.job_commands.scene import MSFT, Here, queued


@pytest.fixture
def ingest(
    tmp_path: Path,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Here:
    """With a gateway at which nobody answers."""
    for name in [name for name in os.environ if name.startswith("INGEST_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("INGEST_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("INGEST_DATABASE_URL", database_url)
    monkeypatch.setenv("INGEST_GATEWAY_PORT", "1")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    return Here(capsys, tmp_path)


@pytest.fixture
def rows(engine: Engine) -> dict[str, SeriesRow]:
    with engine.begin() as connection:
        return {
            one.symbol: series_store.ensure(connection, given.series(one), Origin.LIVE)
            for one in (given.AAPL, MSFT, given.EURUSD)
        }


@pytest.fixture
def queue(engine: Engine, rows: dict[str, SeriesRow]) -> dict[str, int]:
    """One job in each state, by its name: of two wishes, and one by hand."""
    made = {
        "running": queued(engine, rows["AAPL"], "doing", wish="night", priority=2),
        "waiting": queued(engine, rows["MSFT"], wish="night", priority=5, estimate=30),
        "by hand": queued(engine, rows["AAPL"], estimate=7),
        "failed": queued(engine, rows["EUR"], "failed", wish="night"),
        "done": queued(engine, rows["MSFT"], "succeeded", wish="other"),
        "cancelled": queued(engine, rows["EUR"], "cancelled", wish="other"),
        "paused": queued(engine, rows["EUR"], wish="slow"),
    }
    with engine.begin() as connection:
        jobs.pause(connection, "universe", "slow")
        noted = JobProgress("main", 3, 1, settled=40, remaining=60, bars=1234)
        job_listing.save_progress(connection, made["running"], noted)
        said = "Not settled: timed_out: no answer [in time]"
        job_listing.save_progress(connection, made["failed"], JobProgress("main", 5, 5, 9, 2, 10, note=said))
    return made
