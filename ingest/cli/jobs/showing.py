"""`ingest jobs show`: everything about one job."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingest.cli.jobs.table import eta_text, requests_text
from ingest.cli.jobs.words import count
from ingest.cli.options import Json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.app.job_views import JobDetail

_LINES = 12


def show(
    job: Annotated[int, typer.Argument(min=1, max=2**63 - 1, help="A job's number.")], as_json: Json = False
) -> None:
    """Show what a job wants, how far it is, what happened to it, and why what is not settled is not.

    Examples:

      ingest jobs show 17

      ingest jobs show 17 --json
    """
    from rich.text import Text

    from ingest.app.connecting import clock_of
    from ingest.app.job_views import job_detail
    from ingest.cli.screen import emit_json
    from ingest.cli.screen import show as show_on_screen
    from ingest.config import load_settings
    from ingest.database import Database

    settings = load_settings()
    with Database.open(settings) as database:
        detail = job_detail(database.engine, settings, clock_of(settings), job)
    if as_json:
        emit_json(detail_json(detail))
    else:
        show_on_screen(Text("\n".join(_lines(detail))))


def _lines(detail: "JobDetail") -> "Iterator[str]":
    job = detail.view.job
    state = "running, told to stop" if job.cancelling and not job.state.has_ended else job.state.value
    yield f"Job {job.id}: {job.kind.value}, {state}"
    for name, value in _facts(detail):
        if value:
            yield f"  {name:<9} {value}"
    yield "History"
    skipped = max(0, len(detail.events) - _LINES)
    if skipped:
        yield f"  … {count(skipped, 'earlier event')}"
    for event in detail.events[skipped:]:
        yield f"  {_moment(event.at)}  {event.word}"
    yield from _lacking(detail)


def _facts(detail: "JobDetail") -> "Iterator[tuple[str, str]]":
    view, job, progress = detail.view, detail.view.job, detail.view.job.progress
    yield "series", f"{view.subject} ({view.row.origin})" if view.row is not None else ""
    yield "windows", ", ".join(map(str, job.windows[:_LINES])) + (" …" if len(job.windows) > _LINES else "")
    yield "wish", job.wish or ("none: queued by hand" if job.kind.value == "fill" else "")
    if detail.firing is not None:
        firing = detail.firing
        yield "firing", f"{firing.id}, {firing.cause.replace('_', ' ')}, due {_moment(firing.due_at)}"
    yield "priority", f"{job.priority}, lane {job.lane.value}"
    yield "again", "what IB refused for good is asked for again" if job.retry_failed else ""
    yield "requests", requests_text(view) if job.estimate or progress.slices else ""
    if progress.slices:
        done = f"{count(progress.slices, 'slice')}, {count(progress.rounds, 'full round')}, {progress.bars:,} bars"
        yield "done", done + (f", last on {progress.gateway}" if progress.gateway else "")
    if detail.holder is not None:
        yield "held by", f"worker {detail.holder.worker_id}, {detail.holder.silent_seconds:.0f} s since its last sign"
    yield "begins", f"not before {_moment(view.not_before)}" if view.not_before is not None else ""
    yield "ETA", _expected(detail)
    yield "behind", ", ".join(f"job {each}, which works on the series now" for each in view.behind)
    yield (
        "beside",
        ", ".join(f"job {other.id} ({other.state})" for other in detail.others if other.id not in view.behind),
    )
    yield "note", progress.note


def _expected(detail: "JobDetail") -> str:
    if detail.view.expected is None:
        return ""
    as_if = ", if a worker began now" if detail.foresight.is_as_if else ""
    return f"done in {eta_text(detail.view, detail.now)} ({_moment(detail.view.expected.ends)}){as_if}"


def _lacking(detail: "JobDetail") -> "Iterator[str]":
    """What of its windows the ledger does not hold."""
    lines = [
        f"  {entry.window} {entry.state.value.replace('_', ' ')}{': ' + entry.reason if entry.reason else ''}"
        + (" (for good)" if entry.permanent else "")
        for entry in detail.unsettled
    ]
    lines += [f"  {window} never asked for" for window in detail.unknown]
    if lines:
        yield "Not settled"
        yield from lines[:_LINES]
    if len(lines) > _LINES:
        yield f"  … and {len(lines) - _LINES} more (--json shows all)"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def detail_json(detail: "JobDetail") -> dict[str, Any]:
    from ingest.app.job_views import as_json

    firing, holder = detail.firing, detail.holder
    return as_json(detail.view) | {
        "events": [{"at": event.at, "event": event.word} for event in detail.events],
        "held_by": None
        if holder is None
        else {"worker": holder.worker_id, "seconds_since_sign": holder.silent_seconds, "gateways": _gateways(detail)},
        "fired": None
        if firing is None
        else {"cause": firing.cause, "due_at": firing.due_at, "ended_at": firing.ended_at, "unmet": list(firing.unmet)},
        "unsettled": [
            {
                "start": entry.window.start,
                "end": entry.window.end,
                "state": entry.state.value,
                "reason": entry.reason,
                "permanent": entry.permanent,
            }
            for entry in detail.unsettled
        ],
        "never_asked": [{"start": window.start, "end": window.end} for window in detail.unknown],
        "beside": [other.id for other in detail.others],
    }


def _gateways(detail: "JobDetail") -> list[str]:
    return [post.gateway for post in detail.foresight.posts]
