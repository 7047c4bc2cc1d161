"""The crew on a real queue: no job is held for ever by a worker that cannot write down how it ended."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from procrastinate.exceptions import ConnectorException
from procrastinate.manager import JobManager
from sqlalchemy import Engine, text

from ingest.domain.job import JobState, Lane
from ingest.queue.lanes import Crew, Places
from ingest.queue.tasks import Handler, Handlers, Later, make_app
from ingest.store import job_listing, jobs

SECONDS = 10.0
#: Given to a worker that was there before.
_TAKEN = text("""
    WITH other AS (INSERT INTO ingest_queue.procrastinate_workers DEFAULT VALUES RETURNING id)
    UPDATE ingest_queue.procrastinate_jobs SET worker_id = other.id FROM other
    WHERE procrastinate_jobs.id = :job_id
""")

#: As before its end: what was committed last may be gone.
_TAKEN_BACK = text("""
    UPDATE ingest_queue.procrastinate_jobs SET status = 'doing', worker_id = (
        SELECT max(id) FROM ingest_queue.procrastinate_workers
    ) WHERE id = :job_id
""")


def queued(engine: Engine, many: int = 1) -> list[int]:
    with engine.begin() as connection:
        return [jobs.queue_conclusion(connection, "nightly", number, 0) for number in range(many)]


def states(engine: Engine) -> dict[int, JobState]:
    with engine.connect() as connection:
        return {job.id: job.state for job in job_listing.listing(connection)}


async def work(
    engine: Engine, handler: Handler, *, until: asyncio.Event | None = None, heartbeat_seconds: float = 1.0
) -> None:
    """A crew of one place on the control lane, until it ends by itself, or until the event."""
    app = make_app(engine.url, Handlers(handler, handler, handler))
    async with app.open_async():
        crew = Crew(app, (Places(Lane.CONTROL, 1),), heartbeat_seconds, poll_seconds=0.1)
        running = asyncio.create_task(crew.run())
        if until is not None:
            await asyncio.wait_for(until.wait(), SECONDS)
            crew.stop()
        await asyncio.wait_for(running, SECONDS)


async def test_a_job_that_was_taken_over_meanwhile_is_left_to_the_others(engine: Engine) -> None:
    first, second = queued(engine, 2)
    done = asyncio.Event()

    async def handler(job_id: int, _args: Mapping[str, Any]) -> None:
        if job_id == second:
            done.set()
            return
        with engine.begin() as connection:
            connection.execute(_TAKEN, {"job_id": first})
        raise Later

    await work(engine, handler, until=done)
    assert states(engine) == {first: JobState.RUNNING, second: JobState.DONE}, "it was given back for the others"


async def test_a_worker_that_cannot_give_a_job_back_ends_so_that_others_can_take_it(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    (job_id,) = queued(engine)

    async def handler(_job_id: int, _args: Mapping[str, Any]) -> None:
        raise Later

    async def lost(*_given: Any, **_named: Any) -> None:
        raise ConnectorException from ConnectionError("the connection was lost")

    with monkeypatch.context() as patched:
        patched.setattr(JobManager, "retry_job", lost)
        await work(engine, handler)
    assert states(engine) == {job_id: JobState.RUNNING}
    with engine.begin() as connection:
        assert jobs.rescue(connection, silent_seconds=600) == (job_id,)


async def test_an_ending_that_a_crash_of_the_server_took_back_is_noticed_and_the_job_runs_again(engine: Engine) -> None:
    (job_id,) = queued(engine)
    runs, again = 0, asyncio.Event()

    async def handler(_job_id: int, _args: Mapping[str, Any]) -> None:
        nonlocal runs
        runs += 1
        if runs == 2:
            again.set()

    async def crash() -> None:
        while states(engine) != {job_id: JobState.DONE}:
            await asyncio.sleep(0.05)
        with engine.begin() as connection:
            connection.execute(_TAKEN_BACK, {"job_id": job_id})
        while not again.is_set():
            with engine.begin() as connection:
                jobs.rescue(connection, silent_seconds=600)
            await asyncio.sleep(0.05)

    crashing = asyncio.create_task(crash())
    await work(engine, handler, until=again, heartbeat_seconds=0.2)
    await crashing
    assert states(engine) == {job_id: JobState.DONE}


async def test_a_job_that_is_worked_on_is_not_disowned_however_long_it_takes(engine: Engine) -> None:
    (job_id,) = queued(engine)
    runs, ended = 0, asyncio.Event()

    async def handler(_job_id: int, _args: Mapping[str, Any]) -> None:
        nonlocal runs
        runs += 1
        for _ in range(20):
            with engine.begin() as connection:
                jobs.rescue(connection, silent_seconds=600)
            await asyncio.sleep(0.05)
        ended.set()

    await work(engine, handler, until=ended, heartbeat_seconds=0.1)
    assert (runs, states(engine)) == (1, {job_id: JobState.DONE})


async def test_a_sign_of_life_that_fails_is_followed_by_others_though_every_place_is_taken(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    queued(engine)
    begun, may_end, signs = asyncio.Event(), asyncio.Event(), 0
    sign = JobManager.update_heartbeat

    async def handler(_job_id: int, _args: Mapping[str, Any]) -> None:
        begun.set()
        await may_end.wait()

    async def once_lost(manager: JobManager, worker_id: int) -> None:
        nonlocal signs
        signs += 1
        if signs == 1:
            raise ConnectorException from ConnectionError("the connection was lost")
        await sign(manager, worker_id)

    monkeypatch.setattr(JobManager, "update_heartbeat", once_lost)
    working = asyncio.create_task(work(engine, handler, until=may_end, heartbeat_seconds=0.2))
    await asyncio.wait_for(begun.wait(), SECONDS)
    await asyncio.sleep(1.6)
    with engine.begin() as connection:
        assert jobs.rescue(connection, silent_seconds=0.8) == ()
    may_end.set()
    await working
    assert signs > 2


async def test_a_crew_whose_ear_has_died_ends(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would not hear of new jobs any more, nor of those that are cancelled."""
    die = asyncio.Event()

    async def handler(_job_id: int, _args: Mapping[str, Any]) -> None:
        raise AssertionError("there is nothing to do")

    async def listen(*_given: Any, **_named: Any) -> None:
        await die.wait()
        raise ConnectorException from ConnectionError("the connection was lost")

    monkeypatch.setattr(JobManager, "listen_for_jobs", listen)
    working = asyncio.create_task(work(engine, handler))
    await asyncio.sleep(0.5)
    assert not working.done()
    die.set()
    await asyncio.wait_for(working, SECONDS)


