"""A scheduler on a real database and a clock that runs faster, its folder of wishes, and what it left behind."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg
from sqlalchemy import Engine, text

from ingest.clock import SystemClock
from ingest.config import ClockSettings, ExactSettings, SchedulerSettings
from ingest.scheduler import Scheduler
from ingest.store import firings, wishes
from ingest.store.firings import Firing
from ingest.store.wishes import WishRow
from tests.unit.wishes.writing import RIGHT, write

HOURLY = '[schedule]\ncron = "0 * * * *"\ntime_zone = "UTC"\n'
NIGHTLY = '[schedule]\ncron = "0 22 * * *"\ntime_zone = "UTC"\n'
#: A quarter of a second is an hour: enough for a few transactions on a busy machine.
SCALE = 14_400.0
_PATIENCE_SECONDS = 20.0


@dataclass(slots=True)
class Scene:
    """`folder` holds the job files; a scheduler begins at the moment it is made for."""

    engine: Engine
    folder: Path
    poll_seconds: float = 0.05

    def put(self, name: str = "hourly", schedule: str = HOURLY, *, priority: int = 0) -> Path:
        text_ = RIGHT.replace('name = "nightly"', f'name = "{name}"\npriority = {priority}')
        return write(self.folder, text_ + "\n" + schedule, f"{name}.toml")

    def scheduler(self, start: datetime, scale: float = SCALE, *, is_alone: bool = True) -> Scheduler:
        settings = ExactSettings(
            home=self.folder / "home",
            scheduler=SchedulerSettings(jobs=self.folder, poll_seconds=self.poll_seconds),
            clock=ClockSettings(scale=scale),
        )
        return Scheduler(self.engine, SystemClock(scale, start), settings, is_alone=is_alone)

    # -- what is in the database

    def fired(self, wish: str = "hourly") -> list[Firing]:
        with self.engine.connect() as connection:
            return list(firings.recent(connection, wish, limit=1000))[::-1]

    def wish(self, name: str = "hourly") -> WishRow | None:
        with self.engine.connect() as connection:
            return wishes.by_name(connection, name)

    def expansions(self) -> list[tuple[str, int, int]]:
        """Wish, firing and priority of each job that is to expand one."""
        statement = (
            "SELECT args ->> 'wish', CAST(args ->> 'firing' AS bigint), priority"
            " FROM ingest_queue.procrastinate_jobs WHERE task_name = 'expand' ORDER BY id"
        )
        with self.engine.connect() as connection:
            return [(row[0], row[1], row[2]) for row in connection.execute(text(statement))]

    @contextmanager
    def outage(self) -> Iterator[None]:
        """The database is there, but lets nobody in, and throws out who is."""
        with self._administrator() as server:
            server.execute(f'ALTER DATABASE "{self._database}" ALLOW_CONNECTIONS false'.encode())
            self._throw_out(server)
        try:
            yield
        finally:
            with self._administrator() as server:
                server.execute(f'ALTER DATABASE "{self._database}" ALLOW_CONNECTIONS true'.encode())

    def cut(self) -> None:
        """Every connection is lost; new ones can be made at once."""
        with self._administrator() as server:
            self._throw_out(server)

    def _throw_out(self, server: "psycopg.Connection[tuple[object, ...]]") -> None:
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [self._database])

    def _administrator(self) -> "psycopg.Connection[tuple[object, ...]]":
        url = self.engine.url.set(drivername="postgresql", database="postgres")
        return psycopg.connect(url.render_as_string(hide_password=False), autocommit=True)

    @property
    def _database(self) -> str:
        return str(self.engine.url.database)


@asynccontextmanager
async def running(*schedulers: Scheduler) -> AsyncIterator[None]:
    """They run while the body does, and end without an error."""
    tasks = [asyncio.create_task(each.run()) for each in schedulers]
    try:
        yield
    finally:
        for each in schedulers:
            each.stop()
        with suppress(asyncio.CancelledError):
            await asyncio.wait_for(asyncio.gather(*tasks), 20)


async def until(holds: Callable[[], object]) -> None:
    """Wait for something that another task brings about."""
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while not await asyncio.to_thread(holds):
            await asyncio.sleep(0.02)
