"""From settings to a clock, a paced gate, a connected gateway and a run."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from sqlalchemy import Engine

from ingest.app.booking import DatabaseBook
from ingest.app.learning import LearningSource, Memory
from ingest.clock import Clock, SystemClock
from ingest.config import Settings
from ingest.domain.answer import RequestOutcome, RequestRecord
from ingest.fetch import Fetcher, RetryPolicy
from ingest.gateway.adaptive import OpenRequests
from ingest.gateway.address import Deadlines, GatewayAddress
from ingest.gateway.client import Gateway
from ingest.gateway.gate import PacedGate
from ingest.gateway.inquiry import RecordListener
from ingest.gateway.pacing import Pacer, PacingRules
from ingest.progress import Progress, RunReport
from ingest.store import jobs
from ingest.worker.lines import Order
from ingest.worker.run import Options, Run


def clock_of(settings: Settings) -> Clock:
    return SystemClock(settings.clock.scale, settings.clock.shows, settings.clock.since)


def gate_of(settings: Settings, clock: Clock) -> PacedGate:
    """The login's gate. On a faster clock guard and grace grow with it: the jitter of a network and of a busy machine,
    half a second by the wall, does not shrink."""
    scale = settings.clock.scale
    rules = PacingRules(
        open_requests=settings.gateway.concurrency,
        messages_per_second=settings.gateway.messages_per_second,
        guard=max(0.5, 0.5 * scale),
        grace=max(0.25, 0.05 * scale),
    )
    return PacedGate(Pacer(rules), clock, OpenRequests(settings.gateway.concurrency))


def deadlines_of(settings: Settings) -> Deadlines:
    """On a faster clock none is shorter than a few of the wall's seconds: the machine is no faster for it."""
    connect, least = settings.gateway.connect_seconds, 5.0 * settings.clock.scale
    plain = Deadlines(connect=connect, handshake=connect)
    return Deadlines(**{name: max(getattr(plain, name), least) for name in Deadlines.__slots__})


@asynccontextmanager
async def open_gateway(
    settings: Settings, clock: Clock, gate: PacedGate | None = None, *, on_record: RecordListener | None = None
) -> AsyncIterator[Gateway]:
    """A connected gateway; closed in order at the end. Raises GatewayUnreachable or GatewayRefused."""
    chosen = settings.gateway
    address = GatewayAddress(chosen.host, chosen.port, chosen.client_id, chosen.login, chosen.max_server_version)
    deadlines = deadlines_of(settings)
    async with Gateway(address, clock, gate or gate_of(settings, clock), deadlines, on_record=on_record) as gateway:
        yield gateway


def counting(progress: Progress) -> RecordListener:
    """Counts in `progress` what goes out on the wire."""

    def listen(record: RequestRecord) -> None:
        progress.sent += record.outcome is RequestOutcome.SENT

    return listen


def make_run(
    settings: Settings,
    engine: Engine,
    gateway: Gateway,
    clock: Clock,
    progress: Progress,
    *,
    retry_failed: bool = False,
) -> Run:
    """A run ready to `complete` orders."""
    chosen = settings.gateway
    memory = Memory(engine, chosen.login, clock)
    learner = memory.learner(settings.plan.request_spans)
    source = LearningSource(gateway, learner, memory, clock)
    fetcher = Fetcher(
        source,
        clock,
        RetryPolicy(attempts=chosen.attempts),
        chosen.request_seconds,
        spare=spare_units(settings, engine),
    )
    options = Options(learner.spans, chosen.concurrency, retry_failed, remember=True)
    return Run(engine, gateway, fetcher, clock, progress, options)


def spare_units(settings: Settings, engine: Engine, job_id: int | None = None) -> int:
    """What a job, or what is done by hand, leaves of the login's budget for small bars to those that go before it."""
    with engine.connect() as connection:
        return settings.worker.small_reserve if jobs.is_outranked(connection, job_id) else 0


def seed_gate(engine: Engine, gate: PacedGate, settings: Settings, clock: Clock) -> None:
    """Let the gate share the login's budget with all its processes, past and present, and go on from what it learned.

    The budget is shared through the request log; only for small bars and head timestamps, which the hard rules are for.
    """
    book = DatabaseBook(engine, clock, gate.pacer.rules, settings.clock.scale)
    gate.share(book)
    gate.recall(book.past(settings.gateway.login))
    memory = Memory(engine, settings.gateway.login, clock)
    if gate.load is not None:
        memory.recall(gate.load)
        gate.remember(memory.keep_load)


async def fill(
    settings: Settings, engine: Engine, orders: Sequence[Order], progress: Progress, clock: Clock
) -> RunReport:
    """Connect and complete the orders, without a screen (for programs and tests)."""
    gate = gate_of(settings, clock)
    seed_gate(engine, gate, settings, clock)
    async with open_gateway(settings, clock, gate, on_record=counting(progress)) as gateway:
        return await make_run(settings, engine, gateway, clock, progress).complete(orders)
