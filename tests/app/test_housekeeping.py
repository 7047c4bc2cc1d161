"""Housekeeping outlives whatever goes wrong in one of its rounds."""

import asyncio

import pytest
from sqlalchemy import Engine

from ingest.app.serving.housekeeping import Housekeeping
from ingest.config import Settings
from ingest.errors import DatabaseUnreachable


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
