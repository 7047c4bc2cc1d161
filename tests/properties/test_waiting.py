"""The look ahead over the queue: nobody is served before his time, too fast, or before who is more urgent."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.domain.job import Lane
from ingest.plan.waiting import Expected, Pace, Waiting, timetable
from tests.given import ZERO

EASE = 1e-3  # seconds: times are rounded to microseconds


def later(seconds: float) -> datetime:
    return ZERO + timedelta(seconds=seconds)


def seconds(moment: datetime) -> float:
    return (moment - ZERO).total_seconds()


@st.composite
def queues(draw: st.DrawFn, *, waiting: bool = True, series: bool = True) -> list[Waiting]:
    moments = st.none() | st.integers(-100, 3000).map(later) if waiting else st.none()
    drawn = draw(
        st.lists(
            st.tuples(st.integers(0, 200), st.integers(-2, 2), st.none() | st.integers(1, 4), moments), max_size=12
        )
    )
    return [
        Waiting(number, Lane.LARGE, requests, priority, series_id if series else None, not_before)
        for number, (requests, priority, series_id, not_before) in enumerate(drawn, 1)
    ]


rates = st.floats(0.05, 50)
paces = st.builds(Pace, rates, st.integers(1, 5)) | st.builds(
    Pace, rates, st.integers(1, 5), st.integers(0, 60).map(float), st.floats(0.05, 1)
)


def expected(jobs: Sequence[Waiting], pace: Pace) -> dict[int, Expected]:
    return timetable(jobs, {Lane.LARGE: pace}, ZERO)


@given(queues(), paces)
def test_everybody_is_served_and_nobody_before_his_time(jobs: list[Waiting], pace: Pace) -> None:
    found = expected(jobs, pace)
    assert found.keys() == {job.id for job in jobs}
    for job in jobs:
        assert max(ZERO, job.not_before or ZERO) <= found[job.id].begins <= found[job.id].ends


@given(queues(), paces)
def test_never_is_more_done_than_the_pace_allows(jobs: list[Waiting], pace: Pace) -> None:
    found = expected(jobs, pace)
    for moment in (each.ends for each in found.values()):
        done = sum(job.requests for job in jobs if found[job.id].ends <= moment)
        assert done <= pace.requests_by(seconds(moment) + EASE) + EASE


@given(queues(), paces)
def test_time_in_which_there_was_no_work_is_not_made_up_for(jobs: list[Waiting], pace: Pace) -> None:
    found = expected(jobs, pace)
    for job in jobs:
        took = seconds(found[job.id].ends) - seconds(found[job.id].begins)
        assert took >= job.requests / pace.per_second - EASE


@given(queues(waiting=False).filter(bool), paces)
def test_no_time_is_lost_while_there_is_work(jobs: list[Waiting], pace: Pace) -> None:
    last = max(each.ends for each in expected(jobs, pace).values())
    assert seconds(last) == pytest.approx(pace.seconds_to(sum(job.requests for job in jobs)), abs=EASE)


@given(queues(), paces)
def test_the_more_urgent_of_two_that_are_alike_is_done_first(jobs: list[Waiting], pace: Pace) -> None:
    found = expected(jobs, pace)
    for job in jobs:
        for other in jobs:
            alike = (job.requests, job.series_id, job.not_before) == (other.requests, other.series_id, other.not_before)
            if alike and (job.priority, -job.id) > (other.priority, -other.id):
                assert found[job.id].begins <= found[other.id].begins
                assert seconds(found[job.id].ends) <= seconds(found[other.id].ends) + EASE


@given(queues(series=False).filter(bool), rates)
def test_with_one_slot_nobody_waits_for_the_least_urgent(jobs: list[Waiting], rate: float) -> None:
    least = min(jobs, key=lambda job: (job.priority, -job.id))
    others = [job for job in jobs if job is not least]
    whole, without = expected(jobs, Pace(rate)), expected(others, Pace(rate))
    for job_id, each in without.items():
        assert seconds(whole[job_id].ends) == pytest.approx(seconds(each.ends), abs=EASE)


@given(queues(waiting=False), st.integers(2, 5))
def test_jobs_of_one_series_follow_each_other(jobs: list[Waiting], slots: int) -> None:
    """Those of one urgency, that is: a more urgent one is let in between."""
    queue = [replace(job, series_id=1, requests=job.requests + 1, priority=0) for job in jobs]
    found = expected(queue, Pace(1.0, slots))
    for before, after in pairwise(queue):
        assert found[after.id].begins == found[before.id].ends


@given(queues(waiting=False), st.floats(0.1, 10), st.integers(1, 5))
def test_twice_the_pace_takes_half_the_time(jobs: list[Waiting], rate: float, slots: int) -> None:
    one, two = expected(jobs, Pace(rate, slots)), expected(jobs, Pace(2 * rate, slots))
    for job_id, each in one.items():
        assert seconds(each.ends) == pytest.approx(2 * seconds(two[job_id].ends), abs=EASE)


@given(paces, st.floats(0, 1000))
def test_requests_and_seconds_are_two_sides_of_a_pace(pace: Pace, requests: float) -> None:
    assert pace.requests_by(pace.seconds_to(requests)) == pytest.approx(requests)


def test_slots_share_the_pace() -> None:
    jobs = [Waiting(1, Lane.LARGE, 30), Waiting(2, Lane.LARGE, 10), Waiting(3, Lane.LARGE, 10)]
    found = expected(jobs, Pace(2.0, slots=2))
    assert [seconds(found[job.id].ends) for job in jobs] == [25, 10, 20]
    assert [seconds(found[job.id].begins) for job in jobs] == [0, 0, 10]


def test_an_urgent_job_takes_over_when_its_time_comes() -> None:
    jobs = [Waiting(1, Lane.LARGE, 100), Waiting(2, Lane.LARGE, 10, priority=5, not_before=later(20))]
    found = expected(jobs, Pace(1.0))
    assert (found[2].begins, found[2].ends) == (later(20), later(30))
    assert (found[1].begins, found[1].ends) == (ZERO, later(110))


def test_small_bars_go_slowly_once_the_first_sixty_are_gone() -> None:
    pace = Pace(4.0, slots=4, at_once=60, after=0.1)
    found = timetable([Waiting(1, Lane.SMALL, 60), Waiting(2, Lane.SMALL, 60)], {Lane.SMALL: pace}, ZERO)
    assert seconds(max(each.ends for each in found.values())) == pytest.approx(15 + 600)


def test_lanes_do_not_wait_for_each_other() -> None:
    jobs = [Waiting(1, Lane.LARGE, 10), Waiting(2, Lane.SMALL, 10), Waiting(3, Lane.CONTROL, 1)]
    found = timetable(jobs, {Lane.LARGE: Pace(1.0), Lane.SMALL: Pace(1.0)}, ZERO)
    assert {job_id: seconds(each.ends) for job_id, each in found.items()} == {1: 10, 2: 10}


@pytest.mark.parametrize("wrong", [{"per_second": 0.0}, {"slots": 0}, {"after": 0.0}, {"at_once": -1.0}])
def test_a_pace_at_which_nothing_ends_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="nothing ever ends"):
        Pace(**({"per_second": 1.0} | wrong))  # type: ignore[arg-type]
