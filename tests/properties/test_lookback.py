"""A request that looks back reaches exactly the covered time that it says, and takes nothing else into its chunk."""

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ingest.domain.bar_size import BarSize
from ingest.domain.instrument import Instrument
from ingest.domain.ledger import Entry, Ledger, State
from ingest.domain.window import Window, subtract
from ingest.plan.lookback import DAILY_SESSIONS, FEWEST_SESSIONS, INTRADAY_SESSIONS
from ingest.plan.planner import PlannedRequest
from tests.given import AAPL, ES, EURUSD, at, window
from tests.properties.test_plan import a_plan, days, instruments, ledgers, sizes, wishes

NOW = at("2024-11-20 15:33")
knowns = st.sampled_from([AAPL, ES, EURUSD])


@settings(max_examples=200, deadline=None)
@given(instruments, sizes, wishes, ledgers)
def test_it_reaches_into_covered_time_before_the_chunk_and_changes_no_chunk(
    instrument: Instrument, size: BarSize, wish: Window, ledger: Ledger
) -> None:
    plan = a_plan(instrument, size, wish, ledger)
    covered = ledger.windows(State.COVERED)
    for planned in plan.requests:
        if planned.beside is None:
            continue
        assert planned.beside.end <= planned.chunk.window.start
        grid = [Window(size.floor(each.start), size.ceil(each.end)) for each in covered]
        assert not subtract([planned.beside], grid), "only what is held can be held against anything"
        assert planned.request.duration.unit == "D"
        assert not planned.second_look


@settings(max_examples=200, deadline=None)
@given(knowns, st.sampled_from([BarSize.MIN_1, BarSize.MIN_30, BarSize.HOUR_1, BarSize.DAY_1]), days, st.integers(1, 5))
def test_a_duration_in_days_counts_every_session_from_the_first_that_is_looked_back_at(
    instrument: Instrument, size: BarSize, until: datetime, many: int
) -> None:
    held = Window(at("2023-06-01"), at("2024-01-01") + timedelta(days=many))
    plan = a_plan(instrument, size, Window(held.end, held.end + timedelta(days=4)), Ledger().record(covered(held)))
    assume(plan.requests)
    planned = plan.requests[-1]
    assume(planned.beside is not None)
    assert planned.beside is not None
    daily = size.is_daily
    reached = plan.calendar.on_axis(Window(planned.beside.start, planned.chunk.window.end), daily=daily)
    assert planned.request.duration.count == len(reached)
    back = plan.calendar.on_axis(planned.beside, daily=daily)
    assert FEWEST_SESSIONS <= len(back) <= (DAILY_SESSIONS if daily else INTRADAY_SESSIONS)


@settings(max_examples=300, deadline=None)
@given(knowns, sizes, days, st.integers(0, 400), st.integers(1, 6 * 24 * 60), st.data())
def test_a_second_look_at_any_part_of_what_came_back_empty_is_another_request(
    instrument: Instrument, size: BarSize, until: datetime, known: int, minutes: int, data: st.DataObject
) -> None:
    """Whatever the first one looked back at: the same request again would prove nothing."""
    held = Window(size.floor(until - timedelta(days=known)), size.ceil(until + timedelta(minutes=1)))
    wish = Window(held.end, held.end + timedelta(minutes=minutes))
    now = wish.end + timedelta(hours=data.draw(st.integers(0, 30)))
    first = a_plan(instrument, size, wish, Ledger().record(covered(held)), now)
    for planned in first.requests:
        if planned.beside is None:
            continue
        window = planned.chunk.window
        cut = data.draw(st.integers(0, max(0, window.span // size.length - 1)))
        part = Window(window.start + cut * size.length, window.end)
        known_now = Ledger().record(covered(Window(held.start, part.start)), Entry(part, State.PENDING, "once"))
        for second in a_plan(instrument, size, wish, known_now, now).requests:
            if second.second_look:
                shape = second.request.end_text, str(second.request.duration)
                assert shape != (planned.request.end_text, str(planned.request.duration))


def covered(held: Window) -> Entry:
    return Entry(held, State.COVERED)


def the_tail(size: BarSize, held: Window, until: str, *more: Entry) -> PlannedRequest:
    plan = a_plan(AAPL, size, Window(held.end, at(until)), Ledger().record(covered(held), *more))
    return plan.requests[-1]


def test_the_next_daily_bar_is_asked_for_with_the_week_before_it() -> None:
    planned = the_tail(BarSize.DAY_1, window("2024-01-02", "2024-06-08"), "2024-06-11")
    assert str(planned.request.duration) == "6 D"
    assert planned.beside == window("2024-06-03", "2024-06-08")
    assert planned.chunk.window == window("2024-06-08", "2024-06-11")


def test_the_next_session_of_minutes_is_asked_for_with_the_two_before_it() -> None:
    planned = the_tail(BarSize.MIN_1, window("2024-01-02 14:30", "2024-06-10 13:30"), "2024-06-11")
    assert (planned.request.end_text, str(planned.request.duration)) == ("20240610-20:00:00", "3 D")
    assert planned.beside == window("2024-06-06 13:30", "2024-06-10 13:30")


def test_a_long_tail_leaves_room_to_look_back() -> None:
    held = Ledger().record(covered(window("2024-01-02 14:30", "2024-06-03 13:30")))
    plan = a_plan(AAPL, BarSize.MIN_1, window("2024-06-03 13:30", "2024-06-22"), held)
    assert [str(planned.request.duration) for planned in plan.requests] == ["7 D", "2 D", "7 D"]
    assert [planned.beside for planned in plan.requests] == [None, None, window("2024-05-30 13:30", "2024-06-03 13:30")]


def test_a_session_that_is_held_in_part_is_only_gone_on_with() -> None:
    planned = the_tail(BarSize.MIN_1, window("2024-01-02 14:30", "2024-06-10 15:00"), "2024-06-11")
    assert (str(planned.request.duration), planned.beside) == ("18000 S", None)


def test_a_hole_with_later_bars_behind_it_is_asked_for_as_it_is() -> None:
    later = covered(window("2024-06-12", "2024-07-01"))
    planned = the_tail(BarSize.DAY_1, window("2024-01-02", "2024-06-08"), "2024-06-12", later)
    assert (str(planned.request.duration), planned.beside) == ("2 D", None)


def test_small_bars_weeks_and_what_was_empty_once_look_back_at_nothing() -> None:
    held = window("2024-09-02", "2024-09-09")
    assert the_tail(BarSize.SEC_30, held, "2024-09-11").beside is None
    assert the_tail(BarSize.WEEK_1, held, "2024-10-07").beside is None
    empty = replace(covered(window("2024-09-09", "2024-09-11")), state=State.PENDING)
    assert the_tail(BarSize.DAY_1, held, "2024-09-11", empty).beside is None
