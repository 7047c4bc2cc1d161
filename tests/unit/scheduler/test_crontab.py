"""Crontab lines on the days on which clocks are changed, and against a naive model that looks at every minute."""

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.scheduler.occurrences import last_due, next_after
from ingest.wishes import Cron
from tests.given import MINUTE, at

#: The midnight in UTC before a change of the clock; Lord Howe's is half an hour, Casablanca's is for Ramadan.
CHANGES = {
    "America/New_York": ("2024-03-10", "2024-11-03"),
    "Europe/London": ("2024-03-31", "2024-10-27"),
    "Australia/Lord_Howe": ("2024-04-06", "2024-10-05"),
    "Africa/Casablanca": ("2024-03-10", "2024-04-14"),
    "Asia/Tokyo": ("2024-03-10", "2024-11-03"),
}
DAYS = [(zone, day) for zone, days in CHANGES.items() for day in days]
MINUTES = {"*/2": range(0, 60, 2), "*/15": range(0, 60, 15), "30": [30], "0,5,59": [0, 5, 59]}
HOURS = {"*": range(24), "1": [1], "2": [2], "1-3": [1, 2, 3], "*/2": range(0, 24, 2), "0-23": range(24), "22": [22]}
WEEKDAYS = {"*": range(7), "sun": [6], "mon-fri": range(5)}


def due(line: str, zone: str, start: str, number: int) -> list[str]:
    """The next times after a moment, as the zone's clock shows them."""
    moment, found = at(start), []
    for _ in range(number):
        moment = next_after(Cron(line, zone), moment) or pytest.fail("there is no next time")
        found.append(f"{moment.astimezone(ZoneInfo(zone)):%d %H:%M%z}")
    return found


def test_a_time_that_the_clock_skips_is_due_an_hour_later_by_it() -> None:
    assert due("30 2 * * *", "America/New_York", "2024-03-09 00:00", 3) == [
        "09 02:30-0500",
        "10 03:30-0400",
        "11 02:30-0400",
    ]
    assert due("30 1 * * *", "Europe/London", "2024-03-30 00:00", 3) == [
        "30 01:30+0000",
        "31 02:30+0100",
        "01 01:30+0100",
    ]


def test_what_is_due_then_anyway_is_due_once() -> None:
    found = due("0,30 2-3 * * *", "America/New_York", "2024-03-10 00:00", 4)
    assert found == ["10 03:00-0400", "10 03:30-0400", "11 02:00-0400", "11 02:30-0400"]
    found = due("*/30 * * * *", "America/New_York", "2024-03-10 06:00", 3)
    assert found == ["10 01:30-0500", "10 03:00-0400", "10 03:30-0400"]


def test_a_time_that_comes_twice_is_due_the_first_time() -> None:
    assert due("30 1 * * *", "America/New_York", "2024-11-02 12:00", 2) == ["03 01:30-0400", "04 01:30-0500"]
    assert due("30 1 * * *", "Europe/London", "2024-10-26 12:00", 2) == ["27 01:30+0100", "28 01:30+0000"]


def test_every_hour_means_every_hour_that_passes() -> None:
    found = due("30 * * * *", "America/New_York", "2024-11-03 05:00", 3)
    assert found == ["03 01:30-0400", "03 01:30-0500", "03 02:30-0500"]
    found = due("*/30 * * * *", "Europe/London", "2024-10-26 23:59", 5)
    assert found == ["27 01:00+0100", "27 01:30+0100", "27 01:00+0000", "27 01:30+0000", "27 02:00+0000"]


def test_day_and_weekday_must_both_fit() -> None:
    friday_the_13th = next_after(Cron("0 12 13 * fri", "UTC"), at("2024-01-01"))
    assert friday_the_13th == at("2024-09-13 12:00")


def test_an_occurrence_is_after_the_moment_not_at_it() -> None:
    line = Cron("0 22 * * *", "UTC")
    assert next_after(line, at("2024-01-02 22:00")) == at("2024-01-03 22:00")
    assert next_after(line, at("2024-01-02 22:00") - timedelta(microseconds=1)) == at("2024-01-02 22:00")
    assert last_due(line, at("2024-01-01 22:00"), at("2024-01-02 22:00")) == at("2024-01-02 22:00")
    assert last_due(line, at("2024-01-02 22:00"), at("2024-01-03 21:59")) is None
    assert last_due(line, at("2024-01-05"), at("2024-01-02")) is None


def test_the_last_of_years_of_missed_ones_is_found_at_once() -> None:
    assert last_due(Cron("* * * 1 *", "UTC"), at("2000-01-01"), at("2024-12-20")) == at("2024-01-31 23:59")


patient = settings(deadline=None)  # the first look at a day reads its clock
lines = st.tuples(st.sampled_from(sorted(MINUTES)), st.sampled_from(sorted(HOURS)), st.sampled_from(sorted(WEEKDAYS)))


@settings(deadline=None, max_examples=80)
@given(lines, st.sampled_from(DAYS))
def test_every_minute_that_is_due_is_found_once_and_in_order(
    fields: tuple[str, str, str], place: tuple[str, str]
) -> None:
    expected = model(fields, *place)
    cron = Cron("{} {} * * {}".format(*fields), place[0])
    first, last = bounds(place[1])
    moment, found = first - MINUTE, []
    while (later := next_after(cron, moment)) is not None and later <= last:
        found.append(later)
        moment = later
    assert found == expected
    assert all(one < other for one, other in pairwise(found))


@patient
@given(lines, st.sampled_from(DAYS), st.integers(0, 2 * 1440), st.integers(0, 2 * 1440))
def test_catching_up_finds_the_last_that_was_missed(
    fields: tuple[str, str, str], place: tuple[str, str], one: int, other: int
) -> None:
    first, _ = bounds(place[1])
    since, now = first + min(one, other) * MINUTE, first + max(one, other) * MINUTE
    missed = [each for each in model(fields, *place) if since < each <= now]
    assert last_due(Cron("{} {} * * {}".format(*fields), place[0]), since, now) == max(missed, default=None)


def bounds(day: str) -> tuple[datetime, datetime]:
    return at(day) - timedelta(hours=12), at(day) + timedelta(hours=36)


def model(fields: tuple[str, str, str], zone: str, day: str) -> list[datetime]:
    """Two days around a change, minute by minute: what the clock shows then, or would if it had not been changed."""
    minutes, hours, weekdays = MINUTES[fields[0]], HOURS[fields[1]], WEEKDAYS[fields[2]]

    def fits(reading: datetime | None) -> bool:
        return (
            reading is not None
            and reading.minute in minutes
            and reading.hour in hours
            and reading.weekday() in weekdays
        )

    return [
        moment
        for moment, reading, is_second, skipped in readings(zone, day)
        if fits(skipped) or (fits(reading) and (fields[1] == "*" or not is_second))
    ]


@cache
def readings(zone_name: str, day: str) -> list[tuple[datetime, datetime, bool, datetime | None]]:
    zone = ZoneInfo(zone_name)
    first, last = bounds(day)
    found = []
    for number in range((last - first) // MINUTE + 1):
        moment = first + number * MINUTE
        shown = moment.astimezone(zone)
        before = (moment - timedelta(hours=3)).astimezone(zone).utcoffset()
        assert before is not None
        as_before = (moment + before).replace(tzinfo=None)
        there_and_back = as_before.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None)
        skipped = as_before if there_and_back != as_before else None
        found.append((moment, shown.replace(tzinfo=None), bool(shown.fold), skipped))
    return found
