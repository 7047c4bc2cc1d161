"""What `ingest demo` does: the real simulator on a real socket, a real private PostgreSQL, the real commands' code."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from sqlalchemy import Engine

from ingest import feed
from ingest.app.ordering import Wanted, orders_of
from ingest.app.standing import ledgers_of, status_rows
from ingest.cli.coverage import verdict
from ingest.cli.looping import run_async
from ingest.cli.report import report_table
from ingest.cli.running import Orders, run_on, tell
from ingest.cli.screen import configure_logs, say, show
from ingest.cli.status import status_table
from ingest.clock import Clock, SystemClock
from ingest.config import DatabaseSettings, ExactSettings, GatewaySettings, Settings
from ingest.database import Database
from ingest.domain.bar_size import BarSize
from ingest.errors import EXIT_INCOMPLETE, EXIT_INTERRUPTED, IngestError, UsageError
from ingest.export import Selection, export
from ingest.gateway.client import Gateway
from ingest.simulator.clock import SimulatorClock
from ingest.simulator.market import open_market
from ingest.simulator.server import serve
from ingest.simulator.settings import ServerOptions
from ingest.store import migrate
from ingest.store import series as series_store
from ingest.worker.lines import Order

#: The demo plays on a fixed day, so that it looks the same to everybody.
_NOW = datetime(2024, 6, 10, 12, 0, tzinfo=UTC)
_START, _END = datetime(2024, 5, 13, tzinfo=UTC).date(), datetime(2024, 6, 8, tzinfo=UTC).date()
_WANTED = (
    Wanted(("AAPL",), (BarSize.MIN_1, BarSize.DAY_1), _START, _END),
    Wanted(("ESM4",), (BarSize.MIN_1,), _START, _END, outside_rth=True),
    Wanted(("EUR.USD",), (BarSize.MIN_1,), _START, _END),
    Wanted(("SPX:IND",), (BarSize.MIN_1,), _START, _END),
)


def demonstrate(folder: Path | None, *, as_json: bool = False) -> int:
    """Run the demo in `folder` (None: a temporary one that is removed, also after Ctrl-C). Gives the exit code.

    `as_json`: only the backfill's report is printed, as `ingest backfill --json` does.
    """
    configure_logs(verbose=False)
    if folder is not None and folder.exists() and any(folder.iterdir()) and not (folder / "home").exists():
        raise UsageError(f"{folder} is not empty and not a demo's.", hint="Name a new folder, or none.")
    place = (folder or Path(tempfile.mkdtemp(prefix="ingest-demo-"))).resolve()
    place.mkdir(parents=True, exist_ok=True)
    try:
        code = run_async(_play(place, as_json=as_json))
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
    finally:  # the loop has ended, and with it all threads that could still write there
        if folder is None:
            shutil.rmtree(place, ignore_errors=True)
    if folder is not None:
        say(f"Database and snapshot are in {folder}.")
    elif code == EXIT_INTERRUPTED:
        say("Stopped; nothing is left behind.")
    return code


async def _play(place: Path, *, as_json: bool) -> int:
    async with _simulated_gateway() as port:
        gateway = GatewaySettings(port=port, login="demo")
        settings = ExactSettings(home=place / "home", gateway=gateway, database=DatabaseSettings())
        clock = SystemClock(start=_NOW)
        if not as_json:
            _title(f"1. A simulated IB Gateway on port {port}, a private PostgreSQL in {settings.home}")
        async with _new_database(settings) as database:
            return await (_bare(settings, database, clock) if as_json else _scenes(settings, database, place, clock))


@asynccontextmanager
async def _simulated_gateway() -> AsyncIterator[int]:
    market = await asyncio.to_thread(open_market, "synthetic", 1)
    clock = SimulatorClock(_NOW.timestamp())
    async with await serve(ServerOptions(), market, clock, lambda _event: None) as simulator:
        yield simulator.port


@asynccontextmanager
async def _new_database(settings: Settings) -> AsyncIterator[Database]:
    """With its server, which is stopped in any case: a start that is no longer wanted is waited for."""
    opening = asyncio.create_task(asyncio.to_thread(Database.open, settings, checked=False, may_make=True))
    try:
        database = await asyncio.shield(opening)
    except asyncio.CancelledError:
        with suppress(IngestError):
            (await opening).close()
        raise
    with database:
        yield database


async def _bare(settings: Settings, database: Database, clock: Clock) -> int:
    await asyncio.to_thread(migrate.upgrade, database.engine)
    return tell(await run_on(settings, clock, database.engine, _all_orders(clock)), as_json=True)


async def _scenes(settings: Settings, database: Database, place: Path, clock: Clock) -> int:
    await asyncio.to_thread(migrate.upgrade, database.engine)
    _title("2. Backfill four weeks: a stock at 1 minute and 1 day, a future, a currency pair, an index")
    report = await run_on(settings, clock, database.engine, _all_orders(clock))
    show(report_table(report))
    if report.stopped:
        return EXIT_INTERRUPTED
    _title("3. What is held, and whether the log of requests proves it")
    unproved = await asyncio.to_thread(_stand, database.engine, clock)
    _title("4. A Parquet snapshot, and the two lines that read it back")
    selection = Selection(start=_START, end=_END)
    snapshot = await asyncio.to_thread(export, database.engine, selection, place / "snapshots", clock=clock)
    await asyncio.to_thread(_read_back, snapshot.path)
    return 0 if report.is_complete and not unproved else EXIT_INCOMPLETE


def _all_orders(clock: Clock) -> Orders:
    async def orders(gateway: Gateway, engine: Engine) -> Sequence[Order]:
        return [order for wanted in _WANTED for order in await orders_of(gateway, engine, wanted, clock)]

    return orders


def _stand(engine: Engine, clock: Clock) -> int:
    """Show the standing; gives how many stretches have no proof."""
    with engine.connect() as connection:
        rows = series_store.listing(connection)
    show(status_table(status_rows(engine, rows, clock.now())))
    unproved = sum(len(each.unproved) for each in ledgers_of(engine, rows, prove=True))
    show(verdict(unproved))
    return unproved


def _read_back(snapshot: Path) -> None:
    console = Console(width=120, highlight=False)
    console.print("[dim]>>>[/] from ingest import feed", soft_wrap=True)
    console.print(
        f'[dim]>>>[/] feed.bars("AAPL", "1m", "2024-06-07", "2024-06-08", source="{snapshot}")', soft_wrap=True
    )
    frame = feed.bars("AAPL", "1m", "2024-06-07", "2024-06-08", source=snapshot)
    console.print(str(frame))


def _title(text: str) -> None:
    Console(width=120, highlight=False, soft_wrap=True).print(f"\n[bold]{text}[/]")
