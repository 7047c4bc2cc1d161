"""`ingest status`: who works, what is kept how fresh, what waits, and what is held."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingest.cli.options import Json, SomeBarSizes, SomeSymbols, What
from ingest.domain.series import Origin

if TYPE_CHECKING:
    from ingest.app.overview import Overview, WishLine
    from ingest.domain.freshness import Freshness
    from ingest.wishes import Problem

#: With more series than these they are only listed when asked for.
_SERIES_SHOWN = 40
_JOBS_SHOWN = 8


def status(
    symbols: SomeSymbols = None,
    bar_size: SomeBarSizes = None,
    what: What = "",
    everything: Annotated[bool, typer.Option("--all", help="List all series, however many.")] = False,
    as_json: Json = False,
) -> None:
    """Show how everything stands: workers, wishes and how fresh they are, the queue, and the series that are held.

    With symbols, a bar size or a data type, only the series that fit: bars, from when to when, how far behind, and what
    is not settled. `behind` is in hours of trading, up to the last closed bar or session.

    Examples:

      ingest status

      ingest status AAPL --json
    """
    from ingest.app.connecting import clock_of
    from ingest.app.overview import overview
    from ingest.app.standing import status_rows
    from ingest.cli.held import held_series, none_held
    from ingest.cli.screen import emit_json, say, show
    from ingest.config import load_settings
    from ingest.database import Database

    settings = load_settings()
    clock = clock_of(settings)
    is_choice = bool(symbols or bar_size or what)
    with Database.open(settings) as database:
        rows = held_series(database.engine, symbols, bar_size, what)
        are_listed = as_json or is_choice or everything or len(rows) <= _SERIES_SHOWN
        found = status_rows(database.engine, rows, clock.now()) if are_listed else []
        whole = None if is_choice else overview(database.engine, settings, clock, jobs_shown=_JOBS_SHOWN)
        where = database.where
    if as_json:
        about = {} if whole is None else overview_json(whole)
        emit_json({"database": where, "series": [row.as_json() for row in found], **about})
        return
    if whole is not None:
        show_overview(whole)
    if found:
        show(status_table(found))
    elif rows:
        say(f"{len(rows):,} series are held; name symbols to see some, or --all.")
    elif is_choice:
        say(none_held(symbols, bar_size, what))
    else:
        say(f"The database {where} holds no series yet. Begin one with `ingest backfill`.")


def show_overview(whole: "Overview") -> None:
    """What there is of workers, wishes and jobs, each with a blank line after it; then what is wrong with job files."""
    from ingest.cli.jobs.table import queue_table
    from ingest.cli.screen import say, show

    parts = []
    if whole.workers:
        parts.append(workers_table(whole))
    if whole.wishes:
        parts.append(wishes_table(whole))
    if whole.queue.jobs or whole.queue.foresight.pauses:
        parts.append(queue_table(whole.queue, _JOBS_SHOWN))
    for part in parts:
        show(part)
        typer.echo("")
    if whole.problems:
        say("Job files that are wrong (what was last read of them counts):")
        for problem in whole.problems:
            say(f"  {shown(problem)}")
        say("")


def shown(problem: "Problem") -> str:
    """With the file as it is called from here."""
    here = Path.cwd()
    file = problem.file.relative_to(here) if problem.file.is_relative_to(here) else problem.file
    return str(replace(problem, file=file))


def workers_table(whole: "Overview") -> Any:
    from ingest.cli.screen import table

    made = table("gateway", "login", "worker", "state", "jobs", "note", right=("jobs",))
    for post in whole.workers:
        state = f"silent since {post.seen_at:%H:%M:%S}" if post.is_silent else post.state
        made.add_row(post.gateway, post.login, f"{post.host}:{post.pid}", state, str(post.running), post.note)
    return made


def wishes_table(whole: "Overview") -> Any:
    from ingest.cli.screen import table

    made = table("wish", "complete", "behind", "worst", "last (UTC)", "next (UTC)", "in", right=("complete", "in"))
    for row in wish_rows(whole.wishes, whole.now):
        made.add_row(*row)
    return made


def wish_rows(lines: Sequence["WishLine"], now: datetime) -> list[tuple[str, ...]]:
    from ingest.cli.screen import span, trading

    return [
        (
            each.fresh.wish,
            _complete(each.fresh),
            trading(each.fresh.behind) if each.fresh.behind else "–",
            _worst(each.fresh),
            _last(each),
            "paused" if each.is_paused else f"{each.next_due:%m-%d %H:%M}" if each.next_due else "by hand",
            span(each.next_due - now) if each.next_due and each.next_due > now and not each.is_paused else "–",
        )
        for each in lines
    ]


def _complete(fresh: "Freshness") -> str:
    refused = f", {fresh.refused} refused" if fresh.refused else ""
    return "–" if fresh.problem else f"{fresh.complete}/{fresh.series}{refused}"


def _worst(fresh: "Freshness") -> str:
    if fresh.problem:
        return f"cannot be judged: {fresh.problem}"
    late = [f"was due {fresh.was_due:%Y-%m-%d %H:%M}, {fresh.since_then}"] if fresh.was_due else []
    return "; ".join([*([fresh.worst] if fresh.worst else []), *late]) or "–"


def _last(line: "WishLine") -> str:
    if line.last is None:
        return "never"
    went = "" if line.last.ended_at else ", goes on"
    return f"{line.last.due_at:%m-%d %H:%M}{went}"


def overview_json(whole: "Overview") -> dict[str, Any]:
    from ingest.app.overview import worker_json
    from ingest.cli.jobs.table import queue_json

    depth = [
        {"lane": each.lane.value, "state": each.state.value, "jobs": each.jobs, "requests": each.requests}
        for each in whole.depth
    ]
    return {
        "workers": [worker_json(post) for post in whole.workers],
        "wishes": [line.as_json() for line in whole.wishes],
        "job_file_problems": [asdict(problem) for problem in whole.problems],
        "queue": {"depth": depth, **queue_json(whole.queue, _JOBS_SHOWN)},
    }


def status_table(found: Any) -> Any:
    """Narrow: where all are of one origin the heading says it, and bars of a day and longer have no time."""
    from ingest.cli.screen import span, table, trading

    origins = {row.origin for row in found}
    simulated = " (synthetic)" if origins == {Origin.SYNTHETIC} else ""
    told = ("origin",) if len(origins) > 1 else ()
    columns = (f"series{simulated}", *told, "bars", "from", "to", "behind", "not settled")
    made = table(*columns, right=("bars", "behind"))
    for row in found:
        shown = "%Y-%m-%d" if row.series.bar_size.is_daily else "%Y-%m-%d %H:%M"
        made.add_row(
            str(row.series),
            *([row.origin] if told else []),
            f"{row.bars:,}",
            f"{row.first:%Y-%m-%d}" if row.first else "–",
            f"{row.last:{shown}}" if row.last else "–",
            f"cannot be judged: {row.problem}" if row.problem else trading(row.behind) if row.behind else "–",
            ", ".join(f"{span(held)} {state}" for state, held in row.unsettled.items()) or "–",
        )
    return made
