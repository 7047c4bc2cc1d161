"""Housekeeping outlives whatever goes wrong in one of its rounds, and leaves no job aside that nobody has paused."""

import asyncio

import pytest
from sqlalchemy import Engine

from ingest.app.serving.housekeeping import Housekeeping
from ingest.config import Settings
from ingest.domain.job import Fill, JobState, Lane
from ingest.errors import DatabaseUnreachable
from ingest.store import job_listing, jobs
from ingest.store.series import SeriesRow
from tests import given


async def test_a_round_that_breaks_is_followed_by_the_next(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    enough = asyncio.Event()
    troubles = [DatabaseUnreachable("away"), ValueError("a defect"), ValueError("a defect")]

    def look(_house: Housekeeping) -> None:
        looks.append(1)
        if troubles:
            raise troubles.pop(0)
        enough.set()

    async def rest(_seconds: float) -> None:
        await asyncio.sleep(0)

    monkeypatch.setattr(Housekeeping, "look", look)
    running = asyncio.create_task(Housekeeping(engine, Settings(), rest).run())
    await asyncio.wait(
        {running, asyncio.create_task(asyncio.wait_for(enough.wait(), 5.0))}, return_when="FIRST_COMPLETED"
    )
    running.cancel()
    assert len(looks) >= 4


def test_a_job_that_was_put_aside_while_the_pause_ended_comes_back(engine: Engine, series_row: SeriesRow) -> None:
    fill = Fill(series_row.id, (given.window("2024-06-01", "2024-07-01"),), Lane.LARGE, "nightly")
    with engine.begin() as connection:
        jobs.pause(connection, "universe", "nightly")
    with engine.begin() as connection:
        jobs.queue_fills(connection, [fill])
        with engine.begin() as other:
            assert jobs.resume(other, "universe", "nightly") == (True, 0)
    with engine.connect() as connection:
        assert [job.state for job in job_listing.listing(connection)] == [JobState.PAUSED]
    Housekeeping(engine, Settings(), asyncio.sleep).look()
    with engine.connect() as connection:
        assert [job.state for job in job_listing.listing(connection)] == [JobState.WAITING]
