"""Heads and tails of sessions that an answer leaves out: what an answer looks like that was cut short.

A session is measured against the hours of its calendar, or, where the other sessions of the answer begin later or end
earlier than that, against them: those hours are usual. What lacks is doubted when it is longer than twice a typical
silence between bars: of the answer, and of the bars next to that edge (thin hours follow on busy ones). A single hole,
however long, is not typical. Where every bar is there, one that lacks at an edge is worth a second look. Lunch breaks
and the auctions around the regular hours (`Session.quiet`) are no silence.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from ingest.domain.request import Chunk, Session
from ingest.domain.window import Window, between, subtract, total

Instants = npt.NDArray[np.int64]

#: A silence is typical that at most this share of the silences between bars is longer than.
_TYPICAL = 0.99
#: Of so many silences next to an edge, the second longest is typical there: the longest may be a hole.
_NEAR = 10
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Traded:
    """One session's part of a chunk, from its first bar to the end of its last, and the silences between its bars."""

    session: Session
    part: Window
    begins: datetime
    ends: datetime
    gaps: Instants


def cut_short(chunk: Chunk, instants: Instants) -> list[Window]:
    """The heads and tails that are worth a second look, of all sessions that have bars at all."""
    found = [one for session in chunk.sessions or () if (one := _traded(chunk, session, instants))]
    if not found:
        return []
    all_gaps = _typical(np.concatenate([one.gaps for one in found]))
    doubted = []
    for one in found:
        others = [other for other in found if other is not one]
        head = between(_usual_start(one, others), one.begins)
        if _lacking(head, one.session) > 2 * max(all_gaps, _second_longest(one.gaps[:_NEAR])):
            doubted.append(Window(one.part.start, one.begins))
        tail = between(one.ends, _usual_end(one, others))
        if _lacking(tail, one.session) > 2 * max(all_gaps, _second_longest(one.gaps[-_NEAR:])):
            doubted.append(Window(one.ends, one.part.end))
    return doubted


def micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment(instant: np.int64) -> datetime:
    return _EPOCH + timedelta(microseconds=int(instant))


def first_at(instants: Instants, when: datetime) -> int:
    """Index of the first bar at or after a moment."""
    return int(np.searchsorted(instants, micros(when)))


def _traded(chunk: Chunk, session: Session, instants: Instants) -> _Traded | None:
    part = session.hours.intersection(chunk.window)
    if part is None:
        return None
    inside = instants[first_at(instants, part.start) : first_at(instants, part.end)]
    if not len(inside):
        return None
    length = chunk.series.bar_size.length
    gaps = _gaps(inside, length // timedelta(microseconds=1), session)
    return _Traded(session, part, moment(inside[0]), moment(inside[-1]) + length, gaps)


def _gaps(inside: Instants, length: int, session: Session) -> Instants:
    """How long nothing is between one bar and the next, without the time in which silence says nothing."""
    starts, ends = inside[:-1] + length, inside[1:]
    gaps: Instants = np.maximum(ends - starts, 0)
    for quiet in session.quiet:
        gaps -= np.maximum(np.minimum(ends, micros(quiet.end)) - np.maximum(starts, micros(quiet.start)), 0)
    return gaps


def _lacking(stretch: Window | None, session: Session) -> timedelta:
    return total(subtract([stretch], session.quiet)) if stretch is not None else timedelta()


def _usual_start(one: _Traded, others: Sequence[_Traded]) -> datetime:
    """Where its bars should begin: as long after the open as in the others, the earlier half of them in doubt."""
    late = sorted(o.begins - o.session.hours.start for o in others if o.part.start == o.session.hours.start)
    return max(one.part.start, one.session.hours.start + late[(len(late) - 1) // 2]) if late else one.part.start


def _usual_end(one: _Traded, others: Sequence[_Traded]) -> datetime:
    early = sorted(o.session.hours.end - o.ends for o in others if o.part.end == o.session.hours.end)
    return min(one.part.end, one.session.hours.end - early[(len(early) - 1) // 2]) if early else one.part.end


def _typical(gaps: Instants) -> timedelta:
    return _micros_long(np.sort(gaps)[int(_TYPICAL * (len(gaps) - 1))]) if len(gaps) else timedelta()


def _second_longest(gaps: Instants) -> timedelta:
    return _micros_long(np.sort(gaps)[-2]) if len(gaps) > 1 else timedelta()


def _micros_long(span: np.int64) -> timedelta:
    return timedelta(microseconds=int(span))
