"""Which futures are in front on a day, and when one is over."""

from dataclasses import replace
from datetime import datetime

import pytest

from ingest.domain.chain import Product, is_over, products, unexpired
from ingest.domain.instrument import Instrument
from tests.given import AAPL, at

ES = Instrument(1, "ES", "FUT", "CME", "USD", trading_class="ES", multiplier="50", time_zone_id="US/Central")
SILVER = replace(ES, symbol="SI", trading_class="SI", multiplier="5000", exchange="COMEX")


def future(expiry: str) -> Instrument:
    return replace(ES, expiry=expiry)


QUARTERS = [future(expiry) for expiry in ("20241220", "20240621", "20240920", "20240315")]
MONTHS = [future(expiry) for expiry in ("20240719", "20240622", "20240820", "20240920", "20240521")]


@pytest.mark.parametrize(
    ("listed", "now", "front"),
    [
        (QUARTERS, at("2024-06-10"), ["20240621", "20240920"]),
        (QUARTERS, at("2024-06-21 20:00"), ["20240621", "20240920"]),
        (QUARTERS, at("2024-06-22 04:59"), ["20240621", "20240920"]),  # still Friday in Chicago
        (QUARTERS, at("2024-06-22 05:00"), ["20240920", "20241220"]),
        (QUARTERS, at("2024-12-01"), ["20241220"]),
        (MONTHS, at("2024-06-10"), ["20240622", "20240719"]),
        (MONTHS, at("2024-07-01"), ["20240719", "20240820"]),
        (QUARTERS, at("2025-06-10"), []),
    ],
)
def test_the_nearest_expiries_that_are_not_over_are_in_front(
    listed: list[Instrument], now: datetime, front: list[str]
) -> None:
    assert [one.expiry for one in unexpired(listed, now)[:2]] == front


def test_a_bare_month_is_over_with_its_last_day() -> None:
    june = future("202406")
    assert not is_over(june, at("2024-07-01 04:00"))
    assert is_over(june, at("2024-07-01 06:00"))


def test_what_has_no_expiry_is_never_over() -> None:
    assert not is_over(AAPL, at("2124-06-10"))


def test_an_unknown_time_zone_counts_as_utc() -> None:
    odd = replace(future("20240621"), time_zone_id="Mars/Base")
    assert not is_over(odd, at("2024-06-21 23:59"))
    assert is_over(odd, at("2024-06-22 00:00"))


def test_one_symbol_can_mean_several_products() -> None:
    micro = replace(SILVER, trading_class="SIL", multiplier="1000")
    assert products(QUARTERS) == (Product("ES", "CME", "ES", "USD", "50"),)
    assert [one.trading_class for one in products([micro, SILVER, micro])] == ["SI", "SIL"]
