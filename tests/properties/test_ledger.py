"""The ledger's arithmetic against the naive model: a state for each minute."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ingest.domain.ledger import Entry, Ledger, State
from ingest.domain.window import Window
from tests.given import entries_on_grid, minutes_of, windows_on_grid

Minutes = dict[int, tuple[State, str, bool]]
news = st.lists(entries_on_grid(), max_size=12)
wishes = st.lists(windows_on_grid(), max_size=5)


def by_minute(entries: list[Entry] | Ledger) -> Minutes:
    known: Minutes = {}
    for entry in entries:
        known |= dict.fromkeys(minutes_of([entry.window]), (entry.state, entry.reason, entry.permanent))
    return known


@given(news)
def test_the_last_word_on_each_minute_counts(entries: list[Entry]) -> None:
    assert by_minute(Ledger().record(*entries)) == by_minute(entries)


@given(news, st.integers(0, 12))
def test_it_does_not_matter_in_how_many_steps_news_come(entries: list[Entry], cut: int) -> None:
    assert Ledger().record(*entries[:cut]).record(*entries[cut:]) == Ledger().record(*entries)


@given(news)
def test_neighbours_that_say_the_same_are_one(entries: list[Entry]) -> None:
    held = Ledger().record(*entries).entries
    assert all(a.window.end < b.window.start or not a.says_same(b) for a, b in pairwise(held))


@given(news)
def test_recording_again_what_is_known_changes_nothing(entries: list[Entry]) -> None:
    once = Ledger().record(*entries)
    assert once.record(*once) == once


@given(news, wishes, st.booleans())
def test_unsettled_is_the_wish_without_the_settled_minutes(
    entries: list[Entry], wish: list[Window], retry_failed: bool
) -> None:
    known = by_minute(entries)
    settled = {m for m, (state, _, permanent) in known.items() if state.is_settled or (permanent and not retry_failed)}
    unsettled = Ledger().record(*entries).unsettled(wish, retry_failed=retry_failed)
    assert minutes_of(unsettled) == minutes_of(wish) - settled
