"""`ingest jobs list`: the queue as a table, once or again and again."""

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from ingest.cli.jobs.table import queue_json, queue_table
from ingest.cli.looping import run_async
from ingest.cli.options import Json

if TYPE_CHECKING:
    from collections.abc import Callable

    from ingest.app.job_views import QueueView
    from ingest.config import Settings
    from ingest.database import Database
    from ingest.domain.job import JobState

_FAILED_SHOWN_FOR = timedelta(days=1)
_REDRAW_SECONDS = 2.0
_LINES_AROUND = 8  # of a watched table: heading, counts, what is paused


def list_jobs(
    symbols: Annotated[list[str] | None, typer.Argument(help="Only jobs for these instruments.")] = None,
    state: Annotated[
        list[str] | None,
        typer.Option("--state", "-s", help="waiting paused running done failed cancelled; repeatable."),
    ] = None,
    wish: Annotated[str | None, typer.Option("--wish", metavar="NAME", help="Only jobs of this wish.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 50,
    ended: Annotated[bool, typer.Option("--all", help="Those that have ended too.")] = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Draw it anew every two seconds.")] = False,
    as_json: Json = False,
) -> None:
    """List jobs: those that run, then those that wait, the next one first, and what failed in the last day.

    ETA is when a job will be done at the pace of the last ten minutes, with everything that goes before it.

    Examples:

      ingest jobs list

      ingest jobs list AAPL MSFT --all

      ingest jobs list --state failed --wish us-equities-nightly --json

      ingest jobs list --watch
    """
    from ingest.cli.screen import emit_json, show
    from ingest.config import load_settings
    from ingest.database import Database

    states = _states(state, ended=ended)
    settings = load_settings()
    with Database.open(settings) as database:
        look = _looking(settings, database, states, wish, symbols, ended=ended or bool(state))
        if watch:
            _watch(look, limit, as_json=as_json)
        elif as_json:
            emit_json(queue_json(look(limit), limit))
        else:
            show(queue_table(look(limit), limit))


def _looking(
    settings: "Settings",
    database: "Database",
    states: "list[JobState] | None",
    wish: str | None,
    symbols: list[str] | None,
    *,
    ended: bool,
) -> "Callable[[int], QueueView]":
    """How to look at the queue; one more than the limit, to know whether there are more. Raises UsageError."""
    from ingest.app.connecting import clock_of
    from ingest.app.job_control import check_wish
    from ingest.app.job_views import queue_view
    from ingest.cli.held import held_series

    ids = [row.id for row in held_series(database.engine, symbols, None, "")] if symbols else None
    if wish is not None:
        with database.engine.connect() as connection:
            check_wish(connection, wish)
    clock = clock_of(settings)

    def look(limit: int) -> "QueueView":
        return queue_view(
            database.engine,
            settings,
            clock,
            states=states,
            wish=wish,
            series_ids=ids,
            ended_within=None if ended else _FAILED_SHOWN_FOR,
            limit=limit + 1,
        )

    return look


def _states(given: list[str] | None, *, ended: bool) -> "list[JobState] | None":
    """Raises UsageError naming the states there are."""
    from ingest.app.job_views import OPEN_STATES
    from ingest.domain.job import JobState
    from ingest.errors import UsageError

    if not given:
        return None if ended else [*OPEN_STATES, JobState.FAILED]
    try:
        return [JobState(each.lower()) for each in given]
    except ValueError:
        wrong = next(each for each in given if each.lower() not in set(JobState))
        raise UsageError(f"Unknown state {wrong!r}; there is {', '.join(JobState)}.") from None


def _watch(look: "Callable[[int], QueueView]", limit: int, *, as_json: bool) -> None:
    """Until Ctrl-C. Raises UsageError where there is no terminal to draw on."""
    from rich.console import Console
    from rich.live import Live

    from ingest.clock import SystemClock
    from ingest.errors import UsageError

    console = Console()
    if as_json or not console.is_terminal:
        raise UsageError("--watch draws on a terminal.", hint="Leave it out, or call again with --json when needed.")
    clock = SystemClock()

    async def draw() -> None:
        with Live(console=console, auto_refresh=False) as live:
            while True:
                most = max(1, min(limit, console.height - _LINES_AROUND))
                live.update(queue_table(look(most), most), refresh=True)
                await clock.sleep(_REDRAW_SECONDS)

    with suppress(KeyboardInterrupt):
        run_async(draw())
