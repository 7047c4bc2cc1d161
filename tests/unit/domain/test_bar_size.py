"""Bar sizes by IB's strings and by the field's aliases, and their grid."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.domain.bar_size import BarSize
from tests.given import at


@pytest.mark.parametrize("size", list(BarSize))
def test_every_size_is_read_by_ibs_string_and_by_its_alias(size: BarSize) -> None:
    assert BarSize.parse(size.value) is size
    assert BarSize.parse(size.alias) is size


def test_minutes_and_months_are_told_apart_by_case_only_where_ib_does() -> None:
    assert BarSize.parse("1m") is BarSize.MIN_1
    assert BarSize.parse("1M") is BarSize.MONTH_1
    assert BarSize.parse("1mo") is BarSize.MONTH_1


@pytest.mark.parametrize("text", ["", "7m", "1 sec onds", "minute", "0m", "-1m", "1y"])
def test_an_unknown_size_is_refused_with_the_list(text: str) -> None:
    with pytest.raises(ValueError, match="1m"):
        BarSize.parse(text)


moments = st.integers(0, 2_000_000_000).map(lambda seconds: at("1970-01-01") + timedelta(seconds=seconds))


@given(st.sampled_from(list(BarSize)), moments)
def test_the_grid_brackets_every_instant(size: BarSize, moment) -> None:  # type: ignore[no-untyped-def]
    low, high = size.floor(moment), size.ceil(moment)
    assert low <= moment <= high
    assert size.floor(low) == low
    assert size.ceil(high) == high
    assert high == low or high == size.next(low)


@pytest.mark.parametrize("size", BarSize)
def test_the_end_of_time_has_a_last_grid_point(size: BarSize) -> None:
    """Who wants bars for ever writes 9999-12-31."""
    end = at("9999-12-31 23:59:59")
    assert size.floor(end) <= size.ceil(end)
    assert size.ceil(size.ceil(end)) == size.ceil(end)