async def test_a_crew_that_drains_gives_signs_of_life_until_its_last_job_has_ended(engine: Engine) -> None:
    (job_id,) = queued(engine)
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def handler(_job_id: int, _args: Mapping[str, Any]) -> None:
        begun.set()
        await may_end.wait()

    working = asyncio.create_task(work(engine, handler, until=begun, heartbeat_seconds=0.2))
    await asyncio.wait_for(begun.wait(), SECONDS)
    await asyncio.sleep(1.6)
    with engine.begin() as connection:
        assert jobs.rescue(connection, silent_seconds=0.8) == ()
    may_end.set()
    await working
    assert states(engine) == {job_id: JobState.DONE}


async def test_a_crew_says_that_it_ends_while_a_job_still_keeps_it(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that what has begun is told to give way, and no lane stands still for as long as others' jobs take."""
    (job_id,) = queued(engine)
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def handler(_job_id: int, _args: Mapping[str, Any]) -> None:
        begun.set()
        await may_end.wait()

    async def lost(*_given: Any, **_named: Any) -> None:
        raise ConnectorException from ConnectionError("the connection was lost")

    app = make_app(engine.url, Handlers(handler, handler, handler))
    async with app.open_async():
        crew = Crew(app, (Places(Lane.CONTROL, 2),), heartbeat_seconds=1.0, poll_seconds=0.1)
        running = asyncio.create_task(crew.run())
        await asyncio.wait_for(begun.wait(), SECONDS)
        monkeypatch.setattr(JobManager, "fetch_job", lost)
        async with asyncio.timeout(SECONDS):
            while not crew.is_ending:
                await asyncio.sleep(0.05)
        assert not running.done()
        may_end.set()
        await asyncio.wait_for(running, SECONDS)
    assert states(engine) == {job_id: JobState.DONE}
