"""`Window`: a half-open stretch of time `[start, end)` in aware UTC, never empty; and arithmetic on sets of them.

A set of windows is a tuple that is sorted, disjoint and merged (`normalise` makes one of anything). All functions here
take and give such sets, so results compare equal when they mean the same time. For bars of a day and longer the axis is
session dates: the session of 2024-01-02 is `[2024-01-02T00:00Z, 2024-01-03T00:00Z)`, wherever the exchange is.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

Windows = tuple["Window", ...]


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """`[start, end)`; both aware and in UTC, `start < end`."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        for name in ("start", "end"):
            value: datetime = getattr(self, name)
            if value.tzinfo is None:
                raise ValueError(f"window {name} {value} has no time zone")
            if value.tzinfo is not UTC:
                object.__setattr__(self, name, value.astimezone(UTC))
        if self.start >= self.end:
            raise ValueError(f"window is empty: start {self.start} is not before end {self.end}")

    def __str__(self) -> str:
        return f"[{_short(self.start)}, {_short(self.end)})"

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment < self.end

    @property
    def span(self) -> timedelta:
        return self.end - self.start

    def covers(self, other: "Window") -> bool:
        return self.start <= other.start and other.end <= self.end

    def overlaps(self, other: "Window") -> bool:
        return self.start < other.end and other.start < self.end

    def intersection(self, other: "Window") -> "Window | None":
        return between(max(self.start, other.start), min(self.end, other.end))


def between(start: datetime, end: datetime) -> Window | None:
    """The window from `start` to `end`, or None when there is no time between them."""
    return Window(start, end) if start < end else None


def normalise(windows: Iterable[Window]) -> Windows:
    """Sort and merge overlapping and touching windows into a set."""
    merged: list[Window] = []
    for window in sorted(windows):
        if merged and window.start <= merged[-1].end:
            if window.end > merged[-1].end:
                merged[-1] = Window(merged[-1].start, window.end)
        else:
            merged.append(window)
    return tuple(merged)


def union(*sets: Iterable[Window]) -> Windows:
    return normalise(window for windows in sets for window in windows)


def subtract(minuend: Iterable[Window], subtrahend: Iterable[Window]) -> Windows:
    """The time in `minuend` that is not in `subtrahend`. O(n + m) on sets."""
    holes = normalise(subtrahend)
    return tuple(_without(normalise(minuend), holes))


def intersect(left: Iterable[Window], right: Iterable[Window]) -> Windows:
    """The time in both. O(n + m) on sets."""
    ones, others = normalise(left), normalise(right)
    found: list[Window] = []
    i = j = 0
    while i < len(ones) and j < len(others):
        both = ones[i].intersection(others[j])
        if both is not None:
            found.append(both)
        if ones[i].end <= others[j].end:
            i += 1
        else:
            j += 1
    return tuple(found)


def total(windows: Iterable[Window]) -> timedelta:
    """How much time a set holds."""
    return sum((window.span for window in windows), timedelta())


def _without(windows: Windows, holes: Windows) -> Iterator[Window]:
    first = 0
    for window in windows:
        while first < len(holes) and holes[first].end <= window.start:
            first += 1
        start, at = window.start, first
        while at < len(holes) and holes[at].start < window.end:
            before = between(start, holes[at].start)
            if before is not None:
                yield before
            start = max(start, holes[at].end)
            at += 1
        rest = between(start, window.end)
        if rest is not None:
            yield rest


def _short(moment: datetime) -> str:
    if moment.hour == moment.minute == moment.second == moment.microsecond == 0:
        return f"{moment:%Y-%m-%d}"
    return f"{moment:%Y-%m-%d %H:%M}" if moment.second == 0 else f"{moment:%Y-%m-%d %H:%M:%S}"
