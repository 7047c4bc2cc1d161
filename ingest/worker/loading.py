"""The loader: commits settlements as they come, as many as are waiting in one commit, and tells progress."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog
from sqlalchemy import Engine

from ingest.domain.outcome import EmptyConfirmed, EmptyOnce, Failed, Loaded, Outcome, TimedOut
from ingest.load import load
from ingest.progress import Progress
from ingest.store.bars import LoadCounts
from ingest.worker.patience import Patience
from ingest.worker.settling import Settled

log = structlog.get_logger()

#: Settlements in one commit: enough to spread the cost of a commit, few enough that a kill loses little.
MOST_IN_ONE_COMMIT = 16


@dataclass(slots=True)
class Loader:
    """Feed it with `put`, run `drain` as a task, end that with `finish`."""

    engine: Engine
    progress: Progress
    patience: Patience
    waiting: "asyncio.Queue[Settled | None]" = field(default_factory=lambda: asyncio.Queue(maxsize=64))

    async def put(self, settled: Settled) -> None:
        """Hand over; waits while the database is behind, which in turn slows the asking."""
        await self.waiting.put(settled)

    async def finish(self, draining: "asyncio.Task[None]") -> None:
        """Wait until all is committed. Raises what `drain` raises; when it has failed, nobody makes room any more."""
        last = asyncio.create_task(self.waiting.put(None))
        await asyncio.wait([last, draining], return_when=asyncio.FIRST_COMPLETED)
        last.cancel()
        await draining

    async def drain(self) -> None:
        """Commit until `finish` is seen, waiting out a database that goes away. Raises what else it raises."""
        last = False
        while not last:
            batch, last = await self._next()
            commits = [settled.settlement for settled in batch if settled.settlement is not None]
            counts: Sequence[LoadCounts] = await self.patience.call(load, self.engine, commits) if commits else ()
            found = iter(counts)
            for settled in batch:
                self._tell(settled, next(found) if settled.settlement is not None else None)

    async def _next(self) -> tuple[list[Settled], bool]:
        first = await self.waiting.get()
        batch: list[Settled] = []
        while first is not None:
            batch.append(first)
            if len(batch) >= MOST_IN_ONE_COMMIT or self.waiting.empty():
                return batch, False
            first = self.waiting.get_nowait()
        return batch, True

    def _tell(self, settled: Settled, counts: LoadCounts | None) -> None:
        chunk = settled.planned.chunk
        row_id = settled.settlement.row.id if settled.settlement is not None else None
        about = self.progress.series.get(row_id) if row_id is not None else None
        if about is not None:
            about.settled += 1
            if counts is not None:
                about.bars += counts.inserted
                about.revised += counts.revised
            if isinstance(settled.outcome, Loaded):
                about.quarantined += settled.outcome.quarantined
        if counts is not None and counts.factor is not None:
            log.warning("price_basis_changed", series=str(chunk.series), factor=f"{counts.factor:.4g}")
        if counts is not None and counts.outdated:
            log.info("answer_outdated", series=str(chunk.series), window=str(chunk.window))
        facts = _facts(settled.outcome)
        log.debug(_event(settled.outcome), series=str(chunk.series), window=str(chunk.window), **facts)


def _event(outcome: Outcome) -> str:
    match outcome:
        case Loaded():
            return "loaded"
        case EmptyOnce():
            return "empty_once"
        case EmptyConfirmed():
            return "empty_confirmed"
        case TimedOut():
            return "timed_out"
        case Failed():
            return "failed"


def _facts(outcome: Outcome) -> dict[str, object]:
    match outcome:
        case Loaded(bars=bars):
            return {"bars": bars}
        case TimedOut(reason=reason) | Failed(reason=reason):
            return {"reason": reason}
        case _:
            return {}
