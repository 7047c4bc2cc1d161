"""What is asked, for the cases people will meet."""

from datetime import timedelta

from ingest.calendars import calendar_of
from ingest.domain.bar_size import BarSize
from ingest.domain.ledger import Entry, Ledger, State
from ingest.domain.series import Series
from ingest.domain.what import WhatToShow
from ingest.domain.window import Window
from ingest.plan.planner import Asked, SeriesPlan, Situation, plan_series
from ingest.plan.reach import Limits, believed_head
from ingest.plan.spans import Spans
from tests.given import AAPL, ES, at, series, window

NOW = at("2024-03-07 15:33")


def plan(s: Series, wish: Window, *entries: Entry, head: str = "", retry_failed: bool = False) -> SeriesPlan:
    calendar = calendar_of(s.instrument, use_rth=s.use_rth)
    limits = Limits(NOW, at(head) if head else None)
    return plan_series(Situation(s, (wish,), Ledger().record(*entries), calendar, limits, Spans(), retry_failed))


def requests(p: SeriesPlan) -> list[tuple[str, str]]:
    return [(r.request.end_text, str(r.request.duration)) for r in p.requests]


def test_minute_bars_are_asked_seven_sessions_at_a_time_newest_first() -> None:
    p = plan(series(), window("2024-01-02", "2024-02-01"))
    assert requests(p) == [
        ("20240131-21:00:00", "7 D"),
        ("20240122-21:00:00", "7 D"),
        ("20240110-21:00:00", "7 D"),
    ]


def test_one_session_of_minute_bars_is_asked_in_seconds() -> None:
    assert requests(plan(series(), window("2024-01-03", "2024-01-04"))) == [("20240103-21:00:00", "23400 S")]


def test_a_weekend_costs_no_request_and_is_confirmed_empty_by_the_calendar() -> None:
    p = plan(series(), window("2024-01-06", "2024-01-08"))
    assert p.requests == ()
    assert [(e.state, e.window) for e in p.ruled] == [(State.EMPTY_CONFIRMED, window("2024-01-06", "2024-01-08"))]


def test_the_forming_bar_is_not_asked_for() -> None:
    p = plan(series(), window("2024-03-07", "2024-03-08"))
    assert p.requests[0].request.end == at("2024-03-07 15:32")


def test_a_daily_bar_is_due_half_an_hour_after_the_close() -> None:
    daily = series(bar_size=BarSize.DAY_1)
    calendar = calendar_of(AAPL, use_rth=True)

    def due(now: str) -> tuple[Window, ...]:
        limits = Limits(at(now))
        wish = window("2024-03-05", "2024-04-01")
        return plan_series(Situation(daily, (wish,), Ledger(), calendar, limits, Spans())).missing

    assert due("2024-03-07 21:29") == (window("2024-03-05", "2024-03-07"),)
    assert due("2024-03-07 21:30") == (window("2024-03-05", "2024-03-08"),)


def test_daily_bars_are_asked_with_an_end_behind_the_closing_auction() -> None:
    p = plan(series(bar_size=BarSize.DAY_1), window("2024-01-02", "2024-02-01"))
    assert requests(p) == [("20240131-21:30:00", "21 D")]


def test_time_before_the_head_timestamp_is_confirmed_empty_without_a_request() -> None:
    p = plan(series(bar_size=BarSize.DAY_1), window("2020-01-01", "2024-02-01"), head="2024-01-10 14:30")
    assert [(e.state, e.window) for e in p.ruled] == [(State.EMPTY_CONFIRMED, window("2020-01-01", "2024-01-10"))]
    assert p.missing == (window("2024-01-10", "2024-02-01"),)


def test_a_head_timestamp_is_believed_unless_an_older_bar_is_held() -> None:
    size, head = BarSize.MIN_5, at("2024-03-15 13:32")
    assert believed_head(size, head, None) == head
    assert believed_head(size, head, at("2024-03-15 13:30")) == head
    assert believed_head(size, head, at("2024-03-15 13:25")) is None


