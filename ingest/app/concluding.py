"""What came of a firing once all its fills have ended: how its series stand, the snapshot it wishes, and what to tell.

Judged as of the moment the firing was due: what closed afterwards belongs to the next one. The conclusion is kept
before the export begins and again after it, so that no crash loses it; a process that dies while it exports is followed
by one more attempt, and then by a conclusion that says so.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, Engine

from ingest.app.freshness import due_of
from ingest.app.job_views import OPEN_STATES
from ingest.app.wishing import job_selection
from ingest.clock import Clock, SystemClock
from ingest.config import ClockSettings, Settings
from ingest.domain.conclusion import Conclusion, FailedJob, Published, UnmetSymbol, Unsettled
from ingest.domain.job import Job as QueuedJob
from ingest.domain.job import JobState, Kind
from ingest.domain.ledger import Ledger
from ingest.domain.series import Origin
from ingest.domain.window import Windows, subtract
from ingest.errors import DatabaseError, DatabaseUnreachable, IngestError
from ingest.export import export
from ingest.progress import SeriesProgress, SeriesReport, report_of
from ingest.store import firings, job_listing, ledger, revised, wishes
from ingest.store.firings import Firing
from ingest.store.series import SeriesRow
from ingest.wishes import Job, job_of
from ingest.worker.lines import Order

#: More than a message lists, to be looked up later; a universe that failed as a whole would fill pages.
_MOST_UNSETTLED = 200
_MOST_JOBS = 1_000_000
_EXPORTS = 2

_adapter = TypeAdapter(Conclusion)


def conclude(engine: Engine, settings: Settings, clock: Clock, firing_id: int) -> Conclusion:
    """Conclude a firing, or go on with it where an earlier attempt died. Safe to repeat.

    Raises DatabaseError, also for a firing that is not there. What goes wrong with the export is in the conclusion.
    """
    with engine.connect() as connection:
        firing = firings.by_id(connection, firing_id)
        if firing is None:
            raise DatabaseError(f"There is no firing {firing_id}.", hint="`ingest status` lists the last ones.")
        job = job_of(firing.document)
        rows = wishes.series_of(connection, firing.wish)
        known = None if firing.outcome is None else conclusion_of(firing.outcome)
        done = known or _judged(connection, firing, job, rows, _Dial(settings.clock, clock))
    if known is not None and not _is_unfinished(job, known):
        return known
    if job.export is not None and rows:
        done = _exported(engine, job, rows, clock, done)
    return _kept(engine, done)


def conclusion_of(outcome: Mapping[str, Any]) -> Conclusion:
    """What is kept with a firing, as a value."""
    return _adapter.validate_python(outcome)


def _is_unfinished(job: Job, known: Conclusion) -> bool:
    """Whether an export was begun and nobody knows how it ended."""
    return job.export is not None and known.exports_begun > 0 and not (known.snapshot or known.export_problem)


def _kept(engine: Engine, done: Conclusion) -> Conclusion:
    with engine.begin() as connection:
        firings.conclude(connection, done.firing, _adapter.dump_python(done, mode="json"))
    return done


def _exported(engine: Engine, job: Job, rows: Sequence[SeriesRow], clock: Clock, done: Conclusion) -> Conclusion:
    assert job.export is not None
    if done.exports_begun >= _EXPORTS:
        return replace(done, export_problem=f"The export died {_EXPORTS} times; see the log, or run `ingest export`.")
    done = _kept(engine, replace(done, exports_begun=done.exports_begun + 1))
    selection = job_selection(job, [Order(row.series, ()) for row in rows], _origin(rows), clock)
    try:
        made = export(engine, selection, job.export.to, clock=clock, keep_last=job.export.keep_last)
    except DatabaseUnreachable:
        raise
    except IngestError as error:
        return replace(done, export_problem=str(error))
    manifest = made.manifest
    return replace(done, snapshot=Published(str(made.path), len(manifest.series), manifest.rows, manifest.bytes))


def _origin(rows: Sequence[SeriesRow]) -> Origin:
    """Real bars, where a wish has been tried with a simulator before."""
    return Origin.LIVE if any(row.origin is Origin.LIVE for row in rows) else Origin.SYNTHETIC


# -- how things stand


@dataclass(frozen=True, slots=True)
class _Dial:
    """The database's moments on the product's clock, which may run faster than the wall."""

    settings: ClockSettings
    clock: Clock

    def read(self, moment: datetime) -> datetime:
        if self.settings == ClockSettings():
            return moment
        return self.clock.now() - (SystemClock().now() - moment) * self.settings.scale


def _judged(connection: Connection, firing: Firing, job: Job, rows: Sequence[SeriesRow], dial: _Dial) -> Conclusion:
    queued = job_listing.listing(connection, firing=firing.id, limit=_MOST_JOBS)
    ledgers = ledger.read_many(connection, [row.id for row in rows])
    due = {row.id: due_of(row.series, job, firing.due_at) for row in rows}
    reports = {row.id: _report(row, due[row.id], ledgers[row.id]) for row in rows}
    lacking = [line for row in rows for line in _lacking(row, due[row.id], ledgers[row.id])]
    open_jobs = job_listing.listing(connection, states=OPEN_STATES, wish=firing.wish, limit=_MOST_JOBS)
    worked_on = {each.series_id for each in open_jobs if (each.firing or 0) > firing.id}
    ended = firing.ended_at or firing.fired_at
    return Conclusion(
        firing=firing.id,
        wish=firing.wish,
        cause=firing.cause,
        due_at=firing.due_at,
        started_at=dial.read(firing.fired_at),
        ended_at=dial.read(ended),
        series=len(rows),
        complete=sum(report.is_complete for report in reports.values()),
        bars=sum(each.progress.bars for each in queued),
        revised=revised.count_since(connection, [row.id for row in rows], firing.due_at),
        requests=sum(each.progress.settled for each in queued),
        unsettled=tuple(lacking[:_MOST_UNSETTLED]),
        unsettled_left_out=len(lacking[_MOST_UNSETTLED:]),
        unmet=tuple(UnmetSymbol(each["symbol"], each["reason"]) for each in firing.unmet),
        failed=tuple(_failed(queued, {row.id: str(row) for row in rows})),
        carried_on=sum(row_id in worked_on for row_id, report in reports.items() if not report.is_complete),
        cancelled=sum(each.state is JobState.CANCELLED for each in queued),
    )


def _report(row: SeriesRow, due: Windows, held: Ledger) -> SeriesReport:
    return report_of(SeriesProgress(row.series), row.id, due, due, held)


def _lacking(row: SeriesRow, due: Windows, held: Ledger) -> list[Unsettled]:
    """One line for each state and reason, however many stretches are in it."""
    parts = [(state.value, reason, window) for state, reason, window in _report(row, due, held).problems]
    parts += [("unknown", "", window) for window in subtract(due, held.windows())]
    found: dict[tuple[str, str], Unsettled] = {}
    for state, reason, window in parts:
        line = found.get((state, reason))
        if line is None:
            found[state, reason] = Unsettled(str(row), state, reason, window.start, window.end)
        else:
            first, last = min(line.start, window.start), max(line.end, window.end)
            found[state, reason] = replace(line, start=first, end=last, stretches=line.stretches + 1)
    return sorted(found.values(), key=lambda line: line.start)


def _failed(queued: Iterable[QueuedJob], names: Mapping[int, str]) -> Iterable[FailedJob]:
    for each in sorted(queued, key=lambda job: job.id):
        if each.state is not JobState.FAILED:
            continue
        subject = {Kind.EXPAND: "the expansion", Kind.CONCLUDE: "the conclusion"}.get(each.kind)
        series = names.get(each.series_id or 0, f"series {each.series_id}")
        yield FailedJob(each.id, subject or series, each.progress.note or "it ended without a word; see the log")
