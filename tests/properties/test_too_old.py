"""Parting a request that reaches back too far: nothing is lost between what is gone and what is asked again."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.calendars import calendar_of
from ingest.domain.answer import GatewayLogin, RequestKind, RequestOutcome, RequestRecord
from ingest.domain.bar_size import BarSize
from ingest.domain.instrument import Instrument
from ingest.domain.ledger import Ledger
from ingest.domain.series import Series
from ingest.domain.what import WhatToShow
from ingest.domain.window import Window
from ingest.errors import RequestRefused
from ingest.plan.planner import PlannedRequest, Situation, plan_series
from ingest.plan.reach import Limits
from ingest.plan.spans import Spans
from ingest.worker.too_old import for_now, gone_and_rest, oldest_of
from tests.given import AAPL, ES, UNKNOWN_EXCHANGE, at, series

NOW = at("2024-06-10 12:00")


def refusal(asked: Series, years: int | None, sent: datetime = NOW) -> RequestRefused:
    login = GatewayLogin("test", ("SIM1",), 200, 1)
    error = RequestRefused("too old", code=321, text="too old", permanent=True)
    error.reaction, error.years_back = "too_old", years
    error.record = RequestRecord(RequestKind.BARS, asked, login, sent, RequestOutcome.ERROR)
    return error


def planned_for(asked: Series, wish: Window) -> tuple[PlannedRequest, ...]:
    calendar = calendar_of(asked.instrument, use_rth=True)
    return plan_series(Situation(asked, (wish,), Ledger(), calendar, Limits(NOW), Spans())).requests


days = st.integers(0, 2000).map(lambda n: at("2018-12-01") + timedelta(days=n))
wishes = st.tuples(days, st.integers(1, 900)).map(lambda p: Window(p[0], p[0] + timedelta(days=p[1])))


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from([AAPL, ES, UNKNOWN_EXCHANGE]),
    st.sampled_from([BarSize.DAY_1, BarSize.WEEK_1, BarSize.HOUR_1]),
    wishes,
    st.integers(1, 6),
)
def test_what_is_gone_and_what_is_asked_again_tile_the_chunk(
    instrument: Instrument, size: BarSize, wish: Window, years: int
) -> None:
    asked = series(instrument, size)
    calendar = calendar_of(asked.instrument, use_rth=True)
    error = refusal(asked, years)
    oldest = oldest_of(error)
    assert oldest is not None
    for planned in planned_for(asked, wish)[:20]:
        whole = planned.chunk.window
        gone, rest = gone_and_rest(planned, error, calendar, NOW)
        parts = [part.chunk.window for part in (gone, rest) if part is not None]
        assert (parts[0].start, parts[-1].end) == (whole.start, whole.end)
        assert len(parts) == 1 or parts[0].end == parts[1].start
        assert len(parts) == 1 or not size.is_period or size.floor(parts[1].start) == parts[1].start
        if rest is not None and gone is not None:
            assert gone.chunk.window.end <= oldest + timedelta(days=4)  # the night before the first session kept
            assert not [one for one in gone.chunk.sessions or () if one.hours.end > oldest + timedelta(days=1)]
        if rest is None:
            assert not [one for one in planned.chunk.sessions or () if one.hours.start > oldest + timedelta(days=7)]


@pytest.mark.parametrize(("sent", "oldest"), [("2024-06-10", "2020-06-09"), ("2024-02-29", "2023-02-27")])
def test_the_years_count_from_when_it_was_asked_and_a_day_is_taken_off(sent: str, oldest: str) -> None:
    years = 4 if sent == "2024-06-10" else 1
    assert oldest_of(refusal(series(), years, at(sent))) == at(oldest)


def test_where_no_years_are_told_nothing_is_taken_for_gone() -> None:
    asked = series(bar_size=BarSize.DAY_1)
    (planned,) = planned_for(asked, Window(at("2019-01-02"), at("2021-01-02")))
    error = refusal(asked, None)
    assert gone_and_rest(planned, error, calendar_of(AAPL, use_rth=True), NOW) == (None, planned)
    assert for_now(error) is error


def test_a_series_that_only_comes_whole_is_not_parted() -> None:
    asked = series(bar_size=BarSize.DAY_1, what=WhatToShow.ADJUSTED_LAST)
    (planned,) = planned_for(asked, Window(at("2019-01-02"), at("2024-06-08")))
    assert gone_and_rest(planned, refusal(asked, 4), calendar_of(AAPL, use_rth=True), NOW) == (planned, None)
