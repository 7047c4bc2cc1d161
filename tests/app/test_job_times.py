"""When a job that cannot go on now is due again, and what makes it wait."""

import asyncio
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine
from structlog.testing import capture_logs

from ingest.app import concluding
from ingest.clock import SystemClock
from ingest.domain.conclusion import Conclusion
from ingest.errors import SeriesBusy
from ingest.queue.tasks import Later
from ingest.store import job_listing
from tests.app.test_tasks import ARGS, series_id, tasks
from tests.unit.notify.test_messages import DONE


async def busy(*_given: Any, **_named: Any) -> None:
    raise SeriesBusy("Another run fills it.")


@pytest.mark.parametrize("hours", [-1, 0, 1], ids=["ours is ahead", "they agree", "ours is behind"])
async def test_it_is_due_after_as_long_whatever_our_clock_shows(
    hours: int, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database says what is due. With ours behind it would be due at once, again and again."""
    shown = datetime.now(UTC) + timedelta(hours=hours)

    def database_now(_connection: Connection) -> datetime:
        return shown

    monkeypatch.setattr(job_listing, "database_now", database_now)
    with pytest.raises(Later) as later:
        await tasks(engine, tmp_path, busy).handlers.fill(1, ARGS | {"series": series_id(engine)})
    assert later.value.at is not None
    assert timedelta(seconds=25) < later.value.at - shown < timedelta(seconds=60)


async def test_one_export_at_a_time_leaves_room_for_what_is_urgent(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def conclude(*_given: object) -> Conclusion:
        begun.set()
        assert may_end.wait(10.0)
        return DONE

    monkeypatch.setattr(concluding, "conclude", conclude)
    handlers = replace(tasks(engine, tmp_path, busy), clock=SystemClock()).handlers
    first = asyncio.ensure_future(handlers.conclude(1, ARGS | {"firing": 1}))
    await asyncio.to_thread(begun.wait, 10.0)
    with pytest.raises(Later):
        await handlers.conclude(2, ARGS | {"firing": 2})
    may_end.set()
    await first
    with capture_logs() as said:
        await handlers.conclude(2, ARGS | {"firing": 2})
    (line,) = [each for each in said if each["event"] == "firing_concluded"]
    assert (line["complete"], line["bars"]) == ("42 of 42", 16_380)
    assert line["snapshot"].startswith("snapshots/")
