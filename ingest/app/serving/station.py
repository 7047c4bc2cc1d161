"""From settings to a `Station`: a connected gateway with everything that its jobs share."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from sqlalchemy import Engine

from ingest.app.connecting import open_gateway
from ingest.app.learning import LearningSource, Memory
from ingest.clock import Clock
from ingest.config import Settings
from ingest.domain.answer import RequestRecord
from ingest.fetch import Fetcher, RetryPolicy
from ingest.gateway.client import Gateway
from ingest.gateway.gate import PacedGate
from ingest.health import Tally
from ingest.plan.learning import SpanLearner
from ingest.worker.locking import SharedLocks
from ingest.worker.run import Options
from ingest.worker.slices import Station, SteadyTime


@dataclass(slots=True)
class Counts:
    """What a post has done since its process began."""

    tally: Tally = field(default_factory=Tally)
    slices: int = 0
    bars: int = 0


@dataclass(frozen=True, slots=True)
class Manned:
    """A station and the gateway it is at."""

    station: Station
    gateway: Gateway
    learner: SpanLearner
    counts: Counts


@asynccontextmanager
async def man_station(  # noqa: PLR0917 - all of a post's own
    settings: Settings, engine: Engine, clock: Clock, gate: PacedGate, locks: SharedLocks, counts: Counts
) -> AsyncIterator[Manned]:
    """Connect, and put together what jobs need. Raises GatewayUnreachable or GatewayRefused."""
    heard: list[Station] = []

    def hear(record: RequestRecord) -> None:
        counts.tally.hear(record)
        for station in heard:
            station.hear(record)

    chosen = settings.gateway
    memory = Memory(engine, chosen.login, clock)
    learner = memory.learner(settings.plan.request_spans)

    def options() -> Options:
        return Options(learner.spans, chosen.concurrency)

    async with open_gateway(settings, clock, gate, on_record=hear) as gateway:
        source = LearningSource(gateway, learner, memory, clock)
        fetcher = Fetcher(source, clock, RetryPolicy(attempts=chosen.attempts), chosen.request_seconds)
        station = Station(engine, SteadyTime(gateway, clock), fetcher, clock, options, locks)
        heard.append(station)
        yield Manned(station, gateway, learner, counts)
