"""Answers that were cut short in the middle of a session, and thin instruments that only look so."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.calendars import calendar_of
from ingest.domain.bar_size import BarSize
from ingest.domain.bars import BarBatch
from ingest.domain.instrument import Instrument
from ingest.domain.ledger import State
from ingest.domain.request import Chunk
from ingest.domain.window import Window, subtract, union
from ingest.validate.verdict import verdict
from tests.given import AAPL, MINUTE, at, bars_at, series, window

TENCENT = Instrument(30, "700", "STK", "SEHK", "HKD", primary_exchange="SEHK")
TOYOTA = Instrument(31, "7203", "STK", "TSEJ", "JPY", primary_exchange="TSEJ")
WEEK = window("2024-06-03 13:30", "2024-06-08")


def chunk(instrument: Instrument, held: Window, size: BarSize = BarSize.MIN_1, *, use_rth: bool = True) -> Chunk:
    calendar = calendar_of(instrument, use_rth=use_rth)
    return Chunk(series(instrument, size, use_rth=use_rth), held, calendar.on_axis(held, daily=False))


def traded(asked: Chunk) -> list[datetime]:
    """The starts of all bars of its sessions, lunch breaks left out."""
    assert asked.sessions
    hours = [part for one in asked.sessions for part in subtract([one.hours], one.quiet)]
    return [
        w.start + n * MINUTE for w in hours for n in range(w.span // MINUTE) if w.start + n * MINUTE in asked.window
    ]


def doubted(asked: Chunk, bars: Iterable[datetime]) -> list[Window]:
    entries = verdict(asked, bars_at(*bars), second_look=False)
    return [entry.window for entry in entries if entry.state is State.PENDING]


def test_lunch_breaks_are_no_silence_in_which_a_missing_afternoon_could_hide() -> None:
    day = chunk(TENCENT, window("2024-06-12 01:30", "2024-06-13 01:30"))
    assert doubted(day, traded(day)) == []
    cut = [ts for ts in traded(day) if ts < at("2024-06-12 06:03")]
    assert doubted(day, cut) == [window("2024-06-12 06:03", "2024-06-12 08:30")]
    late = [ts for ts in traded(day) if ts >= at("2024-06-12 03:27")]
    assert doubted(day, late) == [window("2024-06-12 01:30", "2024-06-12 03:27")]


def test_two_hours_missing_before_the_close_of_tokyo_are_doubted() -> None:
    day = chunk(TOYOTA, window("2025-06-11", "2025-06-12"))
    cut = [ts for ts in traded(day) if ts < at("2025-06-11 04:32")]
    assert doubted(day, cut) == [window("2025-06-11 04:32", "2025-06-11 07:00")]


def test_a_hole_in_one_session_does_not_hide_that_another_lacks_its_afternoon() -> None:
    hole = window("2024-06-04 15:00", "2024-06-04 17:00")
    week = chunk(AAPL, WEEK)
    bars = [ts for ts in traded(week) if ts not in hole and ts < at("2024-06-07 16:30")]
    assert doubted(week, bars) == [window("2024-06-07 16:30", "2024-06-07 20:00")]


def test_the_head_and_the_tail_of_a_session_in_the_middle_of_an_answer_are_tested_as_well() -> None:
    lacking = [window("2024-06-05 13:30", "2024-06-05 14:00"), window("2024-06-06 19:00", "2024-06-06 20:00")]
    week = chunk(AAPL, WEEK)
    assert doubted(week, (ts for ts in traded(week) if not any(ts in w for w in lacking))) == lacking


def test_rare_prints_before_the_open_do_not_hide_a_missing_afternoon() -> None:
    day = chunk(AAPL, window("2024-06-12 08:00", "2024-06-13 08:00"), use_rth=False)
    early = [at("2024-06-12 08:05"), at("2024-06-12 10:40")]
    bars = [*early, *(at("2024-06-12 13:30") + n * MINUTE for n in range(325))]
    assert window("2024-06-12 18:55", "2024-06-13 00:00") in doubted(day, bars)


def test_after_hours_that_are_thin_every_day_are_not_asked_for_again() -> None:
    week = chunk(AAPL, window("2024-06-03 08:00", "2024-06-08 08:00"), use_rth=False)
    assert week.sessions
    busy = [w.hours.start + timedelta(hours=5, minutes=30 + n) for w in week.sessions for n in range(390)]
    prints = [w.hours.start + n * MINUTE for w in week.sessions for n in (64, 200, 250, 721, 745, 800, 850)]
    assert doubted(week, sorted(busy + prints)) == []


thin_weeks = st.lists(
    st.lists(st.integers(0, 389), min_size=1, max_size=60, unique=True), min_size=1, max_size=5
).filter(any)


@settings(max_examples=200, deadline=None)
@given(thin_weeks)
def test_whatever_a_thin_instrument_traded_a_second_look_settles_it(days: list[list[int]]) -> None:
    """The first answer's doubts are asked for alone, come back empty, and nothing is left."""
    week = chunk(AAPL, WEEK)
    assert week.sessions
    bars = sorted(s.hours.start + m * MINUTE for s, day in zip(week.sessions, days, strict=False) for m in day)
    first = verdict(week, bars_at(*bars), second_look=False)
    assert union([entry.window for entry in first]) == (WEEK,)
    for entry in first:
        if entry.state is State.PENDING:
            assert not any(ts in entry.window for ts in bars)
            again = verdict(chunk(AAPL, entry.window), BarBatch.empty(), second_look=True)
            assert [one.state for one in again] == [State.EMPTY_CONFIRMED]


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 4), st.integers(1, 389), st.booleans())
def test_however_an_answer_with_every_bar_is_cut_what_it_lacks_is_never_covered(
    day: int, minute: int, at_the_end: bool
) -> None:
    week = chunk(AAPL, WEEK)
    assert week.sessions
    cut = week.sessions[day].hours.start + minute * MINUTE
    kept = [ts for ts in traded(week) if (ts < cut if at_the_end else ts >= cut)]
    lost = [ts for ts in traded(week) if ts not in set(kept)]
    open_again = doubted(week, kept)
    assert all(any(ts in w for w in open_again) for ts in lost)
    assert not any(ts in w for w in open_again for ts in kept)
