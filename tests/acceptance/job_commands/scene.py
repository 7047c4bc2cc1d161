"""The command line in this process, and jobs put into states as Procrastinate's would."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from ingest.cli.root import run
from ingest.domain.instrument import Instrument
from ingest.domain.job import Fill, JobState, Lane
from ingest.store import job_listing, jobs
from ingest.store.series import SeriesRow
from tests import given
from tests.store.test_jobs import status

JUNE = given.window("2024-06-03", "2024-06-29")
MSFT = Instrument(272093, "MSFT", "STK", "SMART", "USD", primary_exchange="NASDAQ", local_symbol="MSFT")

SPAN = ("--start", "2024-06-03", "--end", "2024-06-29")

WISH = """\
name = "night"
priority = 7

[universe]
symbols = ["AAPL", "MSFT"]

[[series]]
bar_size = "1 min"

[want]
since = 2024-06-03
until = 2024-06-29
"""


@dataclass(frozen=True, slots=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True)
class Here:
    """The command line in this process."""

    capture: pytest.CaptureFixture[str]
    folder: Path

    def run(self, *words: str) -> Done:
        self.capture.readouterr()
        code = run(words)
        said = self.capture.readouterr()
        return Done(code, said.out, said.err)

    def json(self, *words: str) -> Any:
        done = self.run(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def told(self, *words: str) -> str:
        """What a command that succeeds says in words."""
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        assert not done.stdout
        return done.stderr

    def refused(self, *words: str) -> str:
        """The one line of a command that is refused."""
        done = self.run(*words)
        assert done.returncode == 2, done.stderr
        assert not done.stdout
        (line,) = done.stderr.splitlines()
        assert line.startswith("error: ")
        return line.removeprefix("error: ")


def queued(engine: Engine, row: SeriesRow, state: str = "todo", **more: Any) -> int:
    """A job in a state of Procrastinate's."""
    with engine.begin() as connection:
        (made,) = jobs.queue_fills(connection, [Fill(row.id, more.pop("windows", (JUNE,)), Lane.LARGE, **more)])
        for each in {"succeeded": ("doing",), "failed": ("doing",)}.get(state, ()):
            status(connection, made.job_id, each)
        if state != "todo":
            status(connection, made.job_id, state)
    return made.job_id


def states(engine: Engine) -> dict[int, JobState]:
    with engine.connect() as connection:
        return {job.id: job.state for job in job_listing.listing(connection)}


def seconds_ahead(moment: str | None) -> float | None:
    return None if moment is None else (datetime.fromisoformat(moment) - datetime.now(UTC)).total_seconds()
