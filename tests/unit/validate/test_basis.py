"""Which differences between bars and the same bars asked again are a split, and which are corrections."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.domain.bars import BAR_SCHEMA, BarBatch
from ingest.validate.basis import new_basis
from tests.given import at

ZERO = at("2024-06-03")
Bar = tuple[float, float, float, float]
TEN: list[Bar] = [(100.0 + n, 102.5 + n, 98.25 + n, 101.75 + n) for n in range(10)]


def batch(bars: list[Bar], first: int = 0) -> BarBatch:
    ts = [ZERO + timedelta(days=first + n) for n in range(len(bars))]
    prices = [np.array([bar[at] for bar in bars]) for at in range(4)]
    many = len(bars)
    columns = [ts, *prices, np.full(many, 10.0), prices[3], np.full(many, 1, dtype=np.int32)]
    return BarBatch(pa.table([pa.array(c, f.type) for c, f in zip(columns, BAR_SCHEMA, strict=True)], BAR_SCHEMA))


def scaled(bars: list[Bar], factor: float) -> list[Bar]:
    return [(a * factor, b * factor, c * factor, d * factor) for a, b, c, d in bars]


def cents(bars: list[Bar]) -> list[Bar]:
    return [(round(a, 2), round(b, 2), round(c, 2), round(d, 2)) for a, b, c, d in bars]


prices = st.floats(0.5, 5000.0)
bars = st.lists(prices, min_size=2, max_size=30).map(lambda ps: [(p, p * 1.01, p * 0.99, p * 1.005) for p in ps])


@given(bars, st.sampled_from([1 / 2, 1 / 3, 2 / 3, 1 / 10, 1 / 50, 20 / 21, 2.0, 5.0, 25.0]))
def test_a_split_is_its_factor_though_prices_are_rounded_to_cents(held: list[Bar], factor: float) -> None:
    held = cents(held)
    found = new_basis(batch(held), batch(cents(scaled(held, factor))))
    assert found is None or found == pytest.approx(factor, rel=0.05)
    if min(min(bar) for bar in held) * min(factor, 1.0) > 1.0:
        assert found == pytest.approx(factor, rel=0.01)


@given(bars, st.floats(-0.015, 0.015))
def test_small_changes_are_corrections_even_where_all_bars_have_them(held: list[Bar], change: float) -> None:
    assert new_basis(batch(held), batch(scaled(held, 1 + change))) is None


def test_settled_closes_are_corrections() -> None:
    assert new_basis(batch(TEN), batch([(a, b, c, d + 0.25) for a, b, c, d in TEN])) is None
    assert new_basis(batch(TEN), batch([(a, b, c, d * 1.2) for a, b, c, d in TEN])) is None


def test_one_bar_that_does_not_follow_makes_it_no_split() -> None:
    assert new_basis(batch(TEN), batch([*scaled(TEN[:-1], 0.5), TEN[-1]])) is None


def test_only_bars_that_both_have_count_and_one_is_too_few() -> None:
    assert new_basis(batch(TEN), batch(scaled(TEN, 0.5)[8:] + TEN, first=8)) == pytest.approx(0.5)
    assert new_basis(batch(TEN), batch(scaled(TEN, 0.5)[9:], first=9)) is None
    assert new_basis(batch(TEN), batch(TEN, first=20)) is None


def test_prices_that_can_be_below_zero_have_no_factor() -> None:
    oil: list[Bar] = [(10.0, 11.0, -40.0, -37.6), (-14.0, 2.0, -15.0, 1.0)]
    assert new_basis(batch(oil), batch(scaled(oil, 0.5))) is None
