"""What an answer proves, and above all what it does not."""

from datetime import timedelta

from ingest.calendars import calendar_of
from ingest.domain.bar_size import BarSize
from ingest.domain.bars import BarBatch
from ingest.domain.issue import Issue, QuarantinedBar
from ingest.domain.ledger import Entry, State
from ingest.domain.request import Chunk
from ingest.domain.window import Window, union
from ingest.validate.verdict import verdict
from tests.given import AAPL, MINUTE, at, bars_at, bars_every, series, window

WEEK = window("2024-01-08 14:30", "2024-01-13")


def chunk(held: Window = WEEK, size: BarSize = BarSize.MIN_1) -> Chunk:
    calendar = calendar_of(AAPL, use_rth=True)
    return Chunk(series(bar_size=size), held, calendar.on_axis(held, daily=size.is_daily))


def session(day: str) -> Window:
    return window(f"{day} 14:30", f"{day} 21:00")


def minutes(*held: Window) -> BarBatch:
    return bars_at(*(w.start + n * MINUTE for w in held for n in range(w.span // MINUTE)))


def states(entries: tuple[Entry, ...]) -> list[tuple[State, Window]]:
    return [(e.state, e.window) for e in entries]


FULL = [session(f"2024-01-{day:02}") for day in (8, 9, 10, 11, 12)]


def test_an_answer_with_bars_in_every_session_covers_the_chunk_and_its_nights() -> None:
    assert states(verdict(chunk(), minutes(*FULL), second_look=False)) == [(State.COVERED, WEEK)]


def test_an_empty_answer_covers_nothing() -> None:
    assert states(verdict(chunk(), BarBatch.empty(), second_look=False)) == [(State.PENDING, WEEK)]


def test_an_empty_second_answer_confirms_emptiness() -> None:
    assert states(verdict(chunk(), BarBatch.empty(), second_look=True)) == [(State.EMPTY_CONFIRMED, WEEK)]


def test_a_session_without_bars_is_pending_while_its_neighbours_are_covered() -> None:
    without = [w for w in FULL if w != session("2024-01-10")]
    hole = window("2024-01-10 14:30", "2024-01-11 14:30")
    assert states(verdict(chunk(), minutes(*without), second_look=False)) == [
        (State.COVERED, Window(WEEK.start, hole.start)),
        (State.PENDING, hole),
        (State.COVERED, Window(hole.end, WEEK.end)),
    ]


def test_an_answer_that_starts_late_is_short_and_its_head_is_not_covered() -> None:
    late = [window("2024-01-08 17:00", "2024-01-08 21:00"), *FULL[1:]]
    head = window("2024-01-08 14:30", "2024-01-08 17:00")
    assert states(verdict(chunk(), minutes(*late), second_look=False))[0] == (State.PENDING, head)


def test_an_answer_that_stops_early_is_short_and_its_tail_is_not_covered() -> None:
    early = [*FULL[:4], window("2024-01-12 14:30", "2024-01-12 18:00")]
    tail = window("2024-01-12 18:00", "2024-01-12 21:00")
    assert (State.PENDING, tail) in states(verdict(chunk(), minutes(*early), second_look=False))


def test_a_name_that_trades_rarely_is_covered_though_its_first_minutes_are_missing() -> None:
    sparse = bars_at(*(w.start + timedelta(minutes=m) for w in FULL for m in (20, 95, 200, 330)))
    assert states(verdict(chunk(), sparse, second_look=False)) == [(State.COVERED, WEEK)]


def test_days_without_a_daily_bar_are_pending() -> None:
    held = window("2024-01-08", "2024-01-13")
    bars = bars_at(at("2024-01-08"), at("2024-01-09"), at("2024-01-11"), at("2024-01-12"))
    assert (State.PENDING, window("2024-01-10", "2024-01-11")) in states(
        verdict(chunk(held, BarSize.DAY_1), bars, second_look=False)
    )


def test_one_bar_missing_at_an_edge_is_worth_a_second_look_where_every_other_is_there() -> None:
    last = window("2024-01-12 20:59", "2024-01-12 21:00")
    almost = minutes(*FULL[:4], Window(FULL[4].start, last.start))
    assert (State.PENDING, last) in states(verdict(chunk(), almost, second_look=False))


def test_a_second_look_that_contradicts_the_first_confirms_nothing() -> None:
    some = minutes(FULL[0])
    rest = Window(FULL[1].start, WEEK.end)
    assert states(verdict(chunk(), some, second_look=True))[1:] == [(State.PENDING, rest)]


def test_a_second_look_without_the_newer_witness_it_asked_for_confirms_nothing() -> None:
    assert states(verdict(chunk(), BarBatch.empty(), second_look=True, witnessed=False)) == [(State.PENDING, WEEK)]


def aside(ts: str) -> QuarantinedBar:
    return QuarantinedBar(at(ts), 1.0, 0.5, 2.0, 1.0, 10.0, 1.0, 1, Issue("high below low", "high 0.5, low 2.0"))


def test_a_bar_that_was_set_aside_leaves_its_minute_open_and_is_refused_when_it_comes_back() -> None:
    bad = aside("2024-01-10 15:00")
    minute = window("2024-01-10 15:00", "2024-01-10 15:01")
    clean = minutes(*FULL[:2], Window(FULL[2].start, minute.start), Window(minute.end, FULL[2].end), *FULL[3:])
    first = verdict(chunk(), clean, second_look=False, set_aside=[bad])
    assert [e for e in first if e.state is not State.COVERED] == [
        Entry(minute, State.PENDING, "a bar was set aside: high below low")
    ]
    again = verdict(chunk(minute), BarBatch.empty(), second_look=True, set_aside=[bad])
    assert again == (
        Entry(minute, State.FAILED, "IB's bar is impossible in two answers: high below low", permanent=True),
    )


def test_many_bars_set_aside_are_asked_for_again_together() -> None:
    bad = [aside(f"2024-01-10 15:{minute:02}") for minute in range(0, 60, 6)]
    entries = verdict(chunk(), minutes(*FULL), second_look=False, set_aside=bad)
    assert (State.PENDING, window("2024-01-10 15:00", "2024-01-10 15:55")) in states(entries)


def test_weeks_without_a_bar_are_pending_while_the_others_are_covered() -> None:
    held = window("2024-01-01", "2024-02-05")
    fridays = [at(day) for day in ("2024-01-05", "2024-01-12", "2024-01-26", "2024-02-02")]
    entries = states(verdict(chunk(held, BarSize.WEEK_1), bars_at(*fridays), second_look=False))
    assert (State.PENDING, window("2024-01-15", "2024-01-22")) in entries
    assert [state for state, _ in entries] == [State.COVERED, State.PENDING, State.COVERED]


def test_an_answer_that_lacks_the_oldest_months_does_not_cover_them() -> None:
    held = window("2023-10-01", "2024-02-01")
    entries = states(
        verdict(chunk(held, BarSize.MONTH_1), bars_at(at("2023-12-29"), at("2024-01-31")), second_look=False)
    )
    assert entries[0] == (State.PENDING, window("2023-10-01", "2023-12-01"))


def test_entries_always_tile_the_chunk() -> None:
    answers = [BarBatch.empty(), minutes(*FULL), minutes(FULL[2]), bars_every(MINUTE * 7, FULL[1]), bars_at(WEEK.start)]
    for answer in answers:
        for second in (False, True):
            entries = verdict(chunk(), answer, second_look=second)
            assert union([e.window for e in entries]) == (WEEK,)
            assert sum((e.window.span for e in entries), timedelta()) == WEEK.span
