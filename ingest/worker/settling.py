"""What came of one planned request → the `Settlement` that is committed. Pure.

A clean answer is sifted and judged; an error leaves its reason in the ledger, and never more than it proves.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from ingest.domain.answer import HistoricalAnswer, RequestRecord
from ingest.domain.bars import BarBatch
from ingest.domain.ledger import Entry, State
from ingest.domain.outcome import EmptyConfirmed, EmptyOnce, Failed, Loaded, Outcome, TimedOut
from ingest.domain.request import Chunk
from ingest.domain.window import Window, between, subtract
from ingest.errors import IngestError, RequestRefused, RequestTimedOut
from ingest.load import Settlement
from ingest.plan.edge import DELAY
from ingest.plan.planner import PlannedRequest
from ingest.store.series import SeriesRow
from ingest.validate.sift import sift
from ingest.validate.units import IN_LOTS, in_lots
from ingest.validate.verdict import failed, timed_out, verdict

DISPROVED = "IB had no data for time in which bars are held, so its answer is not believed"
NOT_YET = "the newest edge: IB may not have it yet"


@dataclass(frozen=True, slots=True)
class Settled:
    """A settlement and what it means for the run. `settlement` None: nothing was sent, nothing is recorded."""

    planned: PlannedRequest
    outcome: Outcome
    settlement: Settlement | None


def settle_answer(row: SeriesRow, planned: PlannedRequest, answer: HistoricalAnswer) -> Settled:
    """A clean answer: its possible bars, the impossible ones apart, and what the ledger may claim of the window."""
    chunk = planned.chunk
    if in_lots(row.series, answer.bars):
        refused = failed(chunk, IN_LOTS, permanent=False)
        settlement = Settlement(row, answer.record, BarBatch.empty(), (), refused, chunk.to_now)
        return Settled(planned, Failed(IN_LOTS, False), settlement)
    sifted = sift(row.series, answer.bars, chunk.window)
    clean, edge = sifted.clean, _open_edge(planned, answer)
    entries = verdict(
        chunk,
        clean,
        second_look=planned.second_look,
        set_aside=sifted.quarantined,
        witnessed=_is_witnessed(planned, answer),
    )
    if not len(answer.bars) and planned.witnesses:
        entries = (Entry(chunk.window, State.PENDING, DISPROVED),)
    if edge is not None:
        entries = _instead(entries, Entry(edge, State.PENDING, NOT_YET))
        clean = _before(clean, edge.start)
    beside = BarBatch.empty() if planned.beside is None else sift(row.series, answer.bars, planned.beside).clean
    settlement = Settlement(
        row, answer.record, clean, sifted.quarantined, entries, chunk.to_now, planned.second_look, beside
    )
    return Settled(planned, _outcome(clean, len(sifted.quarantined), entries), settlement)


def settle_error(row: SeriesRow, planned: PlannedRequest, error: IngestError) -> Settled:
    """No clean answer: a time-out stays a time-out, everything else a failure with IB's words."""
    chunk = planned.chunk
    record = getattr(error, "record", None)
    outcome: Outcome
    if isinstance(error, RequestTimedOut):
        entries, outcome = timed_out(chunk, error.message), TimedOut(error.message)
    else:
        permanent = isinstance(error, RequestRefused) and error.permanent
        entries, outcome = failed(chunk, str(error), permanent=permanent), Failed(str(error), permanent)
    if not isinstance(record, RequestRecord):
        return Settled(planned, outcome, None)
    return Settled(planned, outcome, Settlement(row, record, BarBatch.empty(), (), entries, chunk.to_now))


def gives_up_series(error: IngestError) -> bool:
    """Whether an error speaks of the whole series, so that asking for its other windows is pointless in this run."""
    return getattr(error, "reaction", "") in ("series_permanent", "operator")


def asks_for_less(error: IngestError) -> bool:
    """Whether IB refused a request for its length, so that smaller ones for the same time may be answered."""
    return getattr(error, "reaction", "") == "shrink"


def _is_witnessed(planned: PlannedRequest, answer: HistoricalAnswer) -> bool:
    """Whether an answer with bars has those around the chunk that its request reached for.

    One from behind it, where it reached into a later session; and one from before it in the same session, where the
    chunk is what an earlier answer left out at a session's end. An answer cut short again lacks them.
    """
    end, window = planned.request.end, planned.chunk.window
    if not len(answer.bars):
        return True
    if _begins_in_a_session(planned.chunk) and not len(answer.bars.within(_session_so_far(planned.chunk))):
        return False
    if end is None or end <= window.end:
        return True
    last: datetime = answer.bars.table["ts"][-1].as_py()
    return last >= window.end


def _open_edge(planned: PlannedRequest, answer: HistoricalAnswer) -> Window | None:
    """Where an answer falls silent before its end, what of that was younger than `DELAY` when it was sent.

    IB cuts the bar at the edge of what it has, so the last bar belongs to it if it is as young. It is not stored: it
    may be half of what it will be.
    """
    chunk, size = planned.chunk, planned.chunk.series.bar_size
    if size.is_daily or not len(answer.bars):
        return None
    closes = [session.hours.end for session in (chunk.sessions or ())[-1:]]
    silent_until = min([chunk.window.end, planned.request.end or chunk.window.end, *closes])
    last: datetime = answer.bars.table["ts"][-1].as_py()
    ripe_until, after = size.floor(answer.record.sent_at - DELAY), last + size.length
    if after >= silent_until or silent_until <= ripe_until:
        return None
    return between(max(chunk.window.start, last if after > ripe_until else ripe_until), chunk.window.end)


def _before(bars: BarBatch, moment: datetime) -> BarBatch:
    held = between(datetime(1, 1, 1, tzinfo=UTC), moment)
    return bars.within(held) if held is not None else BarBatch.empty()


def _instead(entries: tuple[Entry, ...], news: Entry) -> tuple[Entry, ...]:
    """The entries, but for what the news says of its time."""
    kept = [
        Entry(window, entry.state, entry.reason, entry.permanent)
        for entry in entries
        for window in subtract([entry.window], [news.window])
    ]
    return tuple(sorted([*kept, news], key=lambda entry: entry.window))


def _begins_in_a_session(chunk: Chunk) -> bool:
    """Whether bars of the chunk's first session lie before it, within reach of a second look (which counts in days)."""
    size = chunk.series.bar_size
    if size.is_small or size.is_daily or not chunk.sessions:
        return False
    return chunk.sessions[0].hours.start < chunk.window.start


def _session_so_far(chunk: Chunk) -> Window:
    assert chunk.sessions
    return Window(chunk.sessions[0].hours.start, chunk.window.start)


def _outcome(clean: BarBatch, quarantined: int, entries: tuple[Entry, ...]) -> Outcome:
    pending = sum(entry.state is State.PENDING for entry in entries)
    if len(clean) or quarantined:
        return Loaded(len(clean), quarantined=quarantined, pending_windows=pending)
    return EmptyOnce() if pending else EmptyConfirmed()
