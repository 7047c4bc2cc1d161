"""Whatever becomes of its jobs, a firing comes to its conclusion, or somebody is told that it does not."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine

from ingest.app import job_control
from ingest.app.queueing import fills_of
from ingest.app.serving import expanding
from ingest.app.serving.expanding import LOOKUPS, Expansion
from ingest.app.serving.tasks import Tasks
from ingest.app.serving.telling import Silence
from ingest.app.wishing import JobOrders, Unmet
from ingest.clock import FakeClock
from ingest.config import ExactSettings
from ingest.domain.conclusion import FailedJob
from ingest.domain.instrument import InstrumentQuery
from ingest.domain.job import Fill, JobState, Lane
from ingest.domain.series import Origin
from ingest.errors import (
    AmbiguousInstrument,
    DatabaseError,
    GatewayLost,
    IngestError,
    RequestError,
    RequestTimedOut,
    UnknownInstrument,
    UsageError,
)
from ingest.plan.spans import DEFAULT_SPANS, Spans
from ingest.queue.tasks import JobFailed, Later
from ingest.store import firings, job_listing, jobs, wishes
from ingest.store import series as series_store
from ingest.wishes import document_of
from ingest.worker.lines import Order
from tests import given
from tests.app import wishing
from tests.store.test_jobs import status

DUE = given.at("2024-06-07 20:45")
WEEK = given.window("2024-06-03", "2024-06-08")


@dataclass(frozen=True, slots=True)
class Listening(Silence):
    """Somebody who is told."""

    heard: list[tuple[str, FailedJob]] = field(default_factory=list)

    async def job_failed(self, wish: str, job: FailedJob) -> None:
        self.heard.append((wish, job))


@pytest.fixture
def someone() -> Listening:
    return Listening()


@pytest.fixture
def firing(engine: Engine) -> int:
    """One that waits for its expansion."""
    with engine.begin() as connection:
        made = firings.fire(connection, "nightly", DUE, "schedule", document_of(wishing.job()))
    assert made is not None
    return made


@pytest.fixture
def tasks(engine: Engine, tmp_path: Path, someone: Listening) -> Tasks:
    manned: Any = SimpleNamespace(
        gateway=SimpleNamespace(origin=Origin.SYNTHETIC),
        station=SimpleNamespace(work=None),
        learner=SimpleNamespace(spans=Spans(DEFAULT_SPANS)),
    )
    return Tasks(ExactSettings(home=tmp_path), "main", engine, FakeClock(given.at("2024-06-10")), manned, someone)


def resolves_to(monkeypatch: pytest.MonkeyPatch, found: JobOrders | Exception) -> None:
    async def job_orders(*_given: object) -> JobOrders:
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(expanding, "job_orders", job_orders)


def orders(many: int) -> Sequence[Order]:
    return [Order(replace(given.series(), instrument=one), (WEEK,)) for one in wishing.stocks(many)]


def of_firing(firing: int) -> dict[str, Any]:
    return {"wish": "nightly", "firing": firing}


@pytest.mark.parametrize(
    ("error", "raised", "reason"),
    [
        (UsageError("There is no universe 'us'."), JobFailed, "There is no universe 'us'."),
        (DatabaseError("The database refused: no."), DatabaseError, "The database refused: no."),
        (KeyError("currency"), KeyError, "a defect of this program: KeyError('currency')"),
    ],
    ids=["a wish that cannot be read", "a database that refuses", "a defect"],
)
async def test_a_firing_ends_whose_expansion_fails(
    error: Exception, raised: type[Exception], reason: str, tasks: Tasks, firing: int, engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    resolves_to(monkeypatch, error)
    with pytest.raises(raised):
        await tasks.handlers.expand(1, of_firing(firing))
    with engine.begin() as connection:
        (ended,) = firings.claim_ended(connection)
    assert ended.id == firing
    assert [each["reason"] for each in ended.unmet] == [reason]


async def test_an_expansion_that_was_cancelled_queues_no_more(tasks: Tasks, firing: int, engine: Engine) -> None:
    """It is a thread that goes on: nobody can stop it from outside."""
    with engine.begin() as connection:
        row = firings.by_id(connection, firing)
        firings.mark_expanded(connection, firing, [{"symbol": "nightly", "kind": "Cancelled", "reason": "by hand"}])
    assert row is not None
    expansion = Expansion(engine, tasks.clock, tasks.manned)
    assert expansion.queue(row, JobOrders(tuple(orders(3))), is_final=True) == 0
    with engine.begin() as connection:
        assert job_listing.listing(connection) == ()
        now = firings.by_id(connection, firing)
    assert now is not None
    assert [each["reason"] for each in now.unmet] == ["by hand"]


async def test_an_expansion_queues_what_is_not_complete(
    tasks: Tasks, firing: int, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolves_to(monkeypatch, JobOrders(tuple(orders(3))))
    await tasks.handlers.expand(1, of_firing(firing))
    with engine.begin() as connection:
        assert len(job_listing.listing(connection, firing=firing)) == 3
        assert firings.claim_ended(connection) == ()


async def test_people_are_told_of_a_conclusion_that_fails(tasks: Tasks, someone: Listening) -> None:
    """It is in no digest: the digest is what has failed."""
    with pytest.raises(DatabaseError):
        await tasks.handlers.conclude(7, of_firing(99))
    ((wish, job),) = someone.heard
    assert (wish, job.id, job.subject) == ("nightly", 7, "the conclusion")
    assert "no firing 99" in job.reason


async def test_an_expansion_that_cannot_go_on_is_put_aside_with_its_wish(
    tasks: Tasks, firing: int, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolves_to(monkeypatch, GatewayLost("The session has ended."))
    with engine.begin() as connection:
        jobs.pause(connection, "universe", "nightly")
    with pytest.raises(Later) as later:
        await tasks.handlers.expand(1, of_firing(firing))
    assert later.value.lane is Lane.PAUSED


class Lookups:
    """IB, asked for AAPL's week in vain for the first `failures` times."""

    def __init__(self, failures: int, error: IngestError) -> None:
        self.failures, self.error, self.asked = failures, error, 0

    async def __call__(self, *_given: object) -> JobOrders:
        self.asked += 1
        query, order = InstrumentQuery("AAPL"), Order(given.series(), (WEEK,))
        others = tuple(orders(1))
        if self.asked > self.failures:
            return JobOrders((*others, order))
        unmet = Unmet.because("AAPL", self.error)
        doubtful = (unmet,) if isinstance(self.error, RequestError) else ()
        return JobOrders(others, (unmet,), doubtful, ((unmet, query),))


