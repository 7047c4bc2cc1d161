"""Each occurrence is fired once and queued with it: by one scheduler or several, over downtime and outages."""

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
import structlog
from sqlalchemy import text

from ingest.scheduler import Fired
from ingest.scheduler.folder import JobFolder, Look
from ingest.store import firings
from tests.given import at
from tests.scheduler.scene import HOURLY, NIGHTLY, Scene, running, until

HOUR = timedelta(hours=1)
MONDAY = at("2024-06-03 20:30")


def assert_each_once(scene: Scene, wish: str = "hourly") -> None:
    """No occurrence twice, none unqueued, and between two none that nobody saw to."""
    fired = scene.fired(wish)
    assert max(Counter(each.due_at for each in fired).values()) == 1
    assert sorted(job[1] for job in scene.expansions() if job[0] == wish) == [each.id for each in fired]
    for one, other in pairwise(fired):
        assert other.due_at - one.due_at == HOUR or other.cause == "catch_up"


async def test_a_wish_is_fired_when_it_is_due_and_again(scene: Scene) -> None:
    scene.put(priority=7)
    scheduler = scene.scheduler(MONDAY, scale=7200)
    (waiting,) = (await scheduler.begin()).wishes
    async with running(scheduler):
        await until(lambda: len(scene.fired()) >= 3)
    fired = scene.fired()
    assert_each_once(scene)
    assert fired[0].due_at == waiting.next_due
    assert fired[0].cause == "schedule"
    assert fired[0].document["series"][0]["bar_size"] == "1 day"
    assert scene.expansions()[0] == ("hourly", fired[0].id, 7)
    wish = scene.wish()
    assert wish is not None
    assert wish.next_due == fired[-1].due_at + HOUR


