from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from ingest.gateway.times import (
    OffendingRow,
    day_microseconds,
    epoch_microseconds,
    find_zone,
    parse_day,
    parse_moment,
)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1560346200", datetime(2019, 6, 12, 13, 30, tzinfo=UTC)),
        ("345479400", datetime(1980, 12, 12, 14, 30, tzinfo=UTC)),
        ("-252374400", datetime(1962, 1, 2, tzinfo=UTC)),
        ("94694400", datetime(1973, 1, 1, tzinfo=UTC)),
        ("20260409", datetime(2026, 4, 9, tzinfo=UTC)),
        ("20260402 09:30:00 US/Eastern", datetime(2026, 4, 2, 13, 30, tzinfo=UTC)),
        ("20260713 15:30:00 Europe/Amsterdam", datetime(2026, 7, 13, 13, 30, tzinfo=UTC)),
        ("20260105 09:30:00 MET", datetime(2026, 1, 5, 8, 30, tzinfo=UTC)),
        ("19801212-14:30:00", datetime(1980, 12, 12, 14, 30, tzinfo=UTC)),
        ("20260402 13:30:00Z", datetime(2026, 4, 2, 13, 30, tzinfo=UTC)),
        ("20260402-13:30:00Z", datetime(2026, 4, 2, 13, 30, tzinfo=UTC)),
    ],
)
def test_every_form_of_a_moment_is_read(text: str, moment: datetime) -> None:
    assert parse_moment(text) == moment


def test_two_blanks_are_read_in_the_zone_that_is_given() -> None:
    zone = ZoneInfo("America/New_York")
    assert parse_moment("20230413  16:31:22", zone) == datetime(2023, 4, 13, 20, 31, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("20230413  16:31:22", "names no time zone"),
        ("20260402 09:30:00 Mars/Olympus", "unknown time zone 'Mars/Olympus'"),
        ("20261101 01:30:00 US/Eastern", "ambiguous"),
        ("20260308 02:30:00 US/Eastern", "ambiguous"),
        ("", "is not a time"),
        ("yesterday", "is not a time"),
        ("20261340", "does not match|unconverted"),
        ("20260402 25:00:00 US/Eastern", "does not match|unconverted"),
    ],
)
def test_what_is_not_certain_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_moment(text)


def test_a_day_is_eight_digits() -> None:
    assert parse_day("20260409") == date(2026, 4, 9)
    for text in ("2026-04-09", "20260431", "1775700000"):
        with pytest.raises(ValueError, match=r"is not a date|unconverted|out of range"):
            parse_day(text)


def test_a_zone_outside_the_database_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown time zone"):
        find_zone("../etc/passwd")


def test_days_become_midnights() -> None:
    dates = np.array([19691231, 20000229, 20240229, 20241231, 20260409], dtype=float)
    expected = [datetime.strptime(f"{int(one)}+0000", "%Y%m%d%z").timestamp() * 1e6 for one in dates]
    assert day_microseconds(dates).tolist() == expected


@pytest.mark.parametrize("wrong", [20230229, 20241301, 20240100, 20240132, 1775700000, 20240101.5, float("nan"), 0])
def test_the_first_number_that_is_no_date_is_named(wrong: float) -> None:
    with pytest.raises(OffendingRow) as found:
        day_microseconds(np.array([20240102, wrong, wrong]))
    assert found.value.row == 1


@pytest.mark.parametrize("wrong", [20240102, -1, 1_700_000_000.5, float("nan"), float("inf"), 1e12])
def test_the_first_number_that_is_no_epoch_second_is_named(wrong: float) -> None:
    with pytest.raises(OffendingRow) as found:
        epoch_microseconds(np.array([1_700_000_000, wrong]))
    assert found.value.row == 1
