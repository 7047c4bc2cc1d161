"""The queue as the database keeps it: put in, merged, paused, cancelled, retried, rescued."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Connection, Engine, text

from ingest.domain.job import Fill, JobProgress, JobState, Kind, Lane
from ingest.store import job_listing, jobs, wishes
from ingest.store.job_listing import listing
from ingest.store.series import SeriesRow
from tests import given

JUNE = given.window("2024-06-01", "2024-07-01")
JULY = given.window("2024-07-01", "2024-08-01")


def fill(row: SeriesRow, **more: object) -> Fill:
    return Fill(row.id, more.pop("windows", (JUNE,)), Lane.LARGE, **more)  # type: ignore[arg-type]


def status(connection: Connection, job_id: int, value: str, worker: int | None = None) -> None:
    connection.execute(
        text("UPDATE ingest_queue.procrastinate_jobs SET status = CAST(:v AS ingest_queue.procrastinate_job_status)"
             ", worker_id = :w WHERE id = :id"),
        {"v": value, "id": job_id, "w": worker},
    )  # fmt: skip


def claim(connection: Connection, *lanes: Lane) -> int | None:
    worker = connection.execute(text("SELECT ingest_queue.procrastinate_register_worker_v1()")).scalar_one()
    claimed = text("SELECT id FROM ingest_queue.procrastinate_fetch_job_v2(CAST(:q AS varchar[]), :w)")
    found: int | None = connection.execute(claimed, {"q": [lane.value for lane in lanes], "w": worker}).scalar_one()
    return found


def test_a_queued_job_is_listed_with_all_it_is_to_do(engine: Engine, series_row: SeriesRow) -> None:
    with engine.begin() as connection:
        (queued,) = jobs.queue_fills(connection, [fill(series_row, wish="nightly", priority=5, firing=3, estimate=7)])
    with engine.connect() as connection:
        (job,) = listing(connection)
    assert (job.id, job.kind, job.state, job.lane) == (queued.job_id, Kind.FILL, JobState.WAITING, Lane.LARGE)
    assert (job.wish, job.priority, job.firing, job.estimate) == ("nightly", 5, 3, 7)
    assert (job.series_id, job.windows, job.not_before) == (series_row.id, (JUNE,), None)
    assert job.queued_at is not None
    assert (job.started_at, job.ended_at) == (None, None)


def test_a_second_job_for_a_series_widens_the_one_that_waits(engine: Engine, series_row: SeriesRow) -> None:
    with engine.begin() as connection:
        (first,) = jobs.queue_fills(connection, [fill(series_row, priority=1, estimate=2)])
    with engine.begin() as connection:
        (second,) = jobs.queue_fills(connection, [fill(series_row, windows=(JULY,), priority=4, firing=9)])
    assert (second.job_id, second.merged) == (first.job_id, True)
    with engine.connect() as connection:
        (job,) = listing(connection)
    assert job.windows == (given.window("2024-06-01", "2024-08-01"),)
    assert (job.priority, job.firing, job.estimate) == (4, 9, 2)


def test_a_job_that_is_widened_does_not_wait_for_its_next_round(engine: Engine, series_row: SeriesRow) -> None:
    with engine.begin() as connection:
        (first,) = jobs.queue_fills(connection, [fill(series_row)])
        claim(connection, Lane.LARGE)
        job_listing.save_progress(connection, first.job_id, JobProgress("main", 3, rounds=4))
        later = text(
            "SELECT ingest_queue.procrastinate_retry_job_v2(:id, now() + interval '2 hours', NULL, NULL, NULL)"
        )
        connection.execute(later, {"id": first.job_id})
        assert claim(connection, Lane.LARGE) is None
        (second,) = jobs.queue_fills(connection, [fill(series_row, windows=(JULY,), priority=100)])
        assert second.merged
    with engine.begin() as connection:
        assert job_listing.read_progress(connection, first.job_id) == JobProgress("main", 3)
        assert claim(connection, Lane.LARGE) == first.job_id


def test_jobs_of_other_wishes_are_apart(engine: Engine, series_row: SeriesRow) -> None:
    with engine.begin() as connection:
        made = jobs.queue_fills(connection, [fill(series_row, wish="a"), fill(series_row, wish="b")])
    assert len({each.job_id for each in made}) == 2


def test_a_job_that_runs_is_not_widened_but_named(engine: Engine, series_row: SeriesRow) -> None:
    """It may have made its last plan already; the new one finds in the ledger what was done."""
    with engine.begin() as connection:
        (first,) = jobs.queue_fills(connection, [fill(series_row)])
        status(connection, first.job_id, "doing")
        (second,) = jobs.queue_fills(connection, [fill(series_row)])
    assert second.job_id != first.job_id
    assert (second.merged, second.running) == (False, (first.job_id,))


def test_one_series_is_claimed_once_and_the_urgent_job_first(engine: Engine, series_row: SeriesRow) -> None:
    with engine.begin() as connection:
        made = jobs.queue_fills(connection, [fill(series_row, wish="slow"), fill(series_row, wish="night", priority=9)])
    with engine.begin() as connection:
        assert claim(connection, Lane.LARGE) == made[1].job_id
        assert claim(connection, Lane.LARGE) is None


def test_lanes_are_claimed_apart(engine: Engine, series_row: SeriesRow) -> None:
    with engine.begin() as connection:
        (queued,) = jobs.queue_fills(connection, [Fill(series_row.id, (JUNE,), Lane.SMALL)])
        assert claim(connection, Lane.LARGE, Lane.CONTROL) is None
        assert claim(connection, Lane.SMALL) == queued.job_id


def test_a_series_does_not_wait_for_a_job_that_is_put_aside_or_for_later(engine: Engine, series_row: SeriesRow) -> None:
    with engine.begin() as connection:
        made = jobs.queue_fills(connection, [fill(series_row, wish=wish, priority=-ord(wish)) for wish in "abc"])
        jobs.pause(connection, "universe", "a")
        later = text(
            "UPDATE ingest_queue.procrastinate_jobs SET scheduled_at = now() + interval '1 hour' WHERE id = :id"
        )
        connection.execute(later, {"id": made[1].job_id})
    with engine.begin() as connection:
        assert claim(connection, Lane.LARGE) == made[2].job_id
        jobs.resume(connection, "universe", "a")
        assert claim(connection, Lane.LARGE) is None, "one series, one job at a time"


def test_one_series_is_never_claimed_twice(engine: Engine, series_row: SeriesRow) -> None:
    """A claim that began before a job was due takes the next one of its series, while another claims that job."""
    with engine.begin() as connection:
        first, _ = jobs.queue_fills(connection, [fill(series_row, wish=wish) for wish in "ab"])
    due = text("UPDATE ingest_queue.procrastinate_jobs SET scheduled_at = clock_timestamp() WHERE id = :id")
    with engine.connect() as early, engine.connect() as late, ThreadPoolExecutor() as threads:
        early.execute(text("SELECT now()"))
        with engine.begin() as connection:
            connection.execute(due, {"id": first.job_id})
        assert claim(late, Lane.LARGE) == first.job_id
        waiting = threads.submit(claim, early, Lane.LARGE)
        with pytest.raises(TimeoutError):
            waiting.result(0.2)
        late.commit()
        assert waiting.result(10) is None


def test_a_paused_universe_waits_apart_and_comes_back_to_its_lane(engine: Engine, series_row: SeriesRow) -> None:
    with engine.begin() as connection:
        (queued,) = jobs.queue_fills(connection, [fill(series_row, wish="night")])
        assert jobs.pause(connection, "universe", "night") == 1
        later = jobs.queue_expansion(connection, "night", 1, 0)
        jobs.queue_conclusion(connection, "night", 1, 0)
    with engine.begin() as connection:
        assert [job.id for job in listing(connection, states=[JobState.PAUSED])] == [queued.job_id, later]
        assert [job.kind for job in listing(connection, states=[JobState.WAITING])] == [Kind.CONCLUDE]
        assert claim(connection, Lane.LARGE) is None
        assert jobs.resume(connection, "universe", "night") == (True, 2)
        assert jobs.resume(connection, "universe", "night") == (False, 0)
        assert claim(connection, Lane.LARGE) == queued.job_id


def test_a_named_universe_pauses_every_wish_of_it(engine: Engine, series_row: SeriesRow) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("""INSERT INTO ingest.wishes (name, path, document)
                    VALUES ('night', 'a.toml', '{"universe": {"name": "us"}}')""")
        )
        jobs.queue_fills(connection, [fill(series_row, wish="night"), fill(series_row, wish="other")])
        assert jobs.pause(connection, "universe", "us") == 1
        jobs.queue_fills(connection, [fill(series_row, wish="night", retry_failed=True)])
        assert [job.wish for job in listing(connection, states=[JobState.PAUSED])] == ["night", "night"]
        assert jobs.pauses(connection) == {("universe", "us")}
        assert jobs.resume(connection, "universe", "us") == (True, 2)


def test_cancelling_stops_what_waits_and_asks_what_runs(engine: Engine, series_row: SeriesRow) -> None:
    with engine.begin() as connection:
        made = jobs.queue_fills(connection, [fill(series_row, wish=wish) for wish in "abc"])
        waits, runs, ended = (each.job_id for each in made)
        status(connection, runs, "doing")
        status(connection, ended, "succeeded")
        assert jobs.cancel(connection, [waits, runs, ended, 999]) == (waits, runs)
    with engine.connect() as connection:
        found = {job.id: job for job in listing(connection)}
    assert found[waits].state is JobState.CANCELLED
    assert (found[runs].state, found[runs].cancelling) == (JobState.RUNNING, True)


def test_ended_jobs_are_tried_again_from_their_first_round(engine: Engine, series_row: SeriesRow) -> None:
    with engine.begin() as connection:
        made = jobs.queue_fills(connection, [fill(series_row, wish=wish) for wish in "abc"])
        failed, cancelled, done = (each.job_id for each in made)
        noted = JobProgress("main", 3, 2, 10, 4, 500, (("a", "b", "c", "d"),), "timed out")
        job_listing.save_progress(connection, failed, noted)
        for job_id, value in ((failed, "failed"), (cancelled, "cancelled"), (done, "succeeded")):
            if value != "cancelled":
                status(connection, job_id, "doing")
            status(connection, job_id, value)
        again = jobs.retry(connection, [failed, cancelled, done], retry_failed=True)
    assert again.keys() == {failed, cancelled}
    assert again[failed] == failed
    with engine.connect() as connection:
        waiting = listing(connection, states=[JobState.WAITING])
        assert job_listing.read_progress(connection, failed) == JobProgress("main", 3, 0, 10, 4, 500)
    assert {job.id for job in waiting} == set(again.values())
    assert all(job.retry_failed and job.windows == (JUNE,) for job in waiting)


def test_a_job_that_was_asked_to_stop_is_cancelled_and_can_be_tried_again(
    engine: Engine, series_row: SeriesRow
) -> None:
    """Procrastinate calls it failed when it gives itself back at that moment, and keeps asking."""
    with engine.begin() as connection:
        (queued,) = jobs.queue_fills(connection, [fill(series_row)])
        assert claim(connection, Lane.LARGE) == queued.job_id
        jobs.cancel(connection, [queued.job_id])
        given_back = text("SELECT ingest_queue.procrastinate_retry_job_v2(:id, now(), NULL, NULL, NULL)")
        connection.execute(given_back, {"id": queued.job_id})
        assert [job.id for job in listing(connection, states=[JobState.CANCELLED])] == [queued.job_id]
        assert [each.state for each in job_listing.depth(connection)] == [JobState.CANCELLED]
        assert jobs.retry(connection, [queued.job_id]) == {queued.job_id: queued.job_id}
        (job,) = listing(connection)
    assert (job.state, job.cancelling) == (JobState.WAITING, False)


def test_what_is_tried_again_waits_aside_while_its_wish_is_paused(engine: Engine, series_row: SeriesRow) -> None:
    with engine.begin() as connection:
        made = jobs.queue_fills(connection, [fill(series_row, wish="a"), fill(series_row, wish="a", retry_failed=True)])
        for job, value in zip(made, ("failed", "cancelled"), strict=True):
            status(connection, job.job_id, "doing")
            status(connection, job.job_id, value)
        jobs.pause(connection, "universe", "a")
        jobs.retry(connection, [job.job_id for job in made])
        assert len(listing(connection, states=[JobState.PAUSED])) == 2
        assert jobs.resume(connection, "universe", "a") == (True, 2)


def test_jobs_of_a_silent_worker_are_given_back_once(engine: Engine, series_row: SeriesRow) -> None:
    with engine.begin() as connection:
        made = jobs.queue_fills(connection, [fill(series_row, wish=wish) for wish in "ab"])
        register = text("SELECT ingest_queue.procrastinate_register_worker_v1()")
        silent, alive = (connection.execute(register).scalar_one() for _ in range(2))
        connection.execute(
            text("UPDATE ingest_queue.procrastinate_workers SET last_heartbeat = now() - interval '1 minute'"
                 " WHERE id = :id"), {"id": silent},
        )  # fmt: skip
        connection.execute(text("UPDATE ingest_queue.procrastinate_jobs SET lock = id::text"))
        status(connection, made[0].job_id, "doing", silent)
        status(connection, made[1].job_id, "doing", alive)
    with engine.begin() as one, engine.begin() as other:
        assert jobs.rescue(one, 30) == (made[0].job_id,)
        assert jobs.rescue(other, 30) == ()
    with engine.connect() as connection:
        assert {job.id: job.state for job in listing(connection)} == {
            made[0].job_id: JobState.WAITING,
            made[1].job_id: JobState.RUNNING,
        }


def test_a_rescued_job_of_a_paused_universe_is_put_aside(engine: Engine, series_row: SeriesRow) -> None:
    with engine.begin() as connection:
        jobs.queue_fills(connection, [fill(series_row, wish="a")])
        claim(connection, Lane.LARGE)
        jobs.pause(connection, "universe", "a")
        connection.execute(text("DELETE FROM ingest_queue.procrastinate_workers"))
        jobs.rescue(connection, 30)
        assert [job.state for job in listing(connection)] == [JobState.PAUSED]


def test_old_jobs_are_forgotten_and_what_was_noted_of_them(engine: Engine, series_row: SeriesRow) -> None:
    with engine.begin() as connection:
        made = jobs.queue_fills(connection, [fill(series_row, wish=wish) for wish in "ab"])
        status(connection, made[0].job_id, "succeeded")
        job_listing.save_progress(connection, made[0].job_id, JobProgress("main", 1))
        assert jobs.prune(connection, 1) == 0
        connection.execute(text("UPDATE ingest_queue.procrastinate_events SET at = at - interval '2 days'"))
        assert jobs.prune(connection, 1) == 1
        assert [job.id for job in listing(connection)] == [made[1].job_id]
        assert job_listing.read_progress(connection, made[0].job_id) == JobProgress()


def test_ended_jobs_are_listed_for_as_long_as_is_wished(engine: Engine, series_row: SeriesRow) -> None:
    with engine.begin() as connection:
        made = jobs.queue_fills(connection, [fill(series_row, wish=wish) for wish in "abc"])
        for job in made[:2]:
            status(connection, job.job_id, "failed")
        old = text("UPDATE ingest_queue.procrastinate_events SET at = at - interval '2 days' WHERE job_id <> :id")
        connection.execute(old, {"id": made[1].job_id})
        found = listing(connection, ended_within=timedelta(days=1))
        assert [job.id for job in found] == [made[2].job_id, made[1].job_id]
        assert len(listing(connection, ended_within=timedelta(days=3))) == 3


def test_what_is_queued_is_counted_with_its_requests(engine: Engine, series_row: SeriesRow) -> None:
    with engine.begin() as connection:
        made = jobs.queue_fills(connection, [fill(series_row, wish=wish, estimate=5) for wish in "abc"])
        jobs.pause(connection, "universe", "c")
        status(connection, made[0].job_id, "doing")
        job_listing.save_progress(connection, made[0].job_id, JobProgress("main", 1, remaining=3))
        found = {(each.lane, each.state): (each.jobs, each.requests) for each in job_listing.depth(connection)}
    assert found == {
        (Lane.LARGE, JobState.RUNNING): (1, 3),
        (Lane.LARGE, JobState.WAITING): (1, 5),
        (Lane.LARGE, JobState.PAUSED): (1, 5),
    }


def test_a_job_for_later_says_when(engine: Engine, series_row: SeriesRow) -> None:
    with engine.begin() as connection:
        jobs.queue_fills(connection, [fill(series_row)])
        connection.execute(text("UPDATE ingest_queue.procrastinate_jobs SET scheduled_at = now() + interval '1 hour'"))
        (job,) = listing(connection)
    assert job.not_before is not None
    assert job.queued_at is not None
    assert job.not_before - job.queued_at > timedelta(minutes=59)


@pytest.mark.parametrize("limit", [1, 2])
def test_running_jobs_are_listed_first_then_those_to_come_then_the_last_ended(
    engine: Engine, series_row: SeriesRow, limit: int
) -> None:
    with engine.begin() as connection:
        made = jobs.queue_fills(
            connection,
            [fill(series_row, wish=wish, priority=place) for place, wish in enumerate("abcde")],
        )
        ids = [each.job_id for each in made]
        status(connection, ids[0], "doing")
        status(connection, ids[3], "succeeded")
        status(connection, ids[4], "cancelled")
        order = [ids[0], ids[2], ids[1], ids[4], ids[3]]
        assert [job.id for job in listing(connection)] == order
        assert [job.id for job in listing(connection, limit=limit)] == order[:limit]


def is_outranked(engine: Engine, job_id: int) -> bool:
    with engine.connect() as connection:
        return jobs.is_outranked(connection, job_id)


def test_a_job_is_outranked_by_what_waits_or_runs_for_small_bars_with_a_higher_priority(
    engine: Engine, series_row: SeriesRow
) -> None:
    with engine.begin() as connection:
        mine, equal, higher = (
            jobs.queue_fills(connection, [Fill(number, (JUNE,), Lane.SMALL, priority=priority)])[0].job_id
            for number, priority in ((1, 5), (2, 5), (3, 6))
        )
    assert [is_outranked(engine, each) for each in (mine, equal, higher)] == [True, True, False]
    with engine.begin() as connection:
        status(connection, higher, "doing")
    assert is_outranked(engine, mine)
    with engine.begin() as connection:
        status(connection, higher, "succeeded")
    assert not is_outranked(engine, mine)


@pytest.mark.parametrize(
    ("bar_size", "priority", "due", "outranks"),
    [
        ("30 secs", 6, True, True),
        ("1 secs", 6, True, True),
        ("30 secs", 5, True, False),
        ("1 min", 6, True, False),
        ("30 secs", 6, False, False),
    ],
)
def test_a_job_is_outranked_by_a_scheduled_wish_for_small_bars_with_a_higher_priority(
    engine: Engine, series_row: SeriesRow, bar_size: str, priority: int, due: bool, outranks: bool
) -> None:
    document = {"priority": priority, "series": [{"bar_size": "1 day"}, {"bar_size": bar_size}]}
    with engine.begin() as connection:
        (mine,) = jobs.queue_fills(connection, [fill(series_row, priority=5)])
        wishes.save(connection, "nightly", "jobs/nightly.toml", document, JUNE.end if due else None)
    assert is_outranked(engine, mine.job_id) is outranks
    with engine.begin() as connection:
        wishes.remove(connection, "nightly")
    assert not is_outranked(engine, mine.job_id), "a wish whose file is gone is not waited for"
