"""What `ingest demo` does: the real simulator on a real socket, a real private PostgreSQL, the real commands' code."""

import asyncio
import shutil
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from sqlalchemy import Engine

from ingest.app.connecting import clock_of
from ingest.app.ordering import Wanted, orders_of
from ingest.cli.report import report_table
from ingest.cli.running import run_on
from ingest.cli.screen import configure_logs, show
from ingest.cli.status import status_table
from ingest.clock import Clock
from ingest.config import DatabaseSettings, GatewaySettings, Settings
from ingest.database import Database
from ingest.domain.bar_size import BarSize
from ingest.errors import EXIT_INCOMPLETE
from ingest.gateway.client import Gateway
from ingest.store import migrate
from ingest.worker.lines import Order

_START, _END = datetime(2024, 5, 13, tzinfo=UTC).date(), datetime(2024, 6, 8, tzinfo=UTC).date()
_WANTED = (
    Wanted(("AAPL",), (BarSize.MIN_1, BarSize.DAY_1), _START, _END),
    Wanted(("ESM4",), (BarSize.MIN_1,), _START, _END, outside_rth=True),
    Wanted(("EUR.USD",), (BarSize.MIN_1,), _START, _END),
    Wanted(("SPX:IND",), (BarSize.MIN_1,), _START, _END),
)


async def demonstrate(folder: Path | None) -> int:
    """Run the demo in `folder` (None: a temporary one that is removed). Gives the exit code."""
    configure_logs(verbose=False)
    home = (folder or Path(tempfile.mkdtemp(prefix="ingest-demo-"))).resolve()
    home.mkdir(parents=True, exist_ok=True)
    try:
        async with _simulator() as port:
            gateway = GatewaySettings(port=port, login="demo")
            settings = Settings(home=home / "home", gateway=gateway, database=DatabaseSettings())
            return await _scenes(settings, home)
    finally:
        if folder is None:
            shutil.rmtree(home, ignore_errors=True)


async def _scenes(settings: Settings, home: Path) -> int:
    _title(f"1. A private PostgreSQL in {settings.home}, and a simulated gateway on port {settings.gateway.port}")
    clock = clock_of(settings)
    with await asyncio.to_thread(Database.open, settings, checked=False) as database:
        await asyncio.to_thread(migrate.upgrade, database.engine)
        _title("2. Backfill: a stock at 1 minute and 1 day, a future, a currency pair and an index")
        report = await run_on(settings, clock, database.engine, _all_orders(clock))
        show(report_table(report))
        _title("3. What is held")
        show(status_table(_status(database.engine, clock)))
        _title("4. A Parquet snapshot, and the two lines that read it back")
        snapshot = await asyncio.to_thread(_export, database.engine, home / "snapshots", clock)
    _read_back(snapshot)
    return 0 if report.is_complete else EXIT_INCOMPLETE


def _all_orders(clock: Clock):  # type: ignore[no-untyped-def]
    async def orders(gateway: Gateway, engine: Engine) -> Sequence[Order]:
        return [order for wanted in _WANTED for order in await orders_of(gateway, engine, wanted, clock)]

    return orders


def _title(text: str) -> None:
    Console(width=120, highlight=False).print(f"\n[bold]{text}[/]")
