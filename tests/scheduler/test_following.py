"""The scheduler follows its folder while it runs, and leaves other folders' wishes alone."""

import asyncio
from datetime import timedelta

import pytest
import structlog
from sqlalchemy import text

from ingest.clock import SystemClock
from ingest.errors import SchemaMismatch, UsageError
from ingest.wishes import JobError
from tests.given import at
from tests.scheduler.scene import HOURLY, NIGHTLY, Scene, running, until
from tests.unit.wishes.writing import write

MONDAY = at("2024-06-03 20:30")


def next_due(scene: Scene, name: str) -> object:
    kept = scene.wish(name)
    return kept and kept.next_due


async def test_files_that_come_change_and_go_are_followed(scene: Scene) -> None:
    scene.put("first", NIGHTLY)
    async with running(scene.scheduler(MONDAY, scale=1)):
        await until(lambda: scene.wish("first"))
        scene.put("second", HOURLY)
        await until(lambda: next_due(scene, "second") == at("2024-06-03 21:00"))
        scene.put("second", NIGHTLY, priority=9)
        await until(lambda: next_due(scene, "second") == at("2024-06-03 22:00"))
        kept = scene.wish("second")
        assert kept is not None
        assert (kept.document["priority"], kept.path) == (9, str(scene.folder / "second.toml"))
        (scene.folder / "second.toml").unlink()
        await until(lambda: (row := scene.wish("second")) and row.removed_at)
        assert next_due(scene, "second") is None


async def test_a_removed_file_stops_firing(scene: Scene) -> None:
    scene.put("hourly")
    scene.put("goes")
    async with running(scene.scheduler(MONDAY)):
        await until(lambda: len(scene.fired("goes")) >= 1)
        (scene.folder / "goes.toml").unlink()
        await until(lambda: (row := scene.wish("goes")) and row.removed_at)
        many = len(scene.fired("goes"))
        further = len(scene.fired()) + 2
        await until(lambda: len(scene.fired()) >= further)
        assert len(scene.fired("goes")) == many


async def test_a_file_that_goes_while_nobody_looks_is_removed_and_coming_back_has_missed_nothing(scene: Scene) -> None:
    scene.put("stays")
    path = scene.put("goes", NIGHTLY)
    await scene.scheduler(MONDAY, scale=1).begin()
    path.unlink()
    await scene.scheduler(MONDAY + timedelta(days=1), scale=1).begin()
    kept = scene.wish("goes")
    assert kept is not None
    assert kept.removed_at is not None
    scene.put("goes", NIGHTLY)
    found = await scene.scheduler(MONDAY + timedelta(days=5), scale=1).begin()
    assert {each.wish for each in found.fired} == {"stays"}


async def test_a_changed_schedule_counts_from_when_it_is_read(scene: Scene) -> None:
    scene.put("changing", NIGHTLY)
    async with running(scene.scheduler(MONDAY, scale=1)):
        await until(lambda: scene.wish("changing"))
        scene.put("changing", NIGHTLY.replace("0 22", "0 20"))
        await until(lambda: next_due(scene, "changing") == at("2024-06-04 20:00"))
    assert scene.fired("changing") == []


async def test_a_file_that_became_wrong_keeps_running_and_is_told_once(scene: Scene) -> None:
    path = scene.put()
    with structlog.testing.capture_logs() as said:
        async with running(scene.scheduler(MONDAY)):
            await until(scene.fired)
            right = path.read_text(encoding="utf-8")
            write(scene.folder, right.replace("1 day", "7m").replace("until", "untill"), "hourly.toml")
            many = len(scene.fired()) + 2
            await until(lambda: len(scene.fired()) >= many)
            write(scene.folder, right, "hourly.toml")
            await until(lambda: any(line["event"] == "job_file_mended" for line in said))
    told = [str(line["problem"]) for line in said if line["event"] == "job_file_wrong"]
    assert [line.split(": ")[1] for line in told] == ["series.bar_size", "want.untill"]
    assert told[0].startswith(f"{path}:8: ")


