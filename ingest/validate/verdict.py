"""What an answer proves: the ledger entries that one chunk's outcome allows. The heart of the promise.

A clean answer covers the sessions it brought bars for, and the nights between. A session without a single bar is not
yet believed: it becomes `pending` and is asked again in another shape; only when that comes back empty as well is it
`empty_confirmed`. The same holds for a stretch missing at the head or tail of an answer, when it is longer than
anything missing in its middle: that is what an answer looks like that was cut short.
"""

from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from ingest.domain.bars import BarBatch
from ingest.domain.ledger import Entry, State
from ingest.domain.request import Chunk, Session
from ingest.domain.window import Window, Windows, between, intersect, normalise, subtract

ONCE_EMPTY = "came back empty once"
TWICE_EMPTY = "two requests of different shape found nothing"

Instants = npt.NDArray[np.int64]


def verdict(chunk: Chunk, bars: BarBatch, *, second_look: bool) -> tuple[Entry, ...]:
    """Entries that tile `chunk.window` for a clean, complete answer whose bars inside the window are `bars`.

    `second_look`: the window was pending from an answer of another shape, so emptiness is now confirmed.
    """
    silent = _silent(chunk, bars)
    believed = State.EMPTY_CONFIRMED if second_look else State.PENDING
    reason = TWICE_EMPTY if second_look else ONCE_EMPTY
    entries = [Entry(window, State.COVERED) for window in subtract([chunk.window], silent)]
    entries += [Entry(window, believed, reason) for window in silent]
    return tuple(sorted(entries, key=lambda entry: entry.window))


def timed_out(chunk: Chunk, reason: str) -> tuple[Entry, ...]:
    """Nothing came in time. This says nothing about the data."""
    return (Entry(chunk.window, State.TIMED_OUT, reason),)


def failed(chunk: Chunk, reason: str, *, permanent: bool) -> tuple[Entry, ...]:
    return (Entry(chunk.window, State.FAILED, reason, permanent),)


def _silent(chunk: Chunk, bars: BarBatch) -> Windows:
    """The parts of the chunk about which the answer says too little to call them covered."""
    if not len(bars):
        return (chunk.window,)
    if chunk.sessions is None or chunk.series.bar_size.is_period:
        return ()
    instants: Instants = bars.table["ts"].cast("int64").to_numpy()
    parts = [part for session in chunk.sessions if (part := _part(chunk, session))]
    empty = [part for part in parts if not _has_bar(instants, part)]
    silent = [_with_night(chunk, part, parts) for part in empty]
    if not chunk.series.bar_size.is_daily:
        silent += _cut_short(chunk, instants, [part for part in parts if part not in empty])
    return intersect(normalise(silent), [chunk.window])


def _part(chunk: Chunk, session: Session) -> Window | None:
    if not chunk.series.bar_size.is_daily:
        return session.hours.intersection(chunk.window)
    start = datetime(session.day.year, session.day.month, session.day.day, tzinfo=UTC)
    return Window(start, start + timedelta(days=1)).intersection(chunk.window)


def _with_night(chunk: Chunk, part: Window, parts: list[Window]) -> Window:
    """An empty session's window up to the next session, so that confirmed-empty days merge into one stretch."""
    later = [other.start for other in parts if other.start >= part.end]
    return Window(part.start, min(later) if later else chunk.window.end)


def _cut_short(chunk: Chunk, instants: Instants, parts: list[Window]) -> list[Window]:
    """Head and tail stretches longer than twice the longest silence inside any session, and than five bars."""
    length = chunk.series.bar_size.length
    longest = max((_longest_gap(instants, part, length) for part in parts), default=timedelta())
    limit = 2 * longest + 5 * length
    first, last = _moment(instants[0]), _moment(instants[-1]) + length
    head = between(parts[0].start, first)
    tail = between(last, parts[-1].end)
    return [stretch for stretch in (head, tail) if stretch is not None and stretch.span > limit]


def _longest_gap(instants: Instants, part: Window, length: timedelta) -> timedelta:
    inside = instants[_first(instants, part.start) : _first(instants, part.end)]
    if len(inside) < 2:
        return timedelta()
    return timedelta(microseconds=int(np.diff(inside).max())) - length


def _has_bar(instants: Instants, part: Window) -> bool:
    return bool(_first(instants, part.start) < _first(instants, part.end))


def _first(instants: Instants, moment: datetime) -> int:
    """Index of the first bar at or after `moment`."""
    return int(np.searchsorted(instants, _micros(moment)))


def _micros(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _moment(micros: np.int64) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(micros))
