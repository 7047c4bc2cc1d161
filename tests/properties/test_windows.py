"""Window arithmetic against the naive model: sets of minutes."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ingest.domain.window import Window, intersect, normalise, subtract, union
from tests.given import minutes_of, windows_on_grid

some = st.lists(windows_on_grid(), max_size=8)


@given(some, some)
def test_subtraction_is_what_it_is_on_minutes(left: list[Window], right: list[Window]) -> None:
    assert minutes_of(subtract(left, right)) == minutes_of(left) - minutes_of(right)


@given(some, some)
def test_intersection_is_what_it_is_on_minutes(left: list[Window], right: list[Window]) -> None:
    assert minutes_of(intersect(left, right)) == minutes_of(left) & minutes_of(right)


@given(some, some)
def test_union_is_what_it_is_on_minutes(left: list[Window], right: list[Window]) -> None:
    assert minutes_of(union(left, right)) == minutes_of(left) | minutes_of(right)


@given(some)
def test_a_normalised_set_is_sorted_disjoint_and_merged(windows: list[Window]) -> None:
    once = normalise(windows)
    assert all(a.end < b.start for a, b in pairwise(once))
    assert normalise(once) == once
    assert minutes_of(once) == minutes_of(windows)
