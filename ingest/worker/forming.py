"""The bar that was still forming when it was asked for is not settled: neither stored nor covered, but asked again.

The plan asks for nothing that is forming (`reach`), as far as it knows where bars begin and end. IB alone knows for
sure, and it cuts the bar that contains a request's end off there. So every answer is looked at once more. Pure.
"""

from dataclasses import replace
from datetime import datetime

from ingest.domain.answer import HistoricalAnswer
from ingest.domain.bars import BarBatch
from ingest.domain.grid import bar_end
from ingest.domain.outcome import EmptyOnce
from ingest.domain.window import between
from ingest.load import Settlement
from ingest.plan.planner import PlannedRequest
from ingest.store.series import SeriesRow
from ingest.worker.settling import Settled, settle_answer


def settle_final(row: SeriesRow, planned: PlannedRequest, answer: HistoricalAnswer) -> Settled:
    """`settle_answer` for the part of the chunk that is over; of the rest the ledger goes on knowing what it knew."""
    chunk = planned.chunk
    begun = still_forming(planned, answer)
    if begun is None:
        return settle_answer(row, planned, answer)
    final = between(chunk.window.start, begun)
    if final is None:
        return Settled(planned, EmptyOnce(), Settlement(row, answer.record, BarBatch.empty(), (), ()))
    return settle_answer(row, replace(planned, chunk=replace(chunk, window=final)), answer)


def still_forming(planned: PlannedRequest, answer: HistoricalAnswer) -> datetime | None:
    """The start of the chunk's last bar, if it was not over at the request's end, or when that was sent."""
    chunk, sent_at = planned.chunk, answer.record.sent_at
    inside = answer.bars.within(chunk.window)
    if chunk.series.bar_size.is_daily or not len(inside):
        return None
    last: datetime = inside.table["ts"][-1].as_py()
    until = min(planned.request.end or sent_at, sent_at)
    return last if bar_end(chunk.series, last, chunk.sessions or ()) > until else None
