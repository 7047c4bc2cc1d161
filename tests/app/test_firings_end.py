"""Whatever becomes of its jobs, a firing comes to its conclusion, or somebody is told that it does not."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine

from ingest.app.serving import tasks as tasks_module
from ingest.app.serving.tasks import Tasks
from ingest.app.serving.telling import Silence
from ingest.app.wishing import JobOrders
from ingest.clock import FakeClock
from ingest.config import ExactSettings
from ingest.domain.conclusion import FailedJob
from ingest.domain.job import Lane
from ingest.domain.series import Origin
from ingest.errors import DatabaseError, GatewayLost, UsageError
from ingest.plan.spans import DEFAULT_SPANS, Spans
from ingest.queue.tasks import JobFailed, Later
from ingest.store import firings, job_listing, jobs
from ingest.wishes import document_of
from ingest.worker.lines import Order
from tests import given
from tests.app import wishing

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
        gateway=SimpleNamespace(origin=Origin.SYNTHETIC), learner=SimpleNamespace(spans=Spans(DEFAULT_SPANS))
    )
    return Tasks(ExactSettings(home=tmp_path), "main", engine, FakeClock(given.at("2024-06-10")), manned, someone)


def resolves_to(monkeypatch: pytest.MonkeyPatch, found: JobOrders | Exception) -> None:
    async def job_orders(*_given: object) -> JobOrders:
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(tasks_module, "job_orders", job_orders)


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
    assert tasks._queue(row, wishing.job(), JobOrders(tuple(orders(3)))) == 0
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
