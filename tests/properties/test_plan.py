"""The plan against the naive model, and chunks against what they were cut from."""

from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.calendars import calendar_of
from ingest.domain.bar_size import BarSize
from ingest.domain.instrument import Instrument
from ingest.domain.ledger import Entry, Ledger, State
from ingest.domain.request import Chunk
from ingest.domain.window import Window, subtract, total, union
from ingest.plan.chunks import session_window
from ingest.plan.edge import unripe
from ingest.plan.planner import SeriesPlan, Situation, plan_series
from ingest.plan.reach import Limits, due_part
from ingest.plan.sizing import Form, form_of, reach_of, request_for
from ingest.plan.spans import Spans
from tests.given import (
    AAPL,
    BTC,
    ES,
    EURUSD,
    UNKNOWN_EXCHANGE,
    at,
    ledgers_on_grid,
    minutes_of,
    series,
    windows_on_grid,
)

NOW = at("2024-11-20 15:33")


@given(windows_on_grid(), ledgers_on_grid())
def test_what_is_unsettled_is_wish_minus_settled_on_minutes(wish: Window, ledger: Ledger) -> None:
    settled = minutes_of([e.window for e in ledger if e.state in (State.COVERED, State.EMPTY_CONFIRMED)])
    assert minutes_of(ledger.unsettled([wish])) == minutes_of([wish]) - settled


days = st.integers(0, 300).map(lambda n: at("2024-01-01") + timedelta(days=n))
moments = st.builds(lambda d, m: d + timedelta(minutes=m), days, st.integers(0, 1439))
wishes = st.tuples(moments, st.integers(1, 60 * 24 * 60)).map(lambda p: Window(p[0], p[0] + timedelta(minutes=p[1])))
instruments = st.sampled_from([AAPL, ES, EURUSD, BTC, UNKNOWN_EXCHANGE])
sizes = st.sampled_from(list(BarSize))
states = st.sampled_from(list(State))
entries = st.builds(lambda w, s: Entry(w, s, "why" if s is State.FAILED else ""), wishes, states)
ledgers = st.lists(entries, max_size=5).map(lambda es: Ledger().record(*es))


def on_grid(size: BarSize, ledger: Ledger) -> Ledger:
    """A ledger such as loads write it: every edge on the bar grid."""
    edges = ((Window(size.floor(e.window.start), size.ceil(e.window.end)), e) for e in ledger)
    return Ledger().record(*(Entry(window, e.state, e.reason, e.permanent) for window, e in edges))


def a_plan(instrument: Instrument, size: BarSize, wish: Window, ledger: Ledger, now: datetime = NOW) -> SeriesPlan:
    calendar = calendar_of(instrument, use_rth=True)
    return plan_series(
        Situation(series(instrument, size), (wish,), on_grid(size, ledger), calendar, Limits(now), Spans())
    )


@settings(max_examples=300, deadline=None)
@given(instruments, sizes, wishes, ledgers)
def test_chunks_and_rules_tile_exactly_what_is_due_and_not_settled(
    instrument: Instrument, size: BarSize, wish: Window, ledger: Ledger
) -> None:
    plan = a_plan(instrument, size, wish, ledger)
    parts = [planned.chunk.window for planned in plan.requests] + [entry.window for entry in plan.ruled]
    due = due_part(plan.series, (wish,), plan.calendar, NOW)
    held = on_grid(size, ledger)
    assert union(parts) == subtract(due, (*held.settled(), *unripe(plan.series, held, plan.calendar, NOW)))
    assert total(parts) == total(union(parts)), "two parts overlap"


@settings(max_examples=200, deadline=None)
@given(instruments, sizes, wishes)
def test_every_session_that_is_over_is_asked_for_exactly_once(
    instrument: Instrument, size: BarSize, wish: Window
) -> None:
    plan = a_plan(instrument, size, wish, Ledger())
    calendar = plan.calendar
    asked = [planned.chunk.window for planned in plan.requests]
    ruled = [entry.window for entry in plan.ruled]
    for session in calendar.on_axis(wish, daily=size.is_daily):
        part = session_window(plan.series, session).intersection(wish)
        if part is None or session.hours.end > NOW - timedelta(days=40):
            continue
        assert not subtract([part], union(asked, ruled)), f"{session} is in no request"


@settings(max_examples=200, deadline=None)
@given(instruments, sizes, wishes)
def test_a_request_reaches_back_to_the_first_session_of_its_chunk(
    instrument: Instrument, size: BarSize, wish: Window
) -> None:
    for planned in a_plan(instrument, size, wish, Ledger()).requests:
        chunk, request = planned.chunk, planned.request
        assert request.end is not None
        assert request.end <= NOW
        sessions = chunk.sessions or ()
        if request.duration.unit == "S" and sessions:
            start = max(chunk.window.start, sessions[0].hours.start)
            assert request.end - timedelta(seconds=request.duration.count) <= start
        if request.duration.unit == "D" and not size.is_period and sessions:
            assert request.duration.count >= len(sessions)


@settings(max_examples=200, deadline=None)
@given(instruments, sizes, wishes)
def test_a_second_look_differs_in_end_or_duration_from_all_that_were_before(
    instrument: Instrument, size: BarSize, wish: Window
) -> None:
    plan = a_plan(instrument, size, wish, Ledger())
    for planned in plan.requests:
        forms: set[Form] = {form_of(planned.request)}
        for _ in range(5):
            again = request_for(planned.chunk, plan.calendar, now=NOW, second_look=True, unlike=forms)
            assert form_of(again) not in forms
            assert again.end is not None
            assert again.end <= NOW
            reach = reach_of(again, planned.chunk, plan.calendar)
            assert reach.start <= planned.chunk.window.start or not planned.chunk.sessions or again.duration.unit == "S"
            forms.add(form_of(again))


def test_a_second_look_differs_from_the_first_where_ib_takes_no_longer_duration() -> None:
    wish = Window(at("1958-01-01"), at("2024-11-20"))
    chunk = Chunk(series(bar_size=BarSize.WEEK_1), wish, None)
    calendar = calendar_of(AAPL, use_rth=True)
    forms = {form_of(request_for(chunk, calendar, now=NOW))}
    for _ in range(5):
        again = request_for(chunk, calendar, now=NOW, second_look=True, unlike=forms)
        assert form_of(again) not in forms
        forms.add(form_of(again))
