"""Firings: each occurrence once, however many fire it; each ended firing claimed once, and not before its fills."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import Connection, Engine, text

from ingest.store import firings
from ingest.store.firings import Firing
from tests.given import at

DUE, LATER = at("2024-01-02 21:45"), at("2024-01-03 21:45")
DOCUMENT = {"name": "nightly", "symbols": ["AAPL", "BRK B"]}


def fired(connection: Connection, wish: str = "nightly", due: Any = DUE) -> int:
    made = firings.fire(connection, wish, due, "schedule", DOCUMENT)
    assert made is not None
    return made


def queued(connection: Connection, firing_id: int | None, *, status: str = "todo", task: str = "fill") -> int:
    """A job as the queue keeps it; only what `claim_ended` looks at matters."""
    found = connection.execute(
        text(
            "INSERT INTO ingest_queue.procrastinate_jobs (queue_name, task_name, args, status) VALUES ('large', :task,"
            " jsonb_build_object('firing', CAST(:firing AS bigint)),"
            " CAST(:status AS ingest_queue.procrastinate_job_status)) RETURNING id"
        ),
        {"task": task, "firing": firing_id, "status": status},
    )
    return int(found.scalar_one())


def ended(connection: Connection, job_id: int) -> None:
    statement = text("UPDATE ingest_queue.procrastinate_jobs SET status = 'succeeded' WHERE id = :id")
    connection.execute(statement, {"id": job_id})


def claimed(engine: Engine) -> list[int]:
    with engine.begin() as connection:
        return [firing.id for firing in firings.claim_ended(connection)]


def test_an_occurrence_is_fired_once(engine: Engine) -> None:
    with engine.begin() as connection:
        first = fired(connection)
        assert firings.fire(connection, "nightly", DUE, "catch_up", {}) is None
        assert firings.fire(connection, "weekly", DUE, "schedule", {}) is not None
        found = firings.by_id(connection, first)
        assert found is not None
        assert found == Firing(first, "nightly", DUE, "schedule", DOCUMENT, found.fired_at)
        assert firings.by_id(connection, first + 1000) is None


def test_many_that_fire_the_same_occurrence_at_once_get_one_id(engine: Engine) -> None:
    gate = threading.Barrier(6)

    def fire_along(_: int) -> int | None:
        with engine.begin() as connection:
            gate.wait(timeout=20)
            return firings.fire(connection, "nightly", DUE, "schedule", DOCUMENT)

    with ThreadPoolExecutor(6) as pool:
        given_ids = [made for made in pool.map(fire_along, range(6)) if made is not None]
    assert len(given_ids) == 1


def test_a_firing_that_was_rolled_back_can_be_fired_again(engine: Engine) -> None:
    with engine.connect() as connection:
        fired(connection)
        connection.rollback()
    with engine.begin() as connection:
        assert fired(connection)


def test_the_latest_occurrence_counts_not_the_last_fired(engine: Engine) -> None:
    with engine.begin() as connection:
        assert firings.last_due(connection, "nightly") is None
        fired(connection, due=LATER)
        fired(connection, due=DUE)
        fired(connection, "weekly", at("2025-01-01"))
        assert firings.last_due(connection, "nightly") == LATER


def test_recent_ones_come_newest_first(engine: Engine) -> None:
    with engine.begin() as connection:
        ids = [fired(connection, wish, at(f"2024-02-{day:02}")) for day in (1, 2, 3) for wish in ("nightly", "weekly")]
        assert [firing.id for firing in firings.recent(connection)] == ids[::-1]
        assert [firing.id for firing in firings.recent(connection, limit=2)] == ids[:-3:-1]
        assert [firing.id for firing in firings.recent(connection, "weekly")] == [ids[5], ids[3], ids[1]]


def test_a_firing_is_ended_when_its_last_fill_is(engine: Engine) -> None:
    with engine.begin() as connection:
        firing_id = fired(connection)
        waiting, running = queued(connection, firing_id), queued(connection, firing_id, status="doing")
        firings.mark_expanded(connection, firing_id, [{"symbol": "NOSUCH", "reason": "unknown"}])
    assert claimed(engine) == []
    with engine.begin() as connection:
        ended(connection, waiting)
    assert claimed(engine) == []
    with engine.begin() as connection:
        ended(connection, running)
        (firing,) = firings.claim_ended(connection)
        assert firing == firings.by_id(connection, firing_id)
        assert firing.unmet == ({"symbol": "NOSUCH", "reason": "unknown"},)
        assert firing.expanded_at is not None
        assert firing.ended_at is not None
    assert claimed(engine) == []


def test_neither_other_kinds_of_job_nor_other_firings_keep_one_from_ending(engine: Engine) -> None:
    with engine.begin() as connection:
        firing_id, other = fired(connection), fired(connection, due=LATER)
        for task in ("expand", "conclude"):
            queued(connection, firing_id, task=task)
        queued(connection, firing_id, status="failed")
        queued(connection, None)
        queued(connection, other)
        for each in (firing_id, other):
            firings.mark_expanded(connection, each, [])
    assert claimed(engine) == [firing_id]


def test_a_firing_that_is_not_expanded_has_not_ended(engine: Engine) -> None:
    with engine.begin() as connection:
        expansion = queued(connection, fired(connection), task="expand")
    assert claimed(engine) == []
    with engine.begin() as connection:
        ended(connection, expansion)
    assert len(claimed(engine)) == 1, "nobody will expand it any more"


def test_many_that_claim_at_once_share_the_ended_out(engine: Engine) -> None:
    with engine.begin() as connection:
        ids = [fired(connection, due=at(f"2024-02-{day:02}")) for day in range(1, 21)]
        for each in ids:
            firings.mark_expanded(connection, each, [])
    gate = threading.Barrier(6)

    def claim_along(_: int) -> list[int]:
        with engine.begin() as connection:
            gate.wait(timeout=20)
            return [firing.id for firing in firings.claim_ended(connection)]

    with ThreadPoolExecutor(6) as pool:
        shares = list(pool.map(claim_along, range(6)))
    assert sorted(each for share in shares for each in share) == ids


def test_what_came_of_a_firing_is_kept(engine: Engine) -> None:
    with engine.begin() as connection:
        failed, done = fired(connection), fired(connection, due=LATER)
        queued(connection, failed, task="expand")
        firings.mark_expanded(connection, done, [])
        (claim,) = firings.claim_ended(connection)
    with engine.begin() as connection:
        for each, outcome in ((failed, {"error": "no gateway"}), (done, {"bars": 12})):
            firings.conclude(connection, each, outcome)
        kept = firings.by_id(connection, done)
        assert kept is not None
        assert (kept.outcome, kept.ended_at) == ({"bars": 12}, claim.ended_at)
        lost = firings.by_id(connection, failed)
        assert lost is not None
        assert lost.ended_at is not None
        assert firings.claim_ended(connection) == ()