def test_second_bars_older_than_six_months_are_failed_for_good_and_not_asked() -> None:
    p = plan(series(bar_size=BarSize.SEC_5), window("2023-01-03", "2023-01-04"))
    assert p.requests == ()
    assert [(e.state, e.permanent) for e in p.ruled] == [(State.FAILED, True)]


def test_a_session_that_was_empty_once_is_asked_again_in_another_shape() -> None:
    first = plan(series(), window("2024-01-03", "2024-01-04"))
    again = plan(series(), window("2024-01-03", "2024-01-04"), Entry(window("2024-01-03", "2024-01-04"), State.PENDING))
    assert [r.second_look for r in again.requests] == [True]
    assert requests(again) != requests(first)


def test_a_second_look_at_second_bars_has_another_duration() -> None:
    s = series(bar_size=BarSize.SEC_1)
    held = window("2024-03-05 15:00", "2024-03-05 15:30")
    first, again = plan(s, held), plan(s, held, Entry(held, State.PENDING))
    assert not set(requests(first)) & set(requests(again))


def test_timed_out_windows_are_asked_again_and_covered_ones_are_not() -> None:
    covered = Entry(window("2024-01-02", "2024-01-20"), State.COVERED)
    hole = Entry(window("2024-01-08", "2024-01-10"), State.TIMED_OUT)
    assert plan(series(), window("2024-01-02", "2024-01-20"), covered, hole).missing == (hole.window,)


def test_a_permanent_failure_is_asked_again_only_when_told_to() -> None:
    lost = Entry(window("2024-01-08", "2024-01-10"), State.FAILED, "no", permanent=True)
    assert plan(series(), lost.window, lost).requests == ()
    assert plan(series(), lost.window, lost, retry_failed=True).missing == (lost.window,)


def test_adjusted_last_is_one_request_up_to_now_that_reaches_back_to_the_oldest_bar_held() -> None:
    s = series(bar_size=BarSize.DAY_1, what=WhatToShow.ADJUSTED_LAST)
    held = Entry(window("2022-01-03", "2024-03-05"), State.COVERED)
    p = plan(s, window("2024-01-01", "2024-03-07"), held)
    assert [(r.request.end, str(r.request.duration)) for r in p.requests] == [(None, "3 Y")]
    assert p.requests[0].chunk.to_now


def test_what_one_answer_up_to_now_cannot_reach_is_failed_and_what_it_reaches_is_asked_once() -> None:
    s = series(bar_size=BarSize.DAY_1, what=WhatToShow.ADJUSTED_LAST)
    wish = window("2000-01-03", "2024-03-07")
    first = plan(s, wish)
    (asked,) = [r.chunk.window for r in first.requests]
    assert asked.end == at("2024-03-07")
    (lost,) = first.ruled
    assert (lost.state, lost.permanent, lost.window.end) == (State.FAILED, True, asked.start)
    after = plan(s, wish, Entry(asked, State.COVERED))
    assert after.requests == ()
    assert after.ruled == first.ruled


def test_an_expired_future_ends_at_its_expiry() -> None:
    p = plan(series(ES, BarSize.DAY_1, use_rth=False), window("2024-12-01", "2025-02-01"))
    assert p.requests == ()
    p = plan_series(
        Situation(
            series(ES, BarSize.DAY_1, use_rth=False),
            (window("2024-12-01", "2025-02-01"),),
            Ledger(),
            calendar_of(ES, use_rth=False),
            Limits(at("2025-03-01")),
            Spans(),
        )
    )
    assert p.missing == (window("2024-12-01", "2024-12-21"),)
    assert [(e.state, e.reason) for e in p.ruled] == [(State.EMPTY_CONFIRMED, "after expiry 20241220")]


def test_futures_gone_from_ibs_archive_are_not_asked_for() -> None:
    s = series(ES, BarSize.DAY_1, use_rth=False)
    limits = Limits(at("2027-03-01"))
    p = plan_series(
        Situation(s, (window("2024-12-01", "2024-12-20"),), Ledger(), calendar_of(ES, use_rth=False), limits, Spans())
    )
    assert p.requests == ()
    assert [e.state for e in p.ruled] == [State.FAILED]


