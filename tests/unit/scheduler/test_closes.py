"""After the close: sessions only, half days early, the same moments as a calendar over years, and beyond its end."""

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from exchange_calendars import get_calendar
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.scheduler import closes
from ingest.scheduler.closes import UnusableCalendar, known_until
from ingest.scheduler.occurrences import is_supposed, last_due, next_after
from ingest.wishes import AfterClose, Cron
from tests.given import MINUTE, at

HALF_HOUR = timedelta(minutes=30)


def due(calendar: str, start: str, number: int, delay: timedelta = HALF_HOUR) -> list[str]:
    moment, found = at(start), []
    for _ in range(number):
        moment = next_after(AfterClose(calendar, delay), moment) or pytest.fail("there is no next time")
        found.append(f"{moment:%m-%d %H:%M}")
    return found


def test_week_ends_holidays_and_half_days_in_new_york() -> None:
    thanksgiving = due("XNYS", "2024-11-27 12:00", 3)
    assert thanksgiving == ["11-27 21:30", "11-29 18:30", "12-02 21:30"]
    assert due("XNYS", "2024-12-24 00:00", 3) == ["12-24 18:30", "12-26 21:30", "12-27 21:30"]


def test_week_ends_holidays_and_half_days_in_london() -> None:
    assert due("XLON", "2024-12-24 00:00", 4) == ["12-24 13:00", "12-27 17:00", "12-30 17:00", "12-31 13:00"]
    assert due("XLON", "2024-03-28 00:00", 2) == ["03-28 17:00", "04-02 16:00"]  # Easter, and summer time


def test_the_close_keeps_its_local_time_when_clocks_are_changed() -> None:
    assert due("XNYS", "2024-03-08 00:00", 2) == ["03-08 21:30", "03-11 20:30"]
    assert due("XNYS", "2024-11-01 00:00", 2) == ["11-01 20:30", "11-04 21:30"]
    assert due("XLON", "2024-10-25 00:00", 2) == ["10-25 16:00", "10-28 17:00"]


def test_a_delay_may_reach_into_the_next_day_and_month() -> None:
    assert due("XNYS", "2024-05-31 21:00", 2, timedelta(hours=24)) == ["06-01 20:00", "06-04 20:00"]
    after = AfterClose("XNYS", timedelta(hours=24))
    assert last_due(after, at("2024-05-01"), at("2024-06-02")) == at("2024-06-01 20:00")
    assert last_due(after, at("2024-06-01 20:00"), at("2024-06-03 22:00")) is None


@cache
def years(calendar: str) -> list[datetime]:
    table = get_calendar(calendar, start="2023-01-01", end="2024-03-31").schedule
    return [close.to_pydatetime().astimezone(UTC) for close in table["close"]]


patient = settings(deadline=None)  # the first look at a month makes its calendar
calendars = st.sampled_from(["XNYS", "XLON", "24/7"])
delays = st.integers(0, 1440).map(lambda minutes: timedelta(minutes=minutes))
moments = st.integers(0, 300 * 1440).map(lambda minutes: at("2023-01-02") + minutes * MINUTE)


@patient
@given(calendars, delays, moments)
def test_what_comes_next_are_the_closes_of_sessions_each_once(calendar: str, delay: timedelta, start: datetime) -> None:
    moment, found = start, []
    for _ in range(12):
        moment = next_after(AfterClose(calendar, delay), moment) or pytest.fail("there is no next time")
        found.append(moment)
    assert all(one < other for one, other in pairwise([start, *found]))
    assert found == [close + delay for close in years(calendar) if close + delay > start][:12]


@patient
@given(calendars, delays, moments, moments)
def test_catching_up_finds_the_last_that_was_missed(
    calendar: str, delay: timedelta, one: datetime, other: datetime
) -> None:
    since, now = min(one, other), max(one, other)
    missed = [close + delay for close in years(calendar) if since < close + delay <= now]
    assert last_due(AfterClose(calendar, delay), since, now) == max(missed, default=None)


def test_a_calendar_goes_on_after_the_year_that_it_is_made_for_by_default() -> None:
    later = datetime.now(UTC).replace(month=7, day=10) + timedelta(days=6 * 366)
    found = next_after(AfterClose("XNYS", HALF_HOUR), later)
    assert found is not None
    assert found - later < timedelta(days=5)


def test_where_holidays_are_not_known_yet_every_weekday_counts() -> None:
    bound = known_until("XBOM")
    assert bound is not None
    after = AfterClose("XBOM", HALF_HOUR)
    moment = datetime(bound.year, bound.month, bound.day, tzinfo=UTC) + timedelta(days=1)
    assert last_due(after, moment, moment + timedelta(days=9)) is not None
    for _ in range(30):
        found = next_after(after, moment)
        assert found is not None
        assert found - moment <= timedelta(days=3)
        local = found.astimezone(ZoneInfo("Asia/Kolkata"))
        assert local.weekday() < 5
        assert f"{local:%H:%M}" == "16:00"
        assert is_supposed(after, found)
        moment = found
    assert not is_supposed(after, at("2024-01-02"))
    assert not is_supposed(AfterClose("XNYS", HALF_HOUR), moment)
    assert not is_supposed(Cron("* * * * *", "UTC"), moment)


def test_a_calendar_that_cannot_be_made_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise NotImplementedError("Not this year. See elsewhere")

    monkeypatch.setattr("exchange_calendars.get_calendar", broken)
    for cached in (closes.known_until, closes._closes):
        cached.cache_clear()
    with pytest.raises(UnusableCalendar, match=r"'XNYS' cannot be worked out for 2023-12: Not this year$"):
        next_after(AfterClose("XNYS", HALF_HOUR), at("2024-01-02"))
    closes.known_until.cache_clear()
