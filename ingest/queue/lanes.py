"""`Crew`: Procrastinate workers, one for each lane, from the first claim to the last job given back.

A worker of Procrastinate ends when the database goes away or when it is stopped; the crew then ends as a whole, and may
be started again. Jobs that could not be given back are rescued, by whoever looks after the queue, once the worker that
held them is no longer known.
"""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import procrastinate
import structlog
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job
from procrastinate.worker import Worker

from ingest.clock import SystemClock
from ingest.domain.job import Lane
from ingest.store.sql import source

log = structlog.get_logger()

#: A worker that gives no sign for so many heartbeats is taken for dead.
SILENT_HEARTBEATS = 3
_WALL = SystemClock()  # as Procrastinate's own signs of life


@dataclass(frozen=True, slots=True)
class Places:
    """How many jobs of a lane are worked on at a time."""

    lane: Lane
    jobs: int


class _Hand(Worker):
    """Procrastinate's worker, which outlives a missed sign of life and in two cases does not take its own word on who
    holds a job.

    Who gives no sign for too long is taken for dead and its jobs are given to others. When it lives after all, its word
    at a job's end would free what others have claimed: it writes nothing down, and those find done what was done here.

    A server that crashes may forget the last endings (`_OPTIONS` in `tasks.py`). Those jobs would be held for ever, by
    a worker that lives and knows nothing of them: it disowns what it holds and does not work on, seen twice.
    """

    async def _periodic_deferrer(self) -> None:
        """Nothing is deferred. It must not end: Procrastinate watches its side tasks until the first one ends, and then
        no longer sees that another, such as the listener, has died."""
        await asyncio.Event().wait()

    async def _update_heartbeat(self) -> None:
        """A sign that could not be given is no reason to end: the next one may be."""
        while True:
            try:
                await super()._update_heartbeat()  # type: ignore[no-untyped-call]
            except ConnectorException as error:
                log.debug("no_sign_given", because=_reason(error))

    def _start_side_tasks(self) -> list["asyncio.Task[Any]"]:
        return [*super()._start_side_tasks(), asyncio.create_task(self._keep_account(), name="account of jobs")]

    async def _keep_account(self) -> None:
        unknown: set[int] = set()
        while True:
            await _WALL.sleep(self.update_heartbeat_interval)
            try:
                unknown = await self._disown(unknown)
            except ConnectorException as error:
                log.debug("no_account_kept", because=_reason(error))

    async def _disown(self, before: set[int]) -> set[int]:
        """Disown those of `before` that are still held and not worked on; gives those that are so for the first time.

        Once is not enough: of a job that has just been claimed the worker may not have heard yet.
        """
        execute = self.app.connector.execute_query_all_async
        held = {row["id"] for row in await execute(source("jobs_held"), worker_id=self.worker_id)}
        unknown = held - {context.job.id for context in self._running_jobs.values()}
        if again := unknown & before:
            await execute(source("jobs_disown"), job_ids=sorted(again), worker_id=self.worker_id)
            log.warning("jobs_disowned", jobs=sorted(again), because="the queue does not know that they have ended")
        return unknown - before

    async def _persist_job_status(self, job: Job, *given: Any, **named: Any) -> None:
        try:
            if await self._holds(job):
                await super()._persist_job_status(job, *given, **named)
                return
            log.warning("job_was_taken_over", job=job.id)
        except ConnectorException as error:
            # It is ours for as long as we give signs, and nobody would work on it any more.
            log.warning("job_not_given_back", job=job.id, because=_reason(error))
            self.stop()  # type: ignore[no-untyped-call]

    async def _holds(self, job: Job) -> bool:
        asked = {"job_id": job.id, "worker_id": self.worker_id}
        found = await self.app.connector.execute_query_one_async(source("job_is_held"), **asked)
        return bool(found["is_held"])

    async def _shutdown(self, side_tasks: list["asyncio.Task[Any]"]) -> None:
        """What has begun is waited for, for minutes; Procrastinate gives no sign of life meanwhile."""
        self.stop()  # type: ignore[no-untyped-call]  # for `is_ending`, where it ends by itself
        living = asyncio.create_task(self._update_heartbeat(), name="signs of life")
        try:
            await super()._shutdown(side_tasks)
        finally:
            living.cancel()
            await asyncio.gather(living, return_exceptions=True)


@dataclass(slots=True)
class Crew:
    """`run` works until `stop`; what has begun is finished first."""

    app: procrastinate.App
    places: tuple[Places, ...]
    heartbeat_seconds: float
    poll_seconds: float
    _workers: list[Worker] = field(default_factory=list)
    _stopped: bool = False

    async def run(self) -> None:
        """Until `stop`, or until one of the workers ends because the database is away. Raises nothing of that."""
        self._workers = [self._worker(each) for each in self.places]
        if self._stopped:
            return
        tasks = [asyncio.create_task(_until_it_ends(worker), name=f"lane {worker.queues}") for worker in self._workers]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.stop()
            for outcome in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(outcome, Exception):
                    log.warning("queue_worker_ended", because=_reason(outcome))

    @property
    def is_ending(self) -> bool:
        """Whether it was stopped, or one of its workers ends by itself: what has begun keeps it from starting again."""
        return self._stopped or any(worker._stop_event.is_set() for worker in self._workers)

    def stop(self) -> None:
        """Claim nothing more."""
        self._stopped = True
        for worker in self._workers:
            worker.stop()  # type: ignore[no-untyped-call]

    def _worker(self, place: Places) -> Worker:
        return _Hand(
            self.app,
            queues=[place.lane.value],
            name=place.lane.value,
            concurrency=place.jobs,
            fetch_job_polling_interval=self.poll_seconds,
            abort_job_polling_interval=self.poll_seconds,
            install_signal_handlers=False,
            update_heartbeat_interval=self.heartbeat_seconds,
            stalled_worker_timeout=SILENT_HEARTBEATS * self.heartbeat_seconds,
        )


def _reason(error: BaseException) -> str:
    """What is behind it, on one line: Procrastinate's own message only says that there was an error."""
    return " ".join(str(error.__cause__ or error).split())


async def _until_it_ends(worker: Worker) -> None:
    await worker.run()  # type: ignore[no-untyped-call]


class _Forwarding(logging.Handler):
    """Procrastinate's own log, as far as it tells of more than a job's fate, which we tell ourselves."""

    def emit(self, record: logging.LogRecord) -> None:
        if getattr(record, "action", "") not in ("job_error", "job_error_retry", "job_aborted", "job_aborted_retry"):
            log.warning("queue", says=record.getMessage())


def forward_log(names: Iterable[str] = ("procrastinate", "psycopg.pool")) -> None:
    """Put warnings of these libraries into our log, without their stack traces."""
    for name in names:
        logger = logging.getLogger(name)
        logger.propagate = False
        logger.setLevel(logging.WARNING)
        if not any(isinstance(handler, _Forwarding) for handler in logger.handlers):
            logger.addHandler(_Forwarding())
