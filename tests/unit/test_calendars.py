"""The hours in which bars are asked for: exact where they are known, and rather too wide than too narrow elsewhere."""

from datetime import UTC, date, datetime
from itertools import pairwise

import pytest

from ingest.calendars import calendar_of
from ingest.domain.instrument import Instrument
from ingest.domain.window import Window, subtract
from tests.given import AAPL, BTC, ES, EURUSD, window
from tests.unit.validate.test_edges import TENCENT

GOLD = Instrument(1, "XAUUSD", "CMDTY", "SMART", "USD", time_zone_id="US/Eastern")
INDEX_CFD = Instrument(2, "IBUS500", "CFD", "SMART", "USD", time_zone_id="US/Eastern")
VIX = Instrument(3, "VIX", "IND", "CBOE", "USD")
SPX_OPTION = Instrument(
    4, "SPX", "OPT", "SMART", "USD", local_symbol="SPXW", expiry="20240628", strike=5000.0, right="C"
)
FDAX = Instrument(5, "DAX", "FUT", "EUREX", "EUR", local_symbol="FDAX", expiry="20240621")
VODAFONE = Instrument(6, "VOD", "STK", "LSE", "GBP", primary_exchange="LSE")
A50 = Instrument(7, "XINA50", "FUT", "SGX", "USD", local_symbol="CNM24", expiry="20240627")
VX = Instrument(8, "VX", "FUT", "CFE", "USD", local_symbol="VXN4", expiry="20240717")
CL = Instrument(9, "CL", "FUT", "NYMEX", "USD", local_symbol="CLF5", expiry="20241219")
BRENT = Instrument(10, "COIL", "FUT", "IPE", "USD", local_symbol="COILQ4", expiry="20240628")


@pytest.mark.parametrize(
    ("instrument", "use_rth", "traded"),
    [
        (GOLD, True, ("2024-06-11 22:00", "2024-06-12 21:00")),
        (GOLD, True, ("2024-06-09 22:00", "2024-06-10 21:00")),
        (INDEX_CFD, True, ("2024-06-11 22:00", "2024-06-12 21:00")),
        (VIX, True, ("2024-06-12 13:30", "2024-06-12 20:15")),
        (VIX, False, ("2024-06-12 07:15", "2024-06-12 20:15")),
        (SPX_OPTION, True, ("2024-06-12 13:30", "2024-06-12 20:15")),
        (SPX_OPTION, False, ("2024-06-10 00:15", "2024-06-10 20:15")),
        (FDAX, False, ("2024-06-11 23:10", "2024-06-12 20:00")),
        (VODAFONE, True, ("2024-06-12 07:00", "2024-06-12 15:36")),
        (VODAFONE, False, ("2024-06-12 07:00", "2024-06-12 15:36")),
        (TENCENT, True, ("2024-06-12 01:30", "2024-06-12 08:10")),
        (A50, False, ("2024-06-14 01:00", "2024-06-14 21:15")),
        (VX, False, ("2024-06-09 22:00", "2024-06-10 21:00")),
        (BRENT, False, ("2024-06-09 22:00", "2024-06-10 22:00")),
        (CL, False, ("2024-11-28 23:00", "2024-11-29 19:45")),
        (CL, True, ("2024-11-29 14:30", "2024-11-29 19:45")),
    ],
)
def test_all_hours_that_are_traded_are_asked_for(
    instrument: Instrument, use_rth: bool, traded: tuple[str, str]
) -> None:
    hours = window(*traded)
    sessions = calendar_of(instrument, use_rth=use_rth).overlapping(hours)
    assert subtract([hours], [session.hours for session in sessions]) == ()


@pytest.mark.parametrize(
    ("instrument", "use_rth", "hours"),
    [
        (AAPL, True, ("2024-06-12 13:30", "2024-06-12 20:00")),
        (AAPL, False, ("2024-06-12 08:00", "2024-06-13 00:00")),
        (ES, True, ("2024-06-12 13:30", "2024-06-12 21:00")),
        (ES, False, ("2024-06-11 22:00", "2024-06-12 21:00")),
        (EURUSD, True, ("2024-06-11 21:15", "2024-06-12 21:00")),
        (BTC, True, ("2024-06-12", "2024-06-13")),
    ],
)
def test_hours_that_are_known_are_not_widened(instrument: Instrument, use_rth: bool, hours: tuple[str, str]) -> None:
    found = calendar_of(instrument, use_rth=use_rth).dated(date(2024, 6, 12), date(2024, 6, 13))
    assert [session.hours for session in found] == [window(*hours)]
    assert found[0].quiet == ()


@pytest.mark.parametrize(("instrument", "holiday"), [(VX, "2024-05-27"), (FDAX, "2024-05-01"), (A50, "2024-06-17")])
def test_where_only_the_hours_are_not_known_holidays_are_kept(instrument: Instrument, holiday: str) -> None:
    calendar = calendar_of(instrument, use_rth=False)
    days = {session.day for session in calendar.overlapping(window("2024-04-20", "2024-06-30"))}
    assert calendar.is_known
    assert not any(day.weekday() >= 5 for day in days)
    assert date.fromisoformat(holiday) not in days


def test_the_part_of_a_holiday_in_which_derivatives_trade_is_asked_for() -> None:
    half = window("2024-05-26 22:00", "2024-05-27 15:30")
    (tuesday,) = calendar_of(VX, use_rth=False).overlapping(half)
    assert (tuesday.day, tuesday.hours.covers(half)) == (date(2024, 5, 28), True)


@pytest.mark.parametrize("instrument", [VIX, FDAX, VODAFONE, A50, VX, BRENT])
@pytest.mark.parametrize("use_rth", [True, False])
def test_wide_sessions_never_overlap(instrument: Instrument, use_rth: bool) -> None:
    held = Window(datetime(1995, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC))
    sessions = calendar_of(instrument, use_rth=use_rth).overlapping(held)
    assert all(one.hours.end <= other.hours.start for one, other in pairwise(sessions))
