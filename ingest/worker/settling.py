"""What came of one planned request → the `Settlement` that is committed. Pure.

A clean answer is sifted and judged; an error leaves its reason in the ledger, and never more than it proves.
"""

from dataclasses import dataclass
from datetime import datetime

from ingest.domain.answer import HistoricalAnswer, RequestRecord
from ingest.domain.bars import BarBatch
from ingest.domain.ledger import Entry, State
from ingest.domain.outcome import EmptyConfirmed, EmptyOnce, Failed, Loaded, Outcome, TimedOut
from ingest.domain.request import Chunk
from ingest.domain.window import Window
from ingest.errors import IngestError, RequestRefused, RequestTimedOut
from ingest.load import Settlement
from ingest.plan.planner import PlannedRequest
from ingest.store.series import SeriesRow
from ingest.validate.sift import sift
from ingest.validate.units import IN_LOTS, in_lots
from ingest.validate.verdict import failed, timed_out, verdict

DISPROVED = "IB had no data for time in which bars are held, so its answer is not believed"


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
        return Settled(planned, Failed(IN_LOTS, False), Settlement(row, answer.record, BarBatch.empty(), (), refused))
    sifted = sift(row.series, answer.bars, chunk.window)
    entries = verdict(
        chunk,
        sifted.clean,
        second_look=planned.second_look,
        set_aside=sifted.quarantined,
        witnessed=_is_witnessed(planned, answer),
    )
    if not len(answer.bars) and planned.witnesses:
        entries = (Entry(chunk.window, State.PENDING, DISPROVED),)
    beside = BarBatch.empty() if planned.beside is None else sift(row.series, answer.bars, planned.beside).clean
    settlement = Settlement(
        row, answer.record, sifted.clean, sifted.quarantined, entries, chunk.to_now, planned.second_look, beside
    )
    return Settled(planned, _outcome(sifted.clean, len(sifted.quarantined), entries), settlement)


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
