"""The grid of bars on a market's own clock."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from ingest.domain import grid
from ingest.domain.bar_size import BarSize
from ingest.domain.instrument import Instrument
from ingest.domain.request import Session
from ingest.domain.series import Series
from ingest.domain.window import Window
from tests.given import at, series

ZONES = ("Asia/Calcutta", "Asia/Kathmandu", "Australia/Adelaide", "US/Eastern", "Japan", "UTC", "", "No/Where")
moments = st.integers(0, 366 * 24 * 60 * 60).map(lambda n: at("2024-01-01") + timedelta(seconds=n))
up_to_an_hour = st.sampled_from([size for size in BarSize if size.seconds <= 3600])
sizes = st.sampled_from([size for size in BarSize if not size.is_daily])


def traded_in(zone: str, size: BarSize) -> Series:
    return series(Instrument(77, "ODD", "STK", "NOWHERE", "XTS", time_zone_id=zone), size)


@given(st.sampled_from(ZONES), sizes, moments)
def test_a_moment_lies_between_its_floor_and_its_ceiling(zone: str, size: BarSize, moment: datetime) -> None:
    one = traded_in(zone, size)
    low, high = grid.floor(one, moment), grid.ceil(one, moment)
    assert low <= moment <= high
    assert high - low in (timedelta(), size.length)
    assert grid.floor(one, low) == low


@given(st.sampled_from(ZONES[:-2]), up_to_an_hour, moments)
def test_bars_up_to_an_hour_begin_at_whole_multiples_of_the_markets_clock(
    zone: str, size: BarSize, moment: datetime
) -> None:
    wall = grid.floor(traded_in(zone, size), moment).astimezone(ZoneInfo(zone))
    assert (wall.minute * 60 + wall.second) % size.seconds == 0


@given(st.sampled_from(ZONES), sizes, moments, st.integers(0, 600), st.integers(1, 600))
def test_a_bar_is_over_within_its_length_and_by_its_sessions_close(
    zone: str, size: BarSize, moment: datetime, before: int, after: int
) -> None:
    one = traded_in(zone, size)
    hours = Window(moment - timedelta(minutes=before), moment + timedelta(minutes=after))
    end = grid.bar_end(one, moment, (Session(moment.date(), hours),))
    assert moment < end <= min(moment + size.length, hours.end)
    if before:
        assert end == min(moment + size.length, hours.end)
    assert grid.bar_end(one, moment, ()) == moment + size.length
