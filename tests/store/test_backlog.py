"""The facts behind a job's ETA: what is open in the queue, and how fast logins were answered of late."""

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import Engine, text

from ingest.domain.answer import RequestKind, RequestOutcome
from ingest.domain.bar_size import BarSize
from ingest.domain.job import Fill, JobProgress, Lane
from ingest.domain.series import Origin
from ingest.domain.what import WhatToShow
from ingest.store import backlog, bookings, job_history, job_listing, jobs, requests
from ingest.store import series as series_store
from ingest.store.backlog import OpenFill, Speed
from ingest.store.series import SeriesRow
from tests import given
from tests.store import settled
from tests.store.test_jobs import claim, status

JUNE = given.window("2024-06-01", "2024-07-01")


def test_open_fills_say_how_much_is_left_of_them(engine: Engine, series_row: SeriesRow) -> None:
    with engine.begin() as connection:
        fills = [
            Fill(series_row.id, (JUNE,), Lane.LARGE, wish, place, estimate=9) for place, wish in enumerate("abcde")
        ]
        ids = [each.job_id for each in jobs.queue_fills(connection, fills)]
        job_listing.save_progress(connection, ids[0], JobProgress("main", 1, remaining=4))
        job_listing.save_progress(connection, ids[1], JobProgress("main", 2, 1, remaining=0))
        status(connection, ids[0], "doing")
        status(connection, ids[4], "succeeded")
        jobs.pause(connection, "universe", "d")
        jobs.queue_conclusion(connection, "a", 1, 0)
        later = text("UPDATE ingest_queue.procrastinate_jobs SET scheduled_at = now() + interval '90 s' WHERE id = :id")
        connection.execute(later, {"id": ids[1]})
        found = {each.id: each for each in backlog.open_fills(connection)}
    one = OpenFill(ids[0], Lane.LARGE, 0, series_row.id, WhatToShow.TRADES, True, False, 4, None)
    assert found == {
        ids[0]: one,
        ids[1]: replace(one, id=ids[1], priority=1, runs=False, requests=1, seconds_until=90.0),
        ids[2]: replace(one, id=ids[2], priority=2, runs=False, requests=9),
        ids[3]: replace(one, id=ids[3], priority=3, runs=False, requests=9, is_paused=True),
    }


def test_time_in_which_nothing_was_asked_does_not_slow_a_login_down(engine: Engine, series_row: SeriesRow) -> None:
    """Each is open for a minute: two together, one that begins when they are half over, and one much later."""
    with engine.begin() as connection:
        for minutes in (0.0, 0.0, 0.5, 7.0):
            sent = given.ZERO + timedelta(minutes=minutes)
            requests.save(connection, series_row, settled.record(series_row, sent_at=sent))
        sent = given.ZERO + timedelta(minutes=8)
        requests.save(connection, series_row, settled.record(series_row, sent_at=sent, outcome=RequestOutcome.SENT))
        other = replace(settled.REAL, name="other")
        requests.save(connection, series_row, settled.record(series_row, login=other))
        assert backlog.speeds(connection, ["main"], given.ZERO - given.MINUTE) == (Speed("main", False, 4, 150.0, 0),)
        assert backlog.speeds(connection, ["main"], given.ZERO + given.MINUTE) == (Speed("main", False, 1, 60.0, 0),)
        assert len(backlog.speeds(connection, ["main", "other"], given.ZERO - given.MINUTE)) == 2
        assert backlog.speeds(connection, ["nobody"], given.ZERO) == ()


def test_small_bars_are_counted_apart_and_by_what_they_cost(engine: Engine, series_row: SeriesRow) -> None:
    with engine.begin() as connection:
        small = [
            series_store.ensure(connection, given.series(bar_size=BarSize.SEC_5, what=what), Origin.LIVE)
            for what in (WhatToShow.TRADES, WhatToShow.BID_ASK)
        ]
        for row in small:
            number = bookings.enter(connection, row, settled.record(row, outcome=RequestOutcome.SENT), 0.5)
            requests.save(connection, row, settled.record(row, request_id=number))
        head = replace(settled.record(series_row), kind=RequestKind.HEAD)
        bookings.enter(connection, series_row, head, 0.5)
        found = sorted(backlog.speeds(connection, ["main"], given.ZERO - given.MINUTE), key=lambda each: each.is_small)
    assert found == [Speed("main", False, 0, 0.0, 1), Speed("main", True, 2, 60.0, 3)]


def test_a_jobs_history_and_who_holds_it(engine: Engine, series_row: SeriesRow) -> None:
    with engine.begin() as connection:
        (queued,) = jobs.queue_fills(connection, [Fill(series_row.id, (JUNE,), Lane.LARGE)])
        assert job_history.holder(connection, queued.job_id) is None
        claim(connection, Lane.LARGE)
        holder = job_history.holder(connection, queued.job_id)
        assert holder is not None
        assert holder.silent_seconds < 60
        back = text("SELECT ingest_queue.procrastinate_retry_job_v2(:id, now() + interval '1 h', NULL, NULL, NULL)")
        connection.execute(back, {"id": queued.job_id})
        jobs.cancel(connection, [queued.job_id])
        words = [event.word for event in job_history.events(connection, queued.job_id)]
    assert words == ["queued", "taken up", "given back", "cancelled"]
