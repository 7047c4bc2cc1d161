"""Procrastinate's app with our three tasks. A task ends its job, or says by an exception what shall become of it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import procrastinate
import psycopg
from procrastinate import JobContext, PsycopgConnector, RetryDecision
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job as ProcrastinateJob
from procrastinate.retry import BaseRetryStrategy
from psycopg_pool import PoolTimeout
from sqlalchemy.engine import URL

from ingest.domain.job import Kind, Lane
from ingest.errors import DatabaseUnreachable, IngestError

Handler = Callable[[int, Mapping[str, Any]], Awaitable[None]]
#: What a crash of the server could take back is a claim or an ending: the job runs again, and finds all done.
_OPTIONS = "-c search_path=ingest_queue -c TimeZone=UTC -c synchronous_commit=off"


class Later(Exception):
    """The job goes back to the queue: at once (behind what is more urgent), or not before `at` by the wall's clock."""

    def __init__(self, at: datetime | None = None, lane: Lane | None = None) -> None:
        super().__init__("later")
        self.at = at
        self.lane = lane


class JobFailed(IngestError):
    """The job cannot be done; its progress says why. `subject` is its series, where that is known."""

    def __init__(self, message: str, *, hint: str = "", subject: str = "") -> None:
        super().__init__(message, hint=hint)
        self.subject = subject


class _GiveBack(BaseRetryStrategy):
    def get_retry_decision(self, *, exception: BaseException, job: ProcrastinateJob) -> RetryDecision | None:
        if not isinstance(exception, Later):
            return None
        return RetryDecision(retry_at=exception.at, queue=exception.lane.value if exception.lane else None)


@dataclass(frozen=True, slots=True)
class Handlers:
    """What the tasks do, given a job's id and its arguments."""

    fill: Handler
    expand: Handler
    conclude: Handler


def make_app(url: URL, handlers: Handlers, *, most_connections: int = 4) -> procrastinate.App:
    """An app on the database of `url`, not yet opened. It finds its tables in a schema of their own."""
    address = url.set(drivername="postgresql").render_as_string(hide_password=False)
    connector = PsycopgConnector(
        conninfo=address,
        kwargs={"options": _OPTIONS, "application_name": "ingest queue"},
        configure=_in_autocommit,
        min_size=2,
        max_size=most_connections,
    )
    app = procrastinate.App(connector=connector)
    for kind in Kind:
        _register(app, kind, getattr(handlers, kind.value))
    return app


@asynccontextmanager
async def opened(app: procrastinate.App) -> AsyncIterator[None]:
    """The app with its connections, while the body runs. Raises DatabaseUnreachable where none can be had."""
    try:
        await app.open_async()
    except (ConnectorException, psycopg.Error, PoolTimeout) as error:
        await app.close_async()
        raise DatabaseUnreachable(f"The queue's database cannot be reached: {error}.") from error
    try:
        yield
    finally:
        await app.close_async()


async def _in_autocommit(connection: psycopg.AsyncConnection[Any]) -> None:
    """Each of Procrastinate's queries is a transaction by itself; so it takes one round trip instead of three."""
    await connection.set_autocommit(True)


def _register(app: procrastinate.App, kind: Kind, handler: Handler) -> None:
    async def task(context: JobContext, /, **args: Any) -> None:
        assert context.job.id is not None
        await handler(context.job.id, args)

    app.task(name=kind.value, pass_context=True, retry=_GiveBack())(task)
