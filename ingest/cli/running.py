"""A run on the screen: live progress on stderr, a clean stop on Ctrl-C, the report on stdout."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.table import Table
from sqlalchemy import Engine

from ingest.app.connecting import counting, gate_of, make_run, open_gateway, seed_gate
from ingest.cli.report import report_json, report_table
from ingest.cli.screen import configure_logs, emit_json, say, show, span
from ingest.cli.waiting import waiting
from ingest.clock import Clock
from ingest.config import Settings
from ingest.database import Database
from ingest.errors import EXIT_INCOMPLETE, EXIT_INTERRUPTED
from ingest.gateway.client import Gateway
from ingest.gateway.gate import PacedGate
from ingest.progress import Progress, RunReport
from ingest.worker.lines import Order
from ingest.worker.run import Run

Orders = Callable[[Gateway, Engine], Awaitable[Sequence[Order]]]
_PLAIN_SECONDS = 5.0


async def run_orders(
    settings: Settings,
    clock: Clock,
    orders: Orders,
    *,
    retry_failed: bool = False,
    as_json: bool = False,
    verbose: bool = False,
    idle: Callable[[], str] = lambda: "",
) -> int:
    """Open everything, run, report; where there was nothing to do, say why, which is `idle`. Gives the exit code."""
    configure_logs(verbose=verbose, running=True)
    database = await asyncio.to_thread(Database.open, settings)
    with database:
        report = await run_on(settings, clock, database.engine, orders, retry_failed=retry_failed)
    return tell(report, as_json=as_json, idle=idle())


async def run_on(
    settings: Settings, clock: Clock, engine: Engine, orders: Orders, *, retry_failed: bool = False
) -> RunReport:
    """The same on a database that is open already; the report is not printed."""
    gate = gate_of(settings, clock)
    await asyncio.to_thread(seed_gate, engine, gate, settings, clock)
    progress = Progress(clock.now())
    async with open_gateway(settings, clock, gate, on_record=counting(progress)) as gateway:
        with waiting("Seeing what is to be done"):
            chosen = await orders(gateway, engine)
        run = make_run(settings, engine, gateway, clock, progress, retry_failed=retry_failed)
        with _stopping(run):
            return await _watched(run.complete(chosen), progress, gate, clock)


def tell(report: RunReport, *, as_json: bool, idle: str = "") -> int:
    """Print the report; the exit code says how it ended."""
    if as_json:
        emit_json(report_json(report))
    elif report.series:
        show(report_table(report))
    elif idle:
        say(idle)
    if report.stopped:
        say("Stopped. What came is committed; the same command again continues.")
        return EXIT_INTERRUPTED
    if not report.is_complete:
        say(
            "Not everything could be had; the ledger says what and why. The next run asks again, except for what IB "
            "refused for good (--retry-failed asks for that too)."
        )
        return EXIT_INCOMPLETE
    return 0


@contextmanager
def _stopping(run: Run) -> Iterator[None]:
    """Ctrl-C and SIGTERM stop the run in order; a second Ctrl-C is Python's own."""
    loop = asyncio.get_running_loop()

    def stop(number: int) -> None:
        loop.remove_signal_handler(number)
        say("Stopping: committing what has come …")
        run.stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


async def _watched(work: Awaitable[RunReport], progress: Progress, gate: PacedGate, clock: Clock) -> RunReport:
    if sys.stderr.isatty():
        console = Console(stderr=True)
        with Live(
            console=console,
            refresh_per_second=8,
            transient=True,
            get_renderable=lambda: _picture(progress, gate, clock),
        ):
            return await work
    telling = asyncio.create_task(_tell_now_and_then(progress, gate, clock))
    try:
        return await work
    finally:
        telling.cancel()


async def _tell_now_and_then(progress: Progress, gate: PacedGate, clock: Clock) -> None:
    while True:
        await clock.sleep(_PLAIN_SECONDS)
        say(_line(progress, gate, clock))


def _line(progress: Progress, gate: PacedGate, clock: Clock) -> str:
    elapsed = (clock.now() - progress.started).total_seconds()
    rate = progress.bars / elapsed if elapsed > 0 else 0.0
    budget = gate.pacer.units_left(clock.monotonic())
    return (
        f"{progress.settled}/{progress.planned} requests, {progress.bars:,} bars ({rate:,.0f}/s), "
        f"{gate.pacer.open_now} open, {budget} of 60 small requests left, ETA {span(progress.eta(clock.now()))}"
    )


def _picture(progress: Progress, gate: PacedGate, clock: Clock) -> Table:
    """One line per series that is being worked on (at most 12), and a line for the whole."""
    grid = Table.grid(padding=(0, 2))
    active = [each for each in progress.series.values() if each.settled < each.planned]
    for each in active[:12]:
        done = each.settled / each.planned if each.planned else 1.0
        bar = "█" * round(done * 24) + "░" * (24 - round(done * 24))
        grid.add_row(str(each.series), bar, f"{each.settled}/{each.planned} requests", f"{each.bars:,} bars")
    if len(active) > 12:
        grid.add_row(f"… and {len(active) - 12} more series")
    whole = Table.grid()
    whole.add_row(grid)
    whole.add_row(_line(progress, gate, clock))
    return whole
