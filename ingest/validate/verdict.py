"""What an answer proves: the ledger entries that one chunk's outcome allows. The heart of the promise.

A clean answer covers the sessions it brought bars for, and the nights between. A session without a single bar is not
yet believed: it becomes `pending` and is asked again in another shape; only when that comes back empty as well is it
`empty_confirmed`. The same holds for a stretch missing at the head or tail of a session, when it is longer than
what is usual between bars: that is what an answer looks like that was cut short (edges.py). A second look that brings
bars where the first had none, or lacks the newer witness it asked for, proves nothing about the rest (except for the
weekends of an unknown calendar: weekends.py). A bar that was set aside leaves its own time open: it is asked for again,
and refused for good when it comes back as impossible.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from ingest.domain.bars import BarBatch
from ingest.domain.issue import QuarantinedBar
from ingest.domain.ledger import Entry, State
from ingest.domain.request import Chunk, Session
from ingest.domain.window import Window, Windows, intersect, normalise, subtract
from ingest.validate.edges import Instants, cut_short, first_at, micros, moment
from ingest.validate.weekends import one_look, quiet_weekends

ONCE_EMPTY = "came back empty once"
TWICE_EMPTY = "two requests of different shape found nothing"
CUT_SHORT = "answers seem cut short: they contradict each other, or end too early"
#: More bars than this set aside in one answer are asked for again in one request instead of one each.
_MOST_LOOKS = 5


def verdict(
    chunk: Chunk,
    bars: BarBatch,
    *,
    second_look: bool,
    set_aside: Sequence[QuarantinedBar] = (),
    witnessed: bool = True,
) -> tuple[Entry, ...]:
    """Entries that tile `chunk.window` for a clean, complete answer whose bars inside the window are `bars`.

    `second_look`: the window was pending from an answer of another shape, so emptiness is now confirmed, if the answer
    was `witnessed` (nothing that it should bring from behind the window is missing) and agrees with the first.
    """
    instants = _instants(bars, set_aside)
    silent = _silent(chunk, instants)
    if not second_look:
        silent = normalise([*silent, *one_look(chunk, instants)])
    doubts = _doubts(chunk, instants, set_aside, second_look=second_look)
    open_again = [entry.window for entry in doubts]
    if not second_look or not witnessed:
        believed: Windows = ()
    else:
        believed = intersect(silent, quiet_weekends(chunk, instants)) if len(instants) else silent
    entries = [Entry(window, State.COVERED) for window in subtract([chunk.window], normalise([*silent, *open_again]))]
    entries += [Entry(window, State.EMPTY_CONFIRMED, TWICE_EMPTY) for window in subtract(believed, open_again)]
    reason = CUT_SHORT if second_look else ONCE_EMPTY
    entries += [Entry(window, State.PENDING, reason) for window in subtract(silent, [*believed, *open_again])]
    return tuple(sorted([*entries, *doubts], key=lambda entry: entry.window))


def timed_out(chunk: Chunk, reason: str) -> tuple[Entry, ...]:
    """Nothing came in time. This says nothing about the data."""
    return (Entry(chunk.window, State.TIMED_OUT, reason),)


def failed(chunk: Chunk, reason: str, *, permanent: bool) -> tuple[Entry, ...]:
    return (Entry(chunk.window, State.FAILED, reason, permanent),)


def _instants(bars: BarBatch, set_aside: Sequence[QuarantinedBar]) -> Instants:
    """Where the answer has bars, possible ones or not."""
    clean: Instants = bars.table["ts"].cast("int64").to_numpy()
    return np.sort(np.concatenate([clean, np.array([micros(bar.ts) for bar in set_aside], dtype=np.int64)]))


def _doubts(chunk: Chunk, instants: Instants, set_aside: Sequence[QuarantinedBar], *, second_look: bool) -> list[Entry]:
    """The bars' own time for those that were set aside; all of it in one where they are many."""
    entries = []
    for bar in set_aside:
        window = Window(bar.ts, _bar_end(chunk, instants, bar.ts))
        if second_look:
            reason = f"IB's bar is impossible in two answers: {bar.issue.rule}"
            entries.append(Entry(window, State.FAILED, reason, permanent=True))
        else:
            entries.append(Entry(window, State.PENDING, f"a bar was set aside: {bar.issue.rule}"))
    if second_look or len(entries) <= _MOST_LOOKS:
        return entries
    whole = Window(min(e.window.start for e in entries), max(e.window.end for e in entries))
    return [Entry(whole, State.PENDING, f"{len(entries)} bars were set aside")]


def _bar_end(chunk: Chunk, instants: Instants, start: datetime) -> datetime:
    """The next bar's start, if that comes before the bar size says (first bars of a session are short)."""
    end = min(start + chunk.series.bar_size.length, chunk.window.end)
    following = int(np.searchsorted(instants, micros(start), side="right"))
    return min(end, moment(instants[following])) if following < len(instants) else end


def _silent(chunk: Chunk, instants: Instants) -> Windows:
    """The parts of the chunk about which the answer says too little to call them covered."""
    if not len(instants):
        return (chunk.window,)
    if chunk.sessions is None:
        return ()
    parts = list(dict.fromkeys(part for session in chunk.sessions if (part := _part(chunk, session))))
    empty = [part for part in parts if not _has_bar(instants, part)]
    silent = [_with_night(chunk, part, parts) for part in empty]
    if not chunk.series.bar_size.is_daily:
        silent += cut_short(chunk, instants)
    return intersect(normalise(silent), [chunk.window])


def _part(chunk: Chunk, session: Session) -> Window | None:
    """Where a bar has to be for a session: in its hours, on its date, or in its week or month."""
    if not chunk.series.bar_size.is_daily:
        return session.hours.intersection(chunk.window)
    size = chunk.series.bar_size
    start = size.floor(datetime(session.day.year, session.day.month, session.day.day, tzinfo=UTC))
    return Window(start, size.next(start)).intersection(chunk.window)


def _with_night(chunk: Chunk, part: Window, parts: list[Window]) -> Window:
    """An empty session's window up to the next session, so that confirmed-empty days merge into one stretch."""
    later = [other.start for other in parts if other.start >= part.end]
    return Window(part.start, min(later) if later else chunk.window.end)


def _has_bar(instants: Instants, part: Window) -> bool:
    return bool(first_at(instants, part.start) < first_at(instants, part.end))
