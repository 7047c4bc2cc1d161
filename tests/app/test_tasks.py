"""What a task makes of the errors that meet it: a job is given back, or fails with the reason beside it; never lost."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine

from ingest.app.serving.tasks import Tasks
from ingest.app.serving.telling import Silence
from ingest.clock import FakeClock
from ingest.config import ExactSettings
from ingest.domain.series import Origin
from ingest.errors import GatewayLost
from ingest.queue.tasks import JobFailed, Later
from ingest.store import job_listing
from ingest.store import series as series_store
from ingest.store.engine import create_engine
from tests import given

ARGS: dict[str, Any] = {"windows": [], "wish": "", "firing": None, "retry_failed": False}


class Gone:
    """A gateway whose session has just been lost."""

    @property
    def origin(self) -> Origin:
        raise GatewayLost("The session has ended.")


def series_id(engine: Engine) -> int:
    with engine.begin() as connection:
        return series_store.ensure(connection, given.series(), Origin.SYNTHETIC).id


def tasks(engine: Engine, home: Path, work: Callable[..., Any], gateway: Any = None) -> Tasks:
    gateway = gateway or SimpleNamespace(origin=Origin.SYNTHETIC)
    manned: Any = SimpleNamespace(gateway=gateway, station=SimpleNamespace(work=work))
    return Tasks(ExactSettings(home=home), "main", engine, FakeClock(), manned, Silence())


async def never(*_given: Any, **_named: Any) -> None:
    raise AssertionError("nothing can be worked on")


def note(engine: Engine, job_id: int) -> str:
    with engine.connect() as connection:
        return job_listing.read_progress(connection, job_id).note


async def test_a_database_that_is_away_costs_no_job(tmp_path: Path) -> None:
    away = create_engine("postgresql://nobody@127.0.0.1:1/nothing")
    handlers = tasks(away, tmp_path, never).handlers
    for handler in (handlers.fill, handlers.expand, handlers.conclude):
        with pytest.raises(Later) as later:
            await handler(1, ARGS | {"series": 1, "firing": 1})
        assert later.value.at is not None, "it would be claimed again at once"


async def test_a_gateway_that_is_lost_before_the_first_request_costs_no_job(engine: Engine, tmp_path: Path) -> None:
    found = tasks(engine, tmp_path, never, Gone())
    with pytest.raises(Later):
        await found.handlers.fill(1, ARGS | {"series": series_id(engine)})
    assert note(engine, 1) == "The session has ended."


async def test_a_job_that_cannot_be_done_says_why(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(JobFailed):
        await tasks(engine, tmp_path, never).handlers.fill(1, ARGS | {"series": 77})
    assert note(engine, 1) == "Series 77 is not in the database."


async def test_a_defect_is_told_with_the_job(
    engine: Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def break_down(*_given: Any, **_named: Any) -> None:
        raise KeyError("AAPL")

    with pytest.raises(KeyError):
        await tasks(engine, tmp_path, break_down).handlers.fill(1, ARGS | {"series": series_id(engine)})
    assert note(engine, 1) == "A defect of this program: KeyError('AAPL')"
    assert "job_broke" in "".join(capsys.readouterr())