async def test_a_file_that_is_wrong_from_the_beginning_goes_on_as_it_was_before(scene: Scene) -> None:
    path = scene.put("broken", NIGHTLY, priority=4)
    await scene.scheduler(MONDAY, scale=1).begin()
    right = path.read_text(encoding="utf-8")
    write(scene.folder, "[universe", "broken.toml")
    with structlog.testing.capture_logs() as said:
        found = await scene.scheduler(MONDAY + timedelta(days=1), scale=1).begin()
    told = [str(line["problem"]) for line in said if line["event"] == "job_file_wrong"]
    assert [line.split(": ")[0] for line in told] == [f"{path}:1"]
    assert [each.file for each in found.problems] == [path]
    assert [(each.job.path, each.job.priority) for each in found.wishes] == [(path, 4)]
    assert [(each.wish, each.due_at) for each in found.fired] == [("broken", at("2024-06-03 22:00"))]
    assert next_due(scene, "broken") == at("2024-06-04 22:00")
    write(scene.folder, right, "broken.toml")
    found = await scene.scheduler(MONDAY + timedelta(days=2), scale=1).begin()
    assert (found.problems, [each.due_at for each in found.fired]) == ((), [at("2024-06-04 22:00")])


async def test_a_file_that_is_wrong_from_the_beginning_is_fired_when_due_until_it_is_removed(scene: Scene) -> None:
    path = scene.put()
    await scene.scheduler(MONDAY, scale=1).begin()
    write(scene.folder, "[universe", "hourly.toml")
    async with running(scene.scheduler(MONDAY)):
        await until(lambda: len(scene.fired()) >= 2)
        path.unlink()
        await until(lambda: (row := scene.wish()) and row.removed_at)


async def test_once_goes_on_with_what_was_good_before(scene: Scene) -> None:
    scene.put("nightly", NIGHTLY)
    await scene.scheduler(MONDAY, scale=1).once()
    path = write(scene.folder, "[universe", "nightly.toml")
    found = await scene.scheduler(MONDAY + timedelta(days=1), scale=1).once()
    assert [each.wish for each in found.fired] == ["nightly"]
    assert [each.file for each in found.problems] == [path]


@pytest.mark.parametrize(
    "change", ["document - 'want'", "jsonb_set(document, '{schedule,time_zone}', '\"Mars/Base\"')"]
)
async def test_what_this_version_or_machine_cannot_read_is_not_fired_and_not_removed(scene: Scene, change: str) -> None:
    scene.put()
    scene.put("broken", NIGHTLY)
    await scene.scheduler(MONDAY, scale=1).begin()
    with scene.engine.begin() as connection:
        connection.execute(text(f"UPDATE ingest.wishes SET document = {change} WHERE name = 'broken'"))
    write(scene.folder, "[universe", "broken.toml")
    found = await scene.scheduler(MONDAY + timedelta(days=1), scale=1).begin()
    assert [each.job.name for each in found.wishes] == ["hourly"]
    assert next_due(scene, "broken") == at("2024-06-03 22:00")


async def test_a_removed_wish_does_not_come_back_with_a_file_that_is_wrong(scene: Scene) -> None:
    scene.put()
    scene.put("broken", NIGHTLY)
    await scene.scheduler(MONDAY, scale=1).begin()
    (scene.folder / "broken.toml").unlink()
    await scene.scheduler(MONDAY, scale=1).begin()
    write(scene.folder, "[universe", "broken.toml")
    found = await scene.scheduler(MONDAY, scale=1).begin()
    assert [each.job.name for each in found.wishes] == ["hourly"]


async def test_a_folder_that_goes_away_takes_no_wish_with_it(scene: Scene) -> None:
    scene.put()
    away = scene.folder.with_name("away")
    with structlog.testing.capture_logs() as said:
        async with running(scene.scheduler(MONDAY)):
            await until(scene.fired)
            scene.folder.rename(away)
            many = len(scene.fired()) + 2
            await until(lambda: len(scene.fired()) >= many)
            away.rename(scene.folder)
            await asyncio.sleep(0.2)
    assert [line["event"] for line in said if line["log_level"] == "error"] == ["folder_in_trouble"]
    kept = scene.wish()
    assert kept is not None
    assert kept.removed_at is None


