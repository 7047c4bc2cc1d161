"""Where no calendar is known: every day without a bar waits for a second look, and weekends are asked for together."""

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.calendars import calendar_of
from ingest.domain.bar_size import BarSize
from ingest.domain.bars import BarBatch
from ingest.domain.ledger import Entry, Ledger, State
from ingest.domain.window import Window, subtract, union
from ingest.plan.planner import PlannedRequest, Situation, plan_series
from ingest.plan.reach import Limits
from ingest.plan.spans import Spans
from ingest.validate.verdict import verdict
from tests.given import MINUTE, UNKNOWN_EXCHANGE, at, bars_at, series, window

CALENDAR = calendar_of(UNKNOWN_EXCHANGE, use_rth=True)
INDIA = timedelta(hours=5, minutes=30)
WEEK = Window(at("2024-06-03") - INDIA, at("2024-06-08") - INDIA)
YEAR = window("2023-01-01", "2023-12-31")


def planned(wish: Window, size: BarSize, ledger: Ledger | None = None) -> tuple[PlannedRequest, ...]:
    wanted = series(UNKNOWN_EXCHANGE, size)
    at_hand = Situation(wanted, (wish,), ledger or Ledger(), CALENDAR, Limits(at("2024-06-20")), Spans())
    return plan_series(at_hand).requests


def minutes(first: str, count: int, days: int) -> list[datetime]:
    """So many minutes of so many days, each from 09:15 in India."""
    opens = at(f"{first} 03:45")
    return [opens + timedelta(days=day) + n * MINUTE for day in range(days) for n in range(count)]


def open_again(entries: tuple[Entry, ...]) -> list[Window]:
    return [entry.window for entry in entries if entry.state is not State.COVERED]


def test_one_bar_does_not_cover_a_week_of_an_unknown_exchange() -> None:
    (one,) = planned(WEEK, BarSize.MIN_1)
    bar = at("2024-06-03 03:45")
    held = subtract([WEEK], open_again(verdict(one.chunk, bars_at(bar), second_look=False)))
    assert held == (Window(bar, bar + MINUTE),)


def test_one_daily_bar_does_not_cover_a_year_of_an_unknown_exchange() -> None:
    (one,) = planned(YEAR, BarSize.DAY_1)
    held = subtract([YEAR], open_again(verdict(one.chunk, bars_at(at("2023-05-03")), second_look=False)))
    assert held == (window("2023-05-03", "2023-05-04"),)


def test_the_usual_nights_of_an_unknown_exchange_are_not_asked_for_again() -> None:
    (one,) = planned(WEEK, BarSize.MIN_1)
    assert open_again(verdict(one.chunk, bars_at(*minutes("2024-06-03", 375, 5)), second_look=False)) == []


def test_a_day_that_ends_before_the_others_is_doubted_from_there() -> None:
    (one,) = planned(WEEK, BarSize.MIN_1)
    bars = [*minutes("2024-06-03", 375, 4), *minutes("2024-06-07", 100, 1)]
    assert open_again(verdict(one.chunk, bars_at(*bars), second_look=False)) == [Window(bars[-1] + MINUTE, WEEK.end)]


def test_an_empty_answer_of_an_unknown_exchange_waits_for_a_second_look() -> None:
    (one,) = planned(WEEK, BarSize.MIN_1)
    assert [entry.state for entry in verdict(one.chunk, BarBatch.empty(), second_look=False)] == [State.PENDING]
    assert [entry.state for entry in verdict(one.chunk, BarBatch.empty(), second_look=True)] == [State.EMPTY_CONFIRMED]


def test_a_saturday_and_its_sunday_are_asked_for_in_one_second_look() -> None:
    held = Window(WEEK.start, WEEK.start + timedelta(days=8))
    (one, *_) = planned(Window(held.start + timedelta(days=1), held.end), BarSize.MIN_1)
    bars = [*minutes("2024-06-04", 375, 4), *minutes("2024-06-10", 375, 1)]
    weekend = Window(at("2024-06-08") - INDIA, at("2024-06-10") - INDIA)
    assert open_again(verdict(one.chunk, bars_at(*bars), second_look=False)) == [weekend]


def days_of(year: Window, *without: datetime) -> list[datetime]:
    every = (year.start + timedelta(days=n) for n in range(year.span // timedelta(days=1)))
    return [day for day in every if day.weekday() < 5 and day not in without]


def backfilled(bars: list[datetime], shares: list[float]) -> tuple[Ledger, int]:
    """What becomes of a year when each answer brings the share of its bars that is next in `shares` (then all)."""
    ledger, asked, left = Ledger(), 0, list(shares)
    while requests := planned(YEAR, BarSize.DAY_1, ledger):
        for one in requests:
            inside = [bar for bar in bars if bar in one.chunk.window]
            share = left.pop(0) if left else 1.0
            inside = inside[: round(share * len(inside))]
            entries = verdict(one.chunk, bars_at(*inside), second_look=one.second_look)
            ledger, asked = ledger.record(*entries), asked + 1
        assert asked < 100, "it is asked for ever"
    return ledger, asked


def test_all_weekends_of_a_year_cost_one_second_look() -> None:
    _, asked = backfilled(days_of(YEAR), [])
    assert asked == 4, "the year, the Sunday that it begins with, the Saturday that it ends with, all weekends between"


def test_a_holiday_is_confirmed_and_its_neighbours_are_covered() -> None:
    holiday = at("2023-08-15")
    ledger, asked = backfilled(days_of(YEAR, holiday), [])
    assert union(ledger.windows(State.COVERED)) == union(
        Window(day, day + timedelta(days=1)) for day in days_of(YEAR, holiday)
    )
    assert asked <= 5


def test_a_series_that_is_served_up_to_now_settles_its_weekends_and_holidays_in_two_answers() -> None:
    (one,) = planned(YEAR, BarSize.DAY_1)
    whole = replace(one.chunk, to_now=True)
    bars = bars_at(*days_of(YEAR, at("2023-08-15")))
    assert open_again(verdict(whole, bars, second_look=False))
    assert all(entry.state.is_settled for entry in verdict(whole, bars, second_look=True))


@settings(max_examples=50, deadline=None)
@given(st.sets(st.sampled_from(days_of(YEAR)), max_size=6), st.lists(st.floats(0, 1), max_size=1))
def test_one_answer_that_is_cut_anywhere_loses_no_day(holidays: set[datetime], shares: list[float]) -> None:
    bars = days_of(YEAR, *holidays)
    ledger, _ = backfilled(bars, shares)
    covered = ledger.windows(State.COVERED)
    assert all(any(bar in held for held in covered) for bar in bars)
    assert union(ledger.settled()) == (YEAR,)
