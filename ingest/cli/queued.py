"""`--queue` of `ingest backfill` and `update`: what became of each series, as a table or for machines."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from sqlalchemy import Engine

from ingest.app.queueing import QueuedSeries
from ingest.cli.jobs.words import count
from ingest.cli.looping import run_async
from ingest.cli.screen import configure_logs, emit_json, say, show, table
from ingest.cli.waiting import waiting
from ingest.config import Settings
from ingest.database import Database


def run_queueing(
    settings: Settings,
    queueing: Callable[[Engine], Awaitable[Sequence[QueuedSeries]]],
    *,
    as_json: bool,
    verbose: bool,
) -> int:
    """Open the database, queue, say what became of it. Gives the exit code."""
    configure_logs(verbose=verbose)
    with waiting("Seeing what there is to queue"), Database.open(settings) as database:
        found = run_async(_awaited(queueing(database.engine)))
    if as_json:
        emit_json({"series": [_document(each) for each in found]})
        return 0
    if not found:
        say("Nothing to queue: no series is held that is not up to date.")
        return 0
    made = table("series", "job", "requests", "", right=("job", "requests"))
    for each in found:
        made.add_row(
            str(each.row),
            str(each.queued.job_id) if each.queued else "–",
            f"about {each.estimate}" if each.queued else "–",
            _fate(each),
        )
    show(made)
    _tell(found)
    return 0


async def _awaited(work: Awaitable[Sequence[QueuedSeries]]) -> Sequence[QueuedSeries]:
    return await work


def _fate(each: QueuedSeries) -> str:
    """Two jobs for one series: the one that waits is widened, one that runs is followed."""
    if each.queued is None:
        return "complete already"
    said = f"added to job {each.queued.job_id}, which waited already" if each.queued.merged else "new"
    if each.queued.running:
        numbers = ", ".join(map(str, each.queued.running))
        said += f"; begins when job {numbers}, which works on this series now, gives way"
    return said


def _tell(found: Sequence[QueuedSeries]) -> None:
    new = sum(each.queued is not None and not each.queued.merged for each in found)
    merged = sum(each.queued is not None and each.queued.merged for each in found)
    if not new and not merged:
        say("Nothing to queue: all of it is complete.")
        return
    parts = [count(new, "new job")] if new else []
    parts += [f"{count(merged, 'job')} that waited now {'wants' if merged == 1 else 'want'} more"] if merged else []
    say(f"{', '.join(parts)}. Next: `ingest worker` does it, `ingest jobs list` shows how far it is.")


def _document(each: QueuedSeries) -> dict[str, Any]:
    series, queued = each.row.series, each.queued
    return {
        "series": str(each.row),
        "con_id": series.instrument.con_id,
        "bar_size": series.bar_size.value,
        "what_to_show": series.what.value,
        "use_rth": series.use_rth,
        "complete": queued is None,
        "job": None if queued is None else queued.job_id,
        "merged": queued is not None and queued.merged,
        "behind": [] if queued is None else list(queued.running),
        "requests": each.estimate,
    }
