"""Missing windows → chunks that one request each can answer, newest first, tiling what is missing exactly.

Edges between chunks lie where a session opens (or on the bar grid inside one, for second bars), so no bar is ever cut
in two. Time without a session needs no request: it belongs to the older neighbour's chunk, or, where a missing window
has no session at all, to nobody (`asleep`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ingest.domain.request import Chunk, Duration, Session
from ingest.domain.series import Series
from ingest.domain.window import Window, Windows

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Piece:
    """The missing part of one session, on the series' axis (hours, or the session's date for daily bars)."""

    session: Session
    window: Window


def session_window(series: Series, session: Session) -> Window:
    """Where a session lies on the series' axis."""
    if not series.bar_size.is_daily:
        return session.hours
    start = datetime(session.day.year, session.day.month, session.day.day, tzinfo=UTC)
    return Window(start, start + _DAY)


def pieces_of(series: Series, missing: Window, sessions: Sequence[Session]) -> list[Piece]:
    """The sessions' parts inside `missing`, oldest first."""
    found = []
    for session in sessions:
        part = session_window(series, session).intersection(missing)
        if part is not None:
            found.append(Piece(session, part))
    return found


def chunks_of(
    series: Series, missing: Windows, sessions: Sequence[Session], span: Duration, *, known_calendar: bool = True
) -> tuple[tuple[Chunk, ...], Windows]:
    """Chunks for all of `missing`, newest first, and the windows in which no session lies.

    `sessions` must hold every session that overlaps `missing`; `known_calendar` False marks them as mere days.
    """
    chunks: list[Chunk] = []
    asleep: list[Window] = []
    for window in missing:
        pieces = pieces_of(series, window, sessions)
        if not pieces:
            asleep.append(window)
            continue
        groups = list(_groups(series, pieces, span))
        starts = [window.start] + [group[0].window.start for group in groups[1:]]
        ends = [*starts[1:], window.end]
        for group, start, end in zip(groups, starts, ends, strict=True):
            held = tuple(dict.fromkeys(piece.session for piece in group))
            chunks.append(Chunk(series, Window(start, end), held, is_known=known_calendar))
    chunks.sort(key=lambda chunk: chunk.window, reverse=True)
    return tuple(chunks), tuple(asleep)


def _groups(series: Series, pieces: Sequence[Piece], span: Duration) -> Iterator[list[Piece]]:
    """Group pieces, filling from the newest; yields the oldest group first."""
    if span.unit == "S":
        for run in _runs(pieces):
            yield from _by_seconds(series, run, span.count)
        return
    groups: list[list[Piece]] = []
    for piece in reversed(pieces):
        if groups and _fits(groups[-1], piece, span):
            groups[-1].insert(0, piece)
        else:
            groups.append([piece])
    yield from reversed(groups)


def _fits(group: Sequence[Piece], older: Piece, span: Duration) -> bool:
    if span.unit == "D":
        return len(group) < span.count
    newest = group[-1].window.end
    reach = {"W": timedelta(weeks=span.count), "M": timedelta(days=30 * span.count)}
    return older.window.start >= newest - reach.get(span.unit, timedelta(days=365 * span.count))


def _runs(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    """Pieces that follow each other without a pause (round-the-clock markets) can share requests."""
    run: list[Piece] = []
    for piece in pieces:
        if run and run[-1].window.end != piece.window.start:
            yield run
            run = []
        run.append(piece)
    if run:
        yield run


def _by_seconds(series: Series, run: Sequence[Piece], seconds: int) -> Iterator[list[Piece]]:
    """Slices of at most `seconds`, cut back from the run's end (which lies on the bar grid), oldest first."""
    step = series.bar_size.length * (seconds // series.bar_size.seconds)
    start, end = run[0].window.start, run[-1].window.end
    slices = []
    while end > start:
        part = Window(max(start, end - step), end)
        slices.append([Piece(p.session, both) for p in run if (both := p.window.intersection(part))])
        end = part.start
    yield from reversed(slices)
