"""What becomes of a job after a slice."""

from datetime import timedelta

from ingest.domain.ledger import Entry, Ledger, State
from ingest.progress import SeriesProgress, SeriesReport, report_of
from ingest.worker.rounds import Done, GivenUp, NextRound, NextSlice, RoundPolicy, SliceEnd, after_slice
from tests import given

WISH = given.window("2024-01-02", "2024-01-12")
POLICY = RoundPolicy(rounds=4, first_wait=timedelta(minutes=15))


def report(*entries: Entry) -> SeriesReport:
    return report_of(SeriesProgress(given.series()), 1, (WISH,), (WISH,), Ledger().record(*entries))


def settled(state: State, start: str, end: str, reason: str = "", *, permanent: bool = False) -> Entry:
    return Entry(given.window(start, end), state, reason, permanent)


COVERED = settled(State.COVERED, "2024-01-02", "2024-01-12")
TIMED_OUT = settled(State.TIMED_OUT, "2024-01-03", "2024-01-04", "no answer in 60 s")
REFUSED = settled(State.FAILED, "2024-01-05", "2024-01-06", "No permissions", permanent=True)


def test_a_complete_series_is_done_whatever_was_left_over() -> None:
    assert after_slice(POLICY, 3, SliceEnd(report(COVERED), 2)) == Done()


def test_what_is_left_over_gets_another_slice_whatever_failed() -> None:
    assert after_slice(POLICY, 3, SliceEnd(report(COVERED, REFUSED, TIMED_OUT), 1)) == NextSlice()
    assert after_slice(POLICY, 0, SliceEnd(report(), 1)) == NextSlice()


def test_what_could_not_be_had_gets_another_round_later_and_later() -> None:
    waits = []
    for rounds in range(3):
        step = after_slice(POLICY, rounds, SliceEnd(report(COVERED, TIMED_OUT), 0))
        assert isinstance(step, NextRound)
        waits.append(step.after)
        assert step.note == "Not settled: timed_out: no answer in 60 s"
    assert waits == [timedelta(minutes=minutes) for minutes in (15, 30, 60)]


def test_the_wait_has_a_bound() -> None:
    step = after_slice(RoundPolicy(rounds=20), 19 - 1, SliceEnd(report(COVERED, TIMED_OUT), 0))
    assert isinstance(step, NextRound)
    assert step.after == timedelta(days=1)


def test_after_the_last_round_it_is_given_up_with_the_reason() -> None:
    step = after_slice(POLICY, 3, SliceEnd(report(COVERED, TIMED_OUT), 0))
    assert step == GivenUp("Not settled: timed_out: no answer in 60 s. Asked in 4 rounds.")


def test_what_was_refused_for_good_is_given_up_at_once() -> None:
    step = after_slice(POLICY, 0, SliceEnd(report(COVERED, REFUSED), 0))
    assert step == GivenUp("Not settled: failed: No permissions. IB refused it for good.")


def test_a_refusal_beside_something_that_may_still_come_is_no_reason_to_give_up() -> None:
    assert isinstance(after_slice(POLICY, 0, SliceEnd(report(COVERED, REFUSED, TIMED_OUT), 0)), NextRound)


def test_time_that_was_never_asked_for_is_named() -> None:
    step = after_slice(POLICY, 0, SliceEnd(report(settled(State.COVERED, "2024-01-02", "2024-01-10")), 0))
    assert isinstance(step, NextRound)
    assert step.note == "Not settled: never asked for: 2 days, 0:00:00"
