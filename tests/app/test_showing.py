"""What a service shows of itself outlives whatever goes wrong in looking at it, and is no sign of life."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import pytest
import structlog
from sqlalchemy import Engine, text

from ingest.app.serving import showing as module
from ingest.app.serving.service import Service
from ingest.app.serving.showing import Showing
from ingest.app.serving.telling import Silence
from ingest.clock import FakeClock
from ingest.config import Settings
from ingest.domain.freshness import Freshness
from ingest.errors import DatabaseUnreachable
from ingest.health import Pulse
from tests import given
from tests.app.wishing import DAILY, job, wish

NOW = given.at("2024-06-11 12:00")


def showing(engine: Engine, clock: FakeClock, rest: Callable[[float], Awaitable[None]]) -> Showing:
    return Showing(engine, clock, [], {}, Silence(), rest, is_served=True)


async def looked(engine: Engine, times: int) -> Showing:
    """After so many looks, ten minutes apart."""
    clock, enough, looks = FakeClock(NOW), asyncio.Event(), 0

    async def rest(_seconds: float) -> None:
        nonlocal looks
        looks += 1
        clock.advance(timedelta(minutes=10).total_seconds())
        if looks == times:
            enough.set()
            await asyncio.Event().wait()

    shown = showing(engine, clock, rest)
    running = asyncio.create_task(shown.run())
    await asyncio.wait({running, asyncio.create_task(enough.wait())}, timeout=20, return_when="FIRST_COMPLETED")
    assert not running.done(), "it goes on"
    running.cancel()
    return shown


async def test_what_goes_wrong_is_said_once_and_tried_again(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    troubles = [DatabaseUnreachable("away"), ValueError("a defect"), ValueError("a defect")]
    found = (Freshness("nightly"),)

    def look(_engine: Engine, _now: datetime) -> tuple[Freshness, ...]:
        if troubles:
            raise troubles.pop(0)
        return found

    monkeypatch.setattr(module, "freshness", look)
    with structlog.testing.capture_logs() as logged:
        shown = await looked(engine, times=4)
    assert shown.snapshot.wishes == found
    assert [line["event"] for line in logged if line["log_level"] != "debug"] == ["figures_wait", "figures_broke"]


async def test_other_figures_are_renewed_while_freshness_cannot_be_had(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_engine: Engine, _now: datetime) -> tuple[Freshness, ...]:
        raise ValueError("a defect")

    monkeypatch.setattr(module, "freshness", broken)
    assert (await looked(engine, times=3)).snapshot.taken_at == NOW + timedelta(minutes=20)


async def test_a_wish_that_cannot_be_judged_is_named_once_in_the_log(engine: Engine) -> None:
    with engine.begin() as connection:
        wish(connection, job(), DAILY)
        wish(connection, job("strange"))
        connection.execute(text("""UPDATE ingest.wishes SET document = '{"name": "strange"}' WHERE name = 'strange'"""))
    with structlog.testing.capture_logs() as logged:
        shown = await looked(engine, times=3)
    assert [each.wish for each in shown.snapshot.wishes] == ["nightly", "strange"]
    (said,) = [line for line in logged if line["event"] == "wish_not_judged"]
    assert said["wish"] == "strange"


async def test_the_pulse_goes_on_when_there_is_nothing_to_show(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    class Work:
        missing = ""

        async def run(self) -> None:
            for _ in range(50):
                await asyncio.sleep(0)
            lives.append(begun.is_set() and not ended.is_set())

        def stop(self) -> None:
            """It ends by itself."""

    begun, ended = asyncio.Event(), asyncio.Event()
    lives: list[bool] = []

    async def beat(_pulse: Pulse) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def breaks(_showing: Showing) -> None:
        raise ValueError("a defect")

    monkeypatch.setattr(Pulse, "beat", beat)
    monkeypatch.setattr(Showing, "run", breaks)
    await asyncio.wait_for(Service(Settings(), engine, FakeClock(NOW), parts=[Work()]).run(), timeout=20)
    assert lives == [True]
    assert ended.is_set(), "with the service"
