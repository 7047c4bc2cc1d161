"""Whose a wish is: two folders that claim one name, files that are moved, and one file by two ways."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
import structlog
from sqlalchemy import text

from ingest.app.firing import fire_by_hand
from ingest.clock import SystemClock
from ingest.wishes import read_job
from tests.given import at
from tests.scheduler.scene import NIGHTLY, Scene, running, until

MONDAY = at("2024-06-03 20:30")


def next_due(scene: Scene, name: str) -> object:
    kept = scene.wish(name)
    return kept and kept.next_due


@pytest.fixture
def elsewhere(scene: Scene) -> Scene:
    """Another folder, for a second scheduler on the same database."""
    folder = scene.folder.with_name("elsewhere")
    folder.mkdir()
    return Scene(scene.engine, folder)


def kept_path(scene: Scene, name: str = "hourly") -> str:
    kept = scene.wish(name)
    assert kept is not None
    return kept.path


async def test_a_name_that_another_folder_has_is_a_problem_and_stays_where_it_was(
    scene: Scene, elsewhere: Scene
) -> None:
    theirs, ours = elsewhere.put(), scene.put(schedule=NIGHTLY)
    scene.put("other")
    await elsewhere.scheduler(MONDAY, scale=1).begin()
    with structlog.testing.capture_logs() as said:
        found = await scene.scheduler(MONDAY, scale=1).begin()
    (problem,) = found.problems
    assert str(problem).startswith(f"{ours}:1: name: 'hourly' is the name of {theirs} already, in another folder; give")
    assert [line["problem"] for line in said if line["log_level"] == "error"] == [str(problem)]
    assert [each.job.name for each in found.wishes] == ["other"]
    assert kept_path(scene) == str(theirs)
    assert next_due(scene, "hourly") == at("2024-06-03 21:00")


async def test_a_name_that_is_another_folders_is_told_once_and_taken_when_it_is_free(
    scene: Scene, elsewhere: Scene
) -> None:
    theirs = elsewhere.put()
    await elsewhere.scheduler(MONDAY, scale=1).begin()
    scene.put("other")
    with structlog.testing.capture_logs() as said:
        async with running(scene.scheduler(MONDAY)):
            await until(lambda: scene.fired("other"))
            ours = scene.put()
            many = len(scene.fired("other")) + 2
            await until(lambda: len(scene.fired("other")) >= many)
            assert scene.fired() == []
            theirs.unlink()
            await until(scene.fired)
    assert [line["event"] for line in said if line["log_level"] == "error"] == ["job_file_wrong"]
    assert kept_path(scene) == str(ours)


async def test_a_file_that_was_moved_takes_its_wish_along(scene: Scene, elsewhere: Scene) -> None:
    elsewhere.put(schedule=NIGHTLY)
    await elsewhere.scheduler(MONDAY, scale=1).begin()
    ours = (elsewhere.folder / "hourly.toml").rename(scene.folder / "hourly.toml")
    found = await scene.scheduler(MONDAY + timedelta(days=1), scale=1).begin()
    assert (found.problems, kept_path(scene)) == ((), str(ours))
    assert [each.due_at for each in found.fired] == [at("2024-06-03 22:00")]


async def test_a_file_that_is_moved_is_not_removed_by_who_misses_it_later(scene: Scene, elsewhere: Scene) -> None:
    theirs = elsewhere.put()
    elsewhere.put("other")
    late = elsewhere.scheduler(MONDAY, scale=1)
    await late.begin()
    ours = theirs.rename(scene.folder / "hourly.toml")
    await scene.scheduler(MONDAY, scale=1).begin()
    async with running(late):
        await until(lambda: "hourly" not in {each.job.name for each in late.waiting})
    kept = scene.wish()
    assert kept is not None
    assert (kept.path, kept.removed_at) == (str(ours), None)


async def test_one_file_by_two_ways_is_one_wish(scene: Scene, elsewhere: Scene) -> None:
    (scene.folder / "hourly.toml").symlink_to(elsewhere.put())
    await elsewhere.scheduler(MONDAY, scale=1).begin()
    found = await scene.scheduler(MONDAY, scale=1).begin()
    assert (found.problems, [each.job.name for each in found.wishes]) == ((), ["hourly"])


async def test_a_folder_is_the_same_from_any_working_folder(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    path = scene.put()
    await scene.scheduler(MONDAY, scale=1).begin()
    monkeypatch.chdir(scene.folder.parent)
    scene.folder = Path(scene.folder.name)
    found = await scene.scheduler(MONDAY, scale=1).begin()
    assert (found.problems, kept_path(scene)) == ((), str(path))


async def test_names_are_swapped_within_a_folder_while_nobody_looks(scene: Scene) -> None:
    one, two = scene.put("one"), scene.put("two", NIGHTLY)
    await scene.scheduler(MONDAY, scale=1).begin()
    one.rename(scene.folder / "third.toml")
    two.rename(one)
    (scene.folder / "third.toml").rename(two)
    found = await scene.scheduler(MONDAY, scale=1).begin()
    assert found.problems == ()
    assert (kept_path(scene, "one"), kept_path(scene, "two")) == (str(two), str(one))


async def test_a_wish_that_nobody_fires_gives_its_name_up_to_one_with_a_schedule(
    scene: Scene, elsewhere: Scene
) -> None:
    theirs = elsewhere.put(schedule="")
    await elsewhere.scheduler(MONDAY, scale=1).begin()
    ours = scene.put(schedule="")
    assert [each.file for each in (await scene.scheduler(MONDAY, scale=1).begin()).problems] == [ours]
    assert kept_path(scene) == str(theirs)
    scene.put()
    assert (await scene.scheduler(MONDAY, scale=1).begin()).problems == ()
    assert kept_path(scene) == str(ours)
    again = await elsewhere.scheduler(MONDAY, scale=1).begin()
    assert [each.file for each in again.problems] == [theirs]


async def test_of_two_that_began_at_the_same_moment_only_one_fires(scene: Scene, elsewhere: Scene) -> None:
    scene.put()
    theirs = elsewhere.put()
    scheduler = scene.scheduler(MONDAY)
    with structlog.testing.capture_logs() as said:
        async with running(scheduler):
            await until(scene.wish)
            with scene.engine.begin() as connection:  # what the other wrote without having seen this one's
                connection.execute(text("UPDATE ingest.wishes SET path = :path"), {"path": str(theirs)})
            await until(lambda: any(line["event"] == "job_file_wrong" for line in said))
            many = len(scene.fired())
            await asyncio.sleep(0.6)
            assert len(scene.fired()) == many


async def test_a_wish_that_was_queued_by_hand_is_removed_when_its_file_is_gone(scene: Scene, elsewhere: Scene) -> None:
    path = elsewhere.put("hand")
    fire_by_hand(scene.engine, read_job(path), SystemClock())
    scene.put()
    await scene.scheduler(MONDAY, scale=1).begin()
    kept = scene.wish("hand")
    assert kept is not None
    assert kept.removed_at is None
    path.unlink()
    await scene.scheduler(MONDAY, scale=1).begin()
    kept = scene.wish("hand")
    assert kept is not None
    assert kept.removed_at is not None


async def test_a_wish_that_another_scheduler_fires_is_left_alone_where_its_file_is_not_here(
    scene: Scene, elsewhere: Scene
) -> None:
    path = elsewhere.put("theirs")
    await elsewhere.scheduler(MONDAY, scale=1).begin()
    path.unlink()  # as on a machine that does not see it
    scene.put()
    await scene.scheduler(MONDAY, scale=1).begin()
    assert next_due(scene, "theirs") == at("2024-06-03 21:00")