def test_half_days_are_asked_to_their_early_close() -> None:
    p = plan_series(
        Situation(
            series(),
            (window("2023-11-24", "2023-11-25"),),
            Ledger(),
            calendar_of(AAPL, use_rth=True),
            Limits(at("2023-12-01")),
            Spans(),
        )
    )
    assert requests(p) == [("20231124-18:00:00", str(timedelta(hours=3.5) // timedelta(seconds=1)) + " S")]


def test_a_second_look_at_a_single_second_has_another_duration_than_ibs_least() -> None:
    s = series(bar_size=BarSize.SEC_1)
    held = window("2024-03-05 15:00:00", "2024-03-05 15:00:01")
    assert requests(plan(s, held)) == [("20240305-15:00:01", "30 S")]
    assert requests(plan(s, held, Entry(held, State.PENDING))) == [("20240305-15:00:01", "60 S")]


def after_the_close(now: str, *entries: Entry) -> list[Window]:
    wish = window("2024-03-05", "2024-03-07")
    held = Ledger().record(Entry(window("2024-03-05", "2024-03-06 20:48"), State.COVERED), *entries)
    calendar = calendar_of(AAPL, use_rth=True)
    p = plan_series(Situation(series(), (wish,), held, calendar, Limits(at(now)), Spans()))
    return [each.chunk.window for each in p.requests if each.second_look]


#: The last minutes before the close of 21:00.
EDGE = Entry(window("2024-03-06 20:48", "2024-03-06 21:00"), State.PENDING)


def test_an_empty_newest_edge_is_asked_again_three_quarters_of_an_hour_later_and_not_at_once() -> None:
    assert after_the_close("2024-03-06 21:03", EDGE) == []
    assert after_the_close("2024-03-06 21:44", EDGE) == []
    assert after_the_close("2024-03-06 21:45", EDGE) == [EDGE.window]
    assert after_the_close("2024-03-09 12:00", EDGE) == [EDGE.window]


def test_an_empty_stretch_is_asked_again_at_once_when_something_newer_is_held_but_not_for_a_covered_night() -> None:
    early = Entry(window("2024-03-06 20:48", "2024-03-06 20:55"), State.PENDING)
    newer = Entry(window("2024-03-06 20:55", "2024-03-06 21:00"), State.COVERED)
    night = Entry(window("2024-03-06 21:00", "2024-03-06 21:02"), State.COVERED)
    assert after_the_close("2024-03-06 21:03", early, newer) == [early.window]
    assert after_the_close("2024-03-06 21:03", EDGE, night) == []


def test_a_daily_bar_that_is_not_there_half_an_hour_after_the_close_is_asked_again_later() -> None:
    s, calendar = series(bar_size=BarSize.DAY_1), calendar_of(AAPL, use_rth=True)
    held = Ledger().record(Entry(window("2024-03-06", "2024-03-07"), State.PENDING))

    def looks(now: str) -> int:
        situation = Situation(s, (window("2024-03-06", "2024-03-07"),), held, calendar, Limits(at(now)), Spans())
        return len(plan_series(situation).requests)

    assert (looks("2024-03-06 21:31"), looks("2024-03-06 21:46")) == (0, 1)


def test_a_second_look_differs_from_the_request_that_found_nothing_whatever_chunk_that_was_for() -> None:
    wish = window("2024-01-02", "2024-01-20")
    tail = Entry(window("2024-01-19 20:48", "2024-01-19 21:00"), State.PENDING)
    first = Asked(window("2024-01-18", "2024-01-20"), ("20240119-21:00:00", "2 D"))
    held = Ledger().record(Entry(wish, State.COVERED), tail)
    calendar = calendar_of(AAPL, use_rth=True)
    now = Limits(at("2024-01-19 23:00"))
    unaware = plan_series(Situation(series(), (wish,), held, calendar, now, Spans()))
    assert requests(unaware) == [first.form]
    aware = plan_series(Situation(series(), (wish,), held, calendar, now, Spans(), asked=(first,)))
    assert requests(aware) == [("20240119-21:00:00", "3 D")]
