"""Learning from what IB answers: `LearningSource` between fetcher and gateway, and `Memory` in the database.

What is learned is kept as it is learned, a row each in a short transaction of its own, so that a killed run has not
learned in vain. It is advice, not truth: a database that does not take it is only logged.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from sqlalchemy import Connection, Engine

from ingest.clock import Clock
from ingest.domain.answer import HistoricalAnswer
from ingest.domain.request import HistoricalRequest
from ingest.domain.window import Window
from ingest.errors import DatabaseError, RequestError, RequestRefused, RequestTimedOut, RequestTooLong
from ingest.fetch import HistorySource
from ingest.gateway.adaptive import OpenRequests
from ingest.gateway.faults import Reaction
from ingest.plan.learning import Lesson, SpanLearner, kind_of
from ingest.plan.spans import Spans
from ingest.store import learned
from ingest.store.learned import LearnedOpen, LearnedSpan

_log = structlog.get_logger()
_FAST = 0.25  # of the deadline


@dataclass(frozen=True, slots=True)
class Memory:
    """What one login learned, in the database."""

    engine: Engine
    login: str
    clock: Clock
    _writing: set["asyncio.Task[None]"] = field(default_factory=set)

    def learner(self, configured: Spans) -> SpanLearner:
        """Spans as learned so far."""
        with self.engine.connect() as connection:
            known = learned.spans(connection, self.login)
        return SpanLearner(configured, {(one.bar_size, one.sec_type): Lesson(one.span, one.refused) for one in known})

    def recall(self, load: OpenRequests) -> None:
        """Let the load go on from what was learned before."""
        with self.engine.connect() as connection:
            known = learned.open_requests(connection, self.login)
        if known is not None:
            load.recall(known.allowed, known.too_many)

    def keep_load(self, load: OpenRequests) -> None:
        """Write down, in a task of its own, how many requests to keep open."""
        lesson = LearnedOpen(load.allowed, load.too_many, self.clock.now())
        writing = asyncio.create_task(self._keep(lambda c: learned.save_open_requests(c, self.login, lesson)))
        self._writing.add(writing)
        writing.add_done_callback(self._writing.discard)

    async def keep_span(self, request: HistoricalRequest, learner: SpanLearner) -> None:
        kind = kind_of(request.series)
        known = learner.lessons[kind]
        lesson = LearnedSpan(*kind, known.span, known.refused, self.clock.now())
        _log.info("span_learned", bar_size=str(kind[0]), sec_type=kind[1], span=str(known.span), refused=known.refused)
        await self._keep(lambda connection: learned.save_span(connection, self.login, lesson))

    async def _keep(self, write: Callable[[Connection], None]) -> None:
        try:
            await asyncio.to_thread(self._write, write)
        except DatabaseError as error:
            _log.warning("lesson_lost", because=str(error))

    def _write(self, write: Callable[[Connection], None]) -> None:
        with self.engine.begin() as connection:
            write(connection)


@dataclass(frozen=True, slots=True)
class LearningSource:
    """A history source that learns request spans from another one's answers."""

    source: HistorySource
    learner: SpanLearner
    memory: Memory
    clock: Clock

    async def wait_until_ready(self) -> None:
        await self.source.wait_until_ready()

    async def historical_bars(
        self, request: HistoricalRequest, window: Window | None, deadline_seconds: float, *, spare: int = 0
    ) -> HistoricalAnswer:
        """As the source does. Raises RequestTooLong in place of a refusal that a smaller request may escape."""
        try:
            answer = await self.source.historical_bars(request, window, deadline_seconds, spare=spare)
        except RequestTimedOut:
            if self.learner.timed_out(request):
                await self.memory.keep_span(request, self.learner)
            raise
        except RequestRefused as error:
            if error.reaction != Reaction.SHRINK or request.series.must_end_now:
                raise
            smaller = self.learner.refused(request)
            await self.memory.keep_span(request, self.learner)
            if not smaller:
                raise
            raise _too_long(error) from error
        took = answer.record.ended_at - answer.record.sent_at if answer.record.ended_at else None
        fast = took is not None and took.total_seconds() <= _FAST * deadline_seconds
        if self.learner.answered(request, fast=fast):
            await self.memory.keep_span(request, self.learner)
        return answer


def _too_long(refusal: RequestError) -> RequestTooLong:
    error = RequestTooLong(refusal.message, hint="Less is asked for at a time.", code=refusal.code, text=refusal.text)
    error.reaction, error.record = refusal.reaction, refusal.record
    return error
