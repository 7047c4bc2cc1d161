"""What a task makes of the errors that meet it: a job is given back, or fails with the reason beside it; never lost."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine

from ingest.app.connecting import spare_units
from ingest.app.serving.tasks import Tasks
from ingest.app.serving.telling import Silence
from ingest.clock import FakeClock
from ingest.config import ExactSettings
from ingest.domain.job import Fill, Lane
from ingest.domain.series import Origin
from ingest.errors import GatewayLost
from ingest.queue.tasks import JobFailed, Later
from ingest.store import job_listing, jobs, wishes
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


def tasks(engine: Engine, home: Path, work: Callable[..., Any], gateway: Any = None, **settings: Any) -> Tasks:
    gateway = gateway or SimpleNamespace(origin=Origin.SYNTHETIC)
    manned: Any = SimpleNamespace(gateway=gateway, station=SimpleNamespace(work=work))
    return Tasks(ExactSettings(home=home, **settings), "main", engine, FakeClock(), manned, Silence())


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


@pytest.mark.parametrize(("priority", "spare"), [(6, 9), (5, 0)])
async def test_a_job_leaves_some_of_the_budget_for_small_bars_to_one_of_a_higher_priority(
    engine: Engine, tmp_path: Path, priority: int, spare: int
) -> None:
    left: list[int] = []

    async def work(*_given: Any, spare: int, **_named: Any) -> None:
        left.append(spare)
        raise GatewayLost("That is enough.")

    mine = series_id(engine)
    with engine.begin() as connection:
        waiting = [Fill(mine, (), Lane.LARGE, priority=5), Fill(mine + 1, (), Lane.SMALL, priority=priority)]
        (queued, _) = jobs.queue_fills(connection, waiting)
    found = tasks(engine, tmp_path, work, worker={"small_reserve": 9})
    with pytest.raises(Later):
        await found.handlers.fill(queued.job_id, ARGS | {"series": mine})
    assert left == [spare]


def test_what_is_done_by_hand_leaves_some_of_the_budget_to_scheduled_work(engine: Engine, tmp_path: Path) -> None:
    chosen = ExactSettings(home=tmp_path)
    assert spare_units(chosen, engine) == 0
    with engine.begin() as connection:
        nightly = {"priority": 50, "series": [{"bar_size": "30 secs"}]}
        wishes.save(connection, "nightly", "jobs/nightly.toml", nightly, given.at("2024-06-03"))
    assert spare_units(chosen, engine) == chosen.worker.small_reserve > 0
