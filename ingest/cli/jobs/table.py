"""How jobs look in a list: the table, its cells, and the same for machines."""

import math
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ingest.cli.jobs.words import named
from ingest.domain.job import JobState

if TYPE_CHECKING:
    from ingest.app.job_views import JobView, QueueView
    from ingest.domain.window import Windows
    from ingest.plan.waiting import Pace

_NOTE_LETTERS = 60
_IN_ORDER = (
    JobState.RUNNING,
    JobState.WAITING,
    JobState.PAUSED,
    JobState.FAILED,
    JobState.CANCELLED,
    JobState.DONE,
)


def queue_table(view: "QueueView", limit: int) -> Any:
    """One row per job, and below it how many there are and what holds them up."""
    from rich.console import Group
    from rich.text import Text

    from ingest.cli.screen import table

    made = table(
        "id",
        "kind",
        "state",
        "prio",
        "wish",
        "series",
        "window",
        "requests",
        "ETA",
        "note",
        right=("id", "prio", "ETA"),
    )
    for each in view.jobs[:limit]:
        job = each.job
        made.add_row(
            str(job.id),
            job.kind.value,
            "stopping" if job.cancelling and not job.state.has_ended else job.state.value,
            str(job.priority),
            job.wish or "–",
            each.subject or "–",
            window_text(job.windows),
            requests_text(each),
            eta_text(each, view.now),
            Text(note_text(each, view.now)),
        )
    below = [counts_text(view), *_what_holds_up(view)]
    if len(view.jobs) > limit:
        below.append(f"These are the first {limit}; --limit shows more.")
    return Group(made, *below) if view.jobs else Group(*below)


def queue_json(view: "QueueView", limit: int) -> dict[str, Any]:
    from ingest.app.job_views import as_json

    ahead = view.foresight
    return {
        "jobs": [as_json(each) for each in view.jobs[:limit]],
        "more": len(view.jobs) > limit,
        "counts": {state.value: number for state, number in view.counts.items()},
        "paused": [{"scope": scope, "name": name} for scope, name in sorted(ahead.pauses)],
        "working": [post.gateway for post in ahead.posts],
        "paces": {lane.value: _pace_json(pace, measured=lane in ahead.measured) for lane, pace in ahead.paces.items()},
    }


def _pace_json(pace: "Pace", *, measured: bool) -> dict[str, Any]:
    """`at_once` so many go as fast as this; null: all do."""
    is_even = math.isinf(pace.at_once)
    return {
        "requests_per_second": pace.per_second,
        "measured": measured,
        "at_once": None if is_even else pace.at_once,
        "afterwards_per_second": None if is_even else min(pace.per_second, pace.after),
    }


def counts_text(view: "QueueView") -> str:
    told = [f"{view.counts[state]:,} {state}" for state in _IN_ORDER if view.counts.get(state)]
    return f"In the queue: {', '.join(told)}." if told else "The queue is empty. `ingest jobs queue FILE` fills it."


def _what_holds_up(view: "QueueView") -> list[str]:
    lines = []
    if view.foresight.pauses:
        lines.append(f"Paused: {', '.join(named(*each) for each in sorted(view.foresight.pauses))}.")
    if view.foresight.is_as_if and view.foresight.expected:
        lines.append("No worker is at work; times are as if one began now (`ingest worker`, or `ingest run`).")
    return lines


def window_text(windows: "Windows") -> str:
    """From the first to the last day, and how many windows lie between, where it is not one."""
    if not windows:
        return "–"
    more = f" ({len(windows)})" if len(windows) > 1 else ""
    return f"{windows[0].start:%Y-%m-%d} … {windows[-1].end:%Y-%m-%d}{more}"


def requests_text(view: "JobView") -> str:
    """Made and in all; about how many where it has not begun."""
    if view.settled is None:
        return f"about {view.job.estimate}" if view.job.estimate else "–"
    return "/".join(map(str, view.settled))


def eta_text(view: "JobView", now: datetime) -> str:
    from ingest.cli.screen import span

    return "–" if view.expected is None else span(max(view.expected.ends - now, timedelta(0)))


def note_text(view: "JobView", now: datetime) -> str:
    """What is in its way, and what was said of it last."""
    notes = []
    if view.behind:
        notes.append(f"behind job {', '.join(map(str, view.behind))}")
    if view.not_before is not None:
        same_day = view.not_before.date() == now.date()
        notes.append(f"from {view.not_before:%H:%M}" if same_day else f"from {view.not_before:%Y-%m-%d %H:%M}")
    notes += [view.job.progress.note] if view.job.progress.note else []
    text = "; ".join(notes)
    return text if len(text) <= _NOTE_LETTERS else f"{text[: _NOTE_LETTERS - 1]}…"