def queued_symbols(engine: Engine, firing: int) -> set[str]:
    with engine.connect() as connection:
        found = {job.series_id for job in job_listing.listing(connection, firing=firing)}
        return {row.series.instrument.symbol for row in series_store.listing(connection) if row.id in found}


def is_expanded(engine: Engine, firing: int) -> bool:
    with engine.connect() as connection:
        found = firings.by_id(connection, firing)
    assert found is not None
    return found.expanded_at is not None


async def test_a_symbol_whose_lookup_times_out_is_looked_up_again_while_the_others_are_filled(
    tasks: Tasks, firing: int, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expanding, "job_orders", Lookups(1, RequestTimedOut("AAPL: no answer within 60 s.")))
    with pytest.raises(Later) as later:
        await tasks.handlers.expand(1, of_firing(firing))
    assert later.value.at is not None
    assert (queued_symbols(engine, firing), is_expanded(engine, firing)) == ({"S0000"}, False)
    await tasks.handlers.expand(1, of_firing(firing))
    assert (queued_symbols(engine, firing), is_expanded(engine, firing)) == ({"S0000", "AAPL"}, True)


@pytest.mark.parametrize(
    "error", [RequestTimedOut("AAPL: no answer within 60 s."), UnknownInstrument("IB knows no contract for AAPL STK.")]
)
async def test_a_symbol_that_is_never_found_stands_for_the_series_it_came_to_before(
    error: IngestError, tasks: Tasks, firing: int, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else one time-out would take it out of the wish: it would be behind, exported and filled no more, in silence."""
    with engine.begin() as connection:
        (row,) = wishing.wish(connection, wishing.job(), wishing.DAILY, origin=Origin.SYNTHETIC)
    lookups = Lookups(LOOKUPS, error)
    monkeypatch.setattr(expanding, "job_orders", lookups)
    for _ in range(LOOKUPS - 1):
        with pytest.raises(Later):
            await tasks.handlers.expand(1, of_firing(firing))
    await tasks.handlers.expand(1, of_firing(firing))
    assert (lookups.asked, is_expanded(engine, firing)) == (LOOKUPS, True)
    assert queued_symbols(engine, firing) == {"S0000", "AAPL"}
    with engine.connect() as connection:
        assert row in wishes.series_of(connection, "nightly")
        found = firings.by_id(connection, firing)
    assert found is not None
    assert [each["reason"] for each in found.unmet] == [str(error)]


async def test_a_symbol_that_ib_finds_ambiguous_now_stands_for_what_it_was_and_keeps_nobody_waiting(
    tasks: Tasks, firing: int, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with engine.begin() as connection:
        wishing.wish(connection, wishing.job(), wishing.DAILY, origin=Origin.SYNTHETIC)
    lookups = Lookups(LOOKUPS, AmbiguousInstrument("AAPL", ["AAPL at NASDAQ", "AAPL at EBS"]))
    monkeypatch.setattr(expanding, "job_orders", lookups)
    await tasks.handlers.expand(1, of_firing(firing))
    assert (lookups.asked, is_expanded(engine, firing)) == (1, True)
    assert queued_symbols(engine, firing) == {"S0000", "AAPL"}


async def test_a_symbol_that_never_was_known_is_not_looked_up_again(
    tasks: Tasks, firing: int, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    lookups = Lookups(LOOKUPS, UnknownInstrument("IB knows no contract for AAPL STK."))
    monkeypatch.setattr(expanding, "job_orders", lookups)
    await tasks.handlers.expand(1, of_firing(firing))
    assert (lookups.asked, is_expanded(engine, firing)) == (1, True)


def test_a_firing_whose_expansion_ended_without_leaving_word_ends(engine: Engine, firing: int) -> None:
    with engine.begin() as connection:
        job_id = jobs.queue_expansion(connection, "nightly", firing, 0)
        assert firings.claim_ended(connection) == ()
        status(connection, job_id, "failed")
        (ended,) = firings.claim_ended(connection)
    assert (ended.id, ended.expanded_at) == (firing, None)


def test_who_cancels_a_wish_waits_for_the_fills_that_are_just_being_queued(
    tasks: Tasks, firing: int, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else they would appear after it, for a firing that has been concluded."""
    planning, may_go_on = threading.Event(), threading.Event()

    def slow(*given_: Any, **named: Any) -> Any:
        planning.set()
        assert may_go_on.wait(10.0)
        return fills_of(*given_, **named)

    monkeypatch.setattr(expanding, "fills_of", slow)
    with engine.begin() as connection:
        jobs.queue_expansion(connection, "nightly", firing, 0)
        row = firings.by_id(connection, firing)
    assert row is not None
    expansion = Expansion(engine, tasks.clock, tasks.manned)
    with ThreadPoolExecutor(2) as pool:
        queueing = pool.submit(expansion.queue, row, JobOrders(tuple(orders(3))), is_final=True)
        assert planning.wait(10.0)
        cancelling = pool.submit(job_control.cancel, engine, (), wish="nightly")
        with pytest.raises(TimeoutError):
            cancelling.result(timeout=0.3)
        may_go_on.set()
        queueing.result()
        cancelling.result()
    with engine.connect() as connection:
        assert {job.state for job in job_listing.listing(connection)} == {JobState.CANCELLED}


async def test_a_job_that_is_tried_again_after_its_firing_ended_and_fails_is_told(
    tasks: Tasks, someone: Listening, firing: int, engine: Engine
) -> None:
    with engine.begin() as connection:
        row = series_store.ensure(connection, given.series(), Origin.LIVE)
        fill = Fill(row.id, (WEEK,), Lane.LARGE, wish="nightly", firing=firing)
        (queued,) = jobs.queue_fills(connection, [fill])
        firings.mark_expanded(connection, firing, [])
        status(connection, queued.job_id, "failed")
        assert len(firings.claim_ended(connection)) == 1
        jobs.retry(connection, [queued.job_id])
        (again,) = job_listing.listing(connection)
    assert (again.id, again.state, again.firing) == (queued.job_id, JobState.WAITING, None)
    args: dict[str, Any] = {
        "wish": "nightly",
        "firing": again.firing,
        "series": row.id,
        "windows": [],
        "retry_failed": False,
    }
    with pytest.raises(JobFailed, match="holds live bars"):
        await tasks.handlers.fill(queued.job_id, args)
    assert [(wish, job.id) for wish, job in someone.heard] == [("nightly", queued.job_id)]