async def test_the_wishes_of_another_folder_are_left_alone(scene: Scene) -> None:
    scene.put("ours")
    elsewhere = Scene(scene.engine, scene.folder.with_name("elsewhere"))
    elsewhere.folder.mkdir()
    elsewhere.put("theirs")
    for each in (elsewhere, scene):
        await each.scheduler(MONDAY, scale=1).begin()
    theirs = scene.wish("theirs")
    assert theirs is not None
    assert theirs.removed_at is None


async def test_where_there_is_nothing_to_schedule_it_does_not_begin(scene: Scene) -> None:
    with pytest.raises(UsageError, match="There is no job file in"):
        await scene.scheduler(MONDAY, scale=1).begin()
    write(scene.folder, "[universe", "wrong.toml")
    with pytest.raises(JobError, match=r"wrong\.toml:1: syntax"):
        await scene.scheduler(MONDAY, scale=1).begin()
    (scene.folder / "wrong.toml").unlink()
    scene.folder.rmdir()
    with pytest.raises(UsageError, match="cannot be read: no such file or directory"):
        await scene.scheduler(MONDAY, scale=1).run()


@pytest.mark.parametrize("found", ["no folder", "nothing", "a wrong file"])
async def test_beside_workers_it_begins_with_nothing_and_waits_for_job_files(scene: Scene, found: str) -> None:
    if found == "no folder":
        scene.folder.rmdir()
    if found == "a wrong file":
        write(scene.folder, "[universe", "wrong.toml")
    scheduler = scene.scheduler(MONDAY, is_alone=False)
    with structlog.testing.capture_logs() as said:
        async with running(scheduler):
            await until(lambda: [line for line in said if line["log_level"] in ("error", "warning")])
            scene.folder.mkdir(exist_ok=True)
            scene.put()
            await until(scene.fired)
            assert scheduler.missing == ""
    (loud,) = [line for line in said if line["log_level"] in ("error", "warning")]
    assert loud["event"] == ("job_file_wrong" if found == "a wrong file" else "no_job_files")
    assert loud.get("next") == (
        None if found == "a wrong file" else "Name another with --jobs, or begin with one of `ingest jobs example`."
    )
    assert [line["wish"] for line in said if line["event"] == "wish_read"] == ["hourly"]


async def test_wishes_that_went_with_a_folder_are_removed_when_it_comes_back_without_them(scene: Scene) -> None:
    scene.put("stays")
    scene.put("goes")
    await scene.scheduler(MONDAY, scale=1).begin()
    away = scene.folder.rename(scene.folder.with_name("away"))
    async with running(scene.scheduler(MONDAY, scale=1, is_alone=False)):
        await asyncio.sleep(0.2)
        assert next_due(scene, "goes") is not None
        (away / "goes.toml").unlink()
        away.rename(scene.folder)
        await until(lambda: (row := scene.wish("goes")) and row.removed_at)


async def test_a_schema_that_does_not_fit_ends_it(scene: Scene) -> None:
    scene.put()
    scheduler = scene.scheduler(MONDAY)
    task = asyncio.create_task(scheduler.run())
    await until(scene.fired)
    with scene.engine.begin() as connection:
        connection.execute(text("ALTER TABLE ingest.firings RENAME COLUMN cause TO because"))
    with pytest.raises(SchemaMismatch):
        await asyncio.wait_for(task, 10)


async def test_the_clock_may_be_the_walls(scene: Scene) -> None:
    scene.put()
    scheduler = scene.scheduler(MONDAY)
    scheduler.clock = SystemClock()
    found = await scheduler.begin()
    due = found.wishes[0].next_due
    assert due is not None
    assert timedelta(0) < due - SystemClock().now() <= timedelta(hours=1)
