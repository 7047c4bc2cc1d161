"""`Ledger`: for one series, which time is in which state. Disjoint by construction; no entry means unknown.

The ledger is what the product is for: a time-out is `timed_out`, never "no data". `wish − settled` is all that a plan
is, so anything can be run twice, or after any crash.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from ingest.domain.window import Window, Windows, normalise, subtract


class State(StrEnum):
    """What is known of a stretch of time."""

    COVERED = "covered"  # a clean, complete answer was stored
    EMPTY_CONFIRMED = "empty_confirmed"  # nothing exists there, and that was proved
    PENDING = "pending"  # asked once, not settled yet (an empty answer that waits for its second proof)
    TIMED_OUT = "timed_out"  # no answer came in time
    FAILED = "failed"  # IB refused; `reason` says why

    @property
    def is_settled(self) -> bool:
        """Whether the next plan leaves it alone."""
        return self in (State.COVERED, State.EMPTY_CONFIRMED)


@dataclass(frozen=True, slots=True)
class Entry:
    """One stretch in one state. `permanent` failures are not asked again unless told to (`--retry-failed`)."""

    window: Window
    state: State
    reason: str = ""
    permanent: bool = False

    def __post_init__(self) -> None:
        if self.state is State.FAILED and not self.reason:
            raise ValueError("a failure needs a reason")
        if self.permanent and self.state is not State.FAILED:
            raise ValueError(f"{self.state} cannot be permanent")

    def says_same(self, other: "Entry") -> bool:
        return (self.state, self.reason, self.permanent) == (other.state, other.reason, other.permanent)


@dataclass(frozen=True, slots=True)
class Ledger:
    """Entries sorted and disjoint; neighbours that say the same are merged."""

    entries: tuple[Entry, ...] = field(default=())

    def __post_init__(self) -> None:
        for before, after in zip(self.entries, self.entries[1:], strict=False):
            if after.window.start < before.window.end:
                raise ValueError(f"{before.window} and {after.window} overlap: one minute, two states")

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def windows(self, *states: State) -> Windows:
        """All time in any of `states` (in every state when none is named)."""
        return normalise(e.window for e in self.entries if not states or e.state in states)

    def settled(self, *, retry_failed: bool = False) -> Windows:
        """What needs no request: covered, confirmed empty, and (unless `retry_failed`) permanently refused."""
        return normalise(e.window for e in self.entries if e.state.is_settled or (e.permanent and not retry_failed))

    @property
    def asked_again(self) -> Windows:
        """All that is known to be unsettled, but for what was refused for good."""
        return normalise(e.window for e in self.entries if not (e.state.is_settled or e.permanent))

    def unsettled(self, wish: Iterable[Window], *, retry_failed: bool = False) -> Windows:
        """`wish − settled`: the time that still has to be asked for."""
        return subtract(wish, self.settled(retry_failed=retry_failed))

    def record(self, *news: Entry) -> "Ledger":
        """A new ledger in which `news` (later ones win) replace what was known of their time."""
        entries = list(self.entries)
        for entry in news:
            entries = [part for old in entries for part in _around(old, entry.window)]
            entries.append(entry)
        return Ledger(_merged(sorted(entries, key=lambda e: e.window)))


def _around(old: Entry, window: Window) -> list[Entry]:
    if not old.window.overlaps(window):
        return [old]
    return [Entry(rest, old.state, old.reason, old.permanent) for rest in subtract([old.window], [window])]


def _merged(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    merged: list[Entry] = []
    for entry in entries:
        if merged and merged[-1].window.end == entry.window.start and merged[-1].says_same(entry):
            whole = Window(merged[-1].window.start, entry.window.end)
            merged[-1] = Entry(whole, entry.state, entry.reason, entry.permanent)
        else:
            merged.append(entry)
    return tuple(merged)
