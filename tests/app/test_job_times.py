"""A job that is given back for later is due by the clock that says so, which is the database's."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine

from ingest.errors import SeriesBusy
from ingest.queue.tasks import Later
from ingest.store import job_listing
from tests.app.test_tasks import ARGS, series_id, tasks


async def busy(*_given: Any, **_named: Any) -> None:
    raise SeriesBusy("Another run fills it.")


@pytest.mark.parametrize("hours", [-1, 0, 1], ids=["ours is ahead", "they agree", "ours is behind"])
async def test_it_is_due_after_as_long_whatever_our_clock_shows(
    hours: int, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With ours behind it would be due at once, again and again; with ours ahead not for an hour."""
    shown = datetime.now(UTC) + timedelta(hours=hours)

    def database_now(_connection: Connection) -> datetime:
        return shown

    monkeypatch.setattr(job_listing, "database_now", database_now)
    with pytest.raises(Later) as later:
        await tasks(engine, tmp_path, busy).handlers.fill(1, ARGS | {"series": series_id(engine)})
    assert later.value.at is not None
    assert timedelta(seconds=25) < later.value.at - shown < timedelta(seconds=60)
