"""Timers by the wall's clock for moments of ours, which may show another time and run faster."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from ingest.clock import SystemClock
from ingest.scheduler.timers import OnClock, Timers
from tests.given import at

EVENING, HOUR = at("2024-06-03 20:30"), timedelta(hours=1)
FAST = 36_000.0  # an hour in a tenth of a second


def test_on_the_walls_clock_a_moment_is_itself() -> None:
    due = datetime.now(UTC) + HOUR
    assert OnClock(due, SystemClock(), 1.0).get_next_fire_time(None, datetime.now(UTC)) == due


@pytest.mark.parametrize(("scale", "seconds"), [(1.0, 3600), (60.0, 60), (3600.0, 1), (0.5, 7200)])
def test_on_another_clock_it_is_when_the_wall_will_show_it(scale: float, seconds: float) -> None:
    trigger = OnClock(EVENING + HOUR, SystemClock(scale, start=EVENING), scale)
    found = trigger.get_next_fire_time(None, datetime.now(UTC))
    assert found is not None
    assert abs((found - datetime.now(UTC)).total_seconds() - seconds) < 0.05 * seconds
    assert trigger.get_next_fire_time(found, datetime.now(UTC)) is None


async def test_timers_ring_when_they_are_due() -> None:
    clock = SystemClock(FAST, start=EVENING)
    rings: list[datetime] = []
    timers = Timers(clock, FAST, lambda: rings.append(clock.now()))
    timers.arm({"one": EVENING + HOUR, "two": EVENING + 2 * HOUR}, EVENING)
    timers.start()
    await asyncio.sleep(0.3)
    timers.stop()
    await asyncio.sleep(0)
    assert [round((ring - EVENING) / HOUR, 1) >= number for number, ring in enumerate(rings, 1)] == [True, True]
    assert rings[0] < EVENING + 2 * HOUR


async def test_timers_are_as_the_moments_are() -> None:
    clock = SystemClock(FAST, start=EVENING)
    rings: list[datetime] = []
    timers = Timers(clock, FAST, lambda: rings.append(clock.now()))
    timers.start()
    timers.arm({"one": EVENING + HOUR, "two": EVENING + HOUR}, EVENING)
    timers.arm({"one": EVENING + 3 * HOUR}, EVENING)
    await asyncio.sleep(0.2)
    assert rings == []
    timers.arm({"one": EVENING + 3 * HOUR}, EVENING)
    await asyncio.sleep(0.2)
    assert len(rings) == 1
    timers.arm({"one": EVENING + 3 * HOUR}, clock.now())  # who looked could not see to it; ringing on would not help
    await asyncio.sleep(0.05)
    assert len(rings) == 1
    timers.arm({}, clock.now())
    timers.stop()
    await asyncio.sleep(0)


async def test_a_timer_that_came_too_early_is_set_again() -> None:
    clock = SystemClock(FAST, start=EVENING)
    rings: list[datetime] = []
    timers = Timers(clock, 10 * FAST, lambda: rings.append(clock.now()))  # it believes our clock to be faster
    timers.start()
    due = EVENING + 10 * HOUR
    for times in (1, 2, 3):
        timers.arm({"one": due}, max(rings, default=EVENING))
        while len(rings) < times:
            await asyncio.sleep(0.01)
    timers.stop()
    await asyncio.sleep(0)
    assert rings[0] < due
