"""Timers by the wall's clock for schedules on ours, which may show another time and run faster."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from ingest.clock import SystemClock
from ingest.scheduler.timers import OnClock, Timers
from ingest.wishes import Cron
from tests.given import at

HOURLY, DAILY = Cron("0 * * * *", "UTC"), Cron("0 22 * * *", "America/New_York")


def test_on_the_walls_clock_a_trigger_gives_the_schedules_own_times() -> None:
    now = datetime.now(UTC)
    found = OnClock(HOURLY, SystemClock(), 1.0).get_next_fire_time(None, now)
    assert found is not None
    assert (found.minute, found.second, found.microsecond) == (0, 0, 0)
    assert timedelta(0) < found - now <= timedelta(hours=1)


@pytest.mark.parametrize(("scale", "seconds"), [(1.0, 3600), (60.0, 60), (3600.0, 1), (0.5, 7200)])
def test_on_another_clock_it_gives_the_time_the_wall_will_show(scale: float, seconds: float) -> None:
    clock = SystemClock(scale, start=at("2024-06-03 21:00"))
    found = OnClock(Cron("0 22 * * *", "UTC"), clock, scale).get_next_fire_time(None, datetime.now(UTC))
    assert found is not None
    assert abs((found - datetime.now(UTC)).total_seconds() - seconds) < 0.05 * seconds


async def test_a_timer_rings_when_it_is_due_and_again() -> None:
    clock = SystemClock(36_000, start=at("2024-06-03 20:30"))  # an hour in a tenth of a second
    rings: list[datetime] = []
    timers = Timers(clock, clock.scale, lambda: rings.append(clock.now()))
    timers.arm({"hourly": HOURLY})
    timers.start()
    await asyncio.sleep(0.3)
    timers.stop()
    await asyncio.sleep(0)
    assert [f"{ring:%H}" for ring in rings[:2]] == ["21", "22"]
    assert all(ring.minute < 20 for ring in rings)


async def test_timers_are_as_the_schedules_are() -> None:
    clock = SystemClock(36_000, start=at("2024-06-03 20:30"))
    rings: list[str] = []
    timers = Timers(clock, clock.scale, lambda: rings.append("ring"))
    timers.start()
    timers.arm({"one": HOURLY, "two": HOURLY})
    timers.arm({"one": DAILY})
    await asyncio.sleep(0.15)
    assert rings == []
    timers.arm({})
    timers.stop()
    await asyncio.sleep(0)