async def test_it_is_fired_at_its_time_not_when_the_folder_is_looked_at(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.put()
    scene.poll_seconds = 3600
    scheduler, looks = scene.scheduler(MONDAY), []
    look = scheduler.folder.look

    def counted(_: JobFolder, now: datetime) -> Look:
        looks.append(now)
        return look(now)

    monkeypatch.setattr(JobFolder, "look", counted)
    async with running(scheduler):
        await until(lambda: len(scene.fired()) >= 2)
    assert len(looks) <= 2 * len(scene.fired()) + 2  # nor does it look all the time


async def test_a_wish_that_is_new_has_missed_nothing(scene: Scene) -> None:
    scene.put()
    found = await scene.scheduler(MONDAY, scale=1).begin()
    assert found.fired == ()
    assert scene.fired() == []
    assert [each.next_due for each in found.wishes] == [at("2024-06-03 21:00")]


async def test_what_was_missed_is_caught_up_once(scene: Scene) -> None:
    scene.put("nightly", NIGHTLY)
    await scene.scheduler(MONDAY, scale=1).begin()  # and nobody runs for three nights
    found = await scene.scheduler(MONDAY + timedelta(days=3), scale=1).begin()
    (fired,) = scene.fired("nightly")
    assert found.fired == (Fired(fired.id, "nightly", at("2024-06-05 22:00"), "catch_up"),)
    assert (fired.due_at, fired.cause) == (at("2024-06-05 22:00"), "catch_up")
    again = await scene.scheduler(MONDAY + timedelta(days=3, minutes=1), scale=1).begin()
    assert again.fired == ()
    assert len(scene.fired("nightly")) == len(scene.expansions()) == 1


async def test_an_hour_without_an_occurrence_leaves_nothing_to_catch_up(scene: Scene) -> None:
    scene.put("nightly", NIGHTLY)
    await scene.scheduler(MONDAY, scale=1).begin()
    assert (await scene.scheduler(MONDAY + HOUR, scale=1).begin()).fired == ()
    assert len((await scene.scheduler(MONDAY + 2 * HOUR, scale=1).begin()).fired) == 1


async def test_what_was_fired_by_hand_later_needs_no_catching_up(scene: Scene) -> None:
    scene.put("nightly", NIGHTLY)
    await scene.scheduler(MONDAY, scale=1).begin()
    with scene.engine.begin() as connection:
        firings.fire(connection, "nightly", at("2024-06-05 23:15"), "by_hand", {})
    assert (await scene.scheduler(at("2024-06-06 12:00"), scale=1).begin()).fired == ()
    assert len((await scene.scheduler(at("2024-06-06 23:00"), scale=1).begin()).fired) == 1


async def test_a_schedule_that_was_changed_meanwhile_is_judged_as_it_was(scene: Scene) -> None:
    scene.put("nightly", NIGHTLY)
    await scene.scheduler(MONDAY, scale=1).begin()
    scene.put("nightly", HOURLY)
    found = await scene.scheduler(at("2024-06-04 12:30"), scale=1).begin()
    assert [(each.due_at, each.cause) for each in found.fired] == [(at("2024-06-03 22:00"), "catch_up")]
    assert found.wishes[0].next_due == at("2024-06-04 13:00")


async def test_a_wish_without_a_schedule_is_listed_and_never_fires(scene: Scene) -> None:
    scene.put("ad-hoc", "")
    scene.put()
    scheduler = scene.scheduler(MONDAY)
    async with running(scheduler):
        await until(lambda: len(scene.fired()) >= 2)
        assert [(each.job.name, each.next_due is None) for each in scheduler.waiting] == [
            ("hourly", False),
            ("ad-hoc", True),
        ]
    assert scene.fired("ad-hoc") == []
    kept = scene.wish("ad-hoc")
    assert kept is not None
    assert kept.next_due is None


async def test_two_schedulers_at_once_queue_nothing_twice(scene: Scene) -> None:
    for name in ("hourly", "other"):
        scene.put(name)
    pair = [scene.scheduler(MONDAY) for _ in range(2)]
    async with running(*pair):
        await until(lambda: len(scene.fired()) >= 4)
    for name in ("hourly", "other"):
        assert_each_once(scene, name)


async def test_two_schedulers_that_begin_at_once_catch_up_once(scene: Scene) -> None:
    names = [f"wish-{number}" for number in range(5)]
    for name in names:
        scene.put(name, NIGHTLY)
    await scene.scheduler(MONDAY, scale=1).begin()
    late = [scene.scheduler(MONDAY + timedelta(days=3), scale=1) for _ in range(4)]
    found = await asyncio.gather(*(each.begin() for each in late))
    assert sorted(fired.wish for each in found for fired in each.fired) == names
    assert sorted(job[0] for job in scene.expansions()) == names


async def test_an_outage_is_waited_out_and_what_it_hid_is_caught_up_once(scene: Scene) -> None:
    scene.put()
    scheduler = scene.scheduler(MONDAY)
    with structlog.testing.capture_logs() as said:
        async with running(scheduler):
            await until(scene.fired)
            with scene.outage():
                begun = scheduler.clock.now()
                await asyncio.sleep(0.7)
                ended = scheduler.clock.now()
            await until(lambda: scene.fired()[-1].due_at > ended)
    assert [line["event"] for line in said if line["log_level"] != "info"] == ["database_lost", "database_back"]
    assert_each_once(scene)
    after = [each for each in scene.fired() if each.due_at > begun]
    assert ended - begun > 2 * HOUR
    assert after[0].cause == "catch_up"
    assert after[0].due_at > ended - HOUR  # the last that was missed, and only that


async def test_connections_that_are_lost_lose_no_firing(scene: Scene) -> None:
    scene.put()
    async with running(scene.scheduler(MONDAY)):
        for _ in range(8):
            await asyncio.sleep(0.08)
            await asyncio.to_thread(scene.cut)
        many = len(scene.fired())
        await until(lambda: len(scene.fired()) > many)
    assert_each_once(scene)


async def test_a_scheduler_that_begins_while_the_database_is_away_waits_for_it(scene: Scene) -> None:
    scene.put()
    scheduler = scene.scheduler(MONDAY)
    with scene.outage():
        task = asyncio.create_task(scheduler.run())
        await asyncio.sleep(0.3)
        assert not task.done()
    await until(scene.fired)
    scheduler.stop()
    await asyncio.wait_for(task, 5)


async def test_it_can_be_stopped_while_the_database_is_away(scene: Scene) -> None:
    scene.put()
    scheduler = scene.scheduler(MONDAY, scale=1)
    with scene.outage():
        task = asyncio.create_task(scheduler.run())
        await asyncio.sleep(0.2)
        scheduler.stop()
        await asyncio.wait_for(task, 5)


async def test_one_wish_that_the_database_refuses_stops_no_other(scene: Scene) -> None:
    with scene.engine.begin() as connection:
        connection.execute(text("ALTER TABLE ingest.firings ADD CHECK (wish <> 'cursed')"))
    for name in ("cursed", "hourly"):
        scene.put(name)
    async with running(scene.scheduler(MONDAY)):
        await until(lambda: len(scene.fired()) >= 2)
        with scene.engine.begin() as connection:
            connection.execute(text("ALTER TABLE ingest.firings DROP CONSTRAINT firings_wish_check"))
        await until(lambda: scene.fired("cursed"))
    assert_each_once(scene)
    assert_each_once(scene, "cursed")


async def test_once_fires_what_is_due_and_ends(scene: Scene) -> None:
    scene.put()

    async def at_hour(moment: datetime) -> list[tuple[datetime, str]]:
        found = await scene.scheduler(moment, scale=1).once()
        return [(each.due_at, each.cause) for each in found.fired]

    assert await at_hour(MONDAY) == []
    assert await at_hour(at("2024-06-03 21:02")) == [(at("2024-06-03 21:00"), "schedule")]
    assert await at_hour(at("2024-06-03 21:04")) == []
    assert await at_hour(at("2024-06-04 01:02")) == [(at("2024-06-04 01:00"), "catch_up")]
