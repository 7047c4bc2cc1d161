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
import psycopg
import structlog
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job
from procrastinate.worker import Worker

from ingest.domain.job import Lane

log = structlog.get_logger()

#: A worker that gives no sign for so many heartbeats is taken for dead.
SILENT_HEARTBEATS = 3


@dataclass(frozen=True, slots=True)
class Places:
    """How many jobs of a lane are worked on at a time."""

    lane: Lane
    jobs: int


class _Hand(Worker):
    """Procrastinate's worker, but for what it does when the end of a job cannot be written down."""

    async def _persist_job_status(self, job: Job, *given: Any, **named: Any) -> None:
        try:
            await super()._persist_job_status(job, *given, **named)
        except ConnectorException as error:
            if isinstance(error.__cause__, psycopg.errors.RaiseException):
                # We were taken for dead and it was given to others, who find done what was done here.
                log.warning("job_was_taken_over", job=job.id)
            else:
                # It is ours for as long as we give signs, and nobody would work on it any more.
                log.warning("job_not_given_back", job=job.id, because=str(error.__cause__))
                self.stop()  # type: ignore[no-untyped-call]


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
                    log.warning("queue_worker_ended", because=str(outcome))

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
