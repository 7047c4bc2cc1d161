"""Wishes as last read: removed ones stay, and come back; the series of a wish are those of its last expansion."""

import hypothesis
from sqlalchemy import Engine

from ingest.domain.bar_size import BarSize
from ingest.domain.series import Origin
from ingest.store import series, wishes
from ingest.wishes import Job, document_of, job_of
from tests import given
from tests.given import at
from tests.unit.wishes.generated import jobs

DOCUMENT = {"name": "nightly", "priority": 50}
DUE, LATER = at("2024-01-02 21:45"), at("2024-01-03 21:45")


def test_a_wish_is_kept_as_last_saved(engine: Engine) -> None:
    with engine.begin() as connection:
        assert wishes.by_name(connection, "nightly") is None
        wishes.save(connection, "weekly", "jobs/weekly.toml", {}, None)
        wishes.save(connection, "nightly", "jobs/old.toml", {}, DUE)
        wishes.save(connection, "nightly", "jobs/nightly.toml", DOCUMENT, LATER)
        found = wishes.listing(connection)
        assert [row.name for row in found] == ["nightly", "weekly"]
        assert found[0] == wishes.by_name(connection, "nightly")
        assert (found[0].path, found[0].document, found[0].next_due) == ("jobs/nightly.toml", DOCUMENT, LATER)
        assert found[1].next_due is None


def test_only_the_next_due_time_of_one_wish_moves(engine: Engine) -> None:
    with engine.begin() as connection:
        for name in ("nightly", "weekly"):
            wishes.save(connection, name, f"jobs/{name}.toml", DOCUMENT, DUE)
        wishes.set_next_due(connection, "nightly", LATER)
        assert [(row.name, row.next_due, row.document) for row in wishes.listing(connection)] == [
            ("nightly", LATER, DOCUMENT),
            ("weekly", DUE, DOCUMENT),
        ]


def test_a_removed_wish_stays_listed_and_can_come_back(engine: Engine) -> None:
    with engine.begin() as connection:
        wishes.save(connection, "nightly", "jobs/nightly.toml", DOCUMENT, DUE)
        wishes.remove(connection, "nightly")
        wishes.remove(connection, "never heard of")
        (gone,) = wishes.listing(connection)
        assert gone.removed_at is not None
        assert gone.next_due is None
    with engine.begin() as connection:
        wishes.remove(connection, "nightly")
        assert wishes.listing(connection) == (gone,)  # it is not removed twice
        wishes.save(connection, "nightly", "jobs/nightly.toml", DOCUMENT, LATER)
        (back,) = wishes.listing(connection)
        assert back.removed_at is None
        assert back.read_at > gone.read_at


def test_the_series_of_a_wish_are_those_it_was_last_given(engine: Engine) -> None:
    with engine.begin() as connection:
        made = [
            series.ensure(connection, given.series(instrument, size), Origin.LIVE)
            for instrument, size in (
                (given.AAPL, BarSize.DAY_1),
                (given.AAPL, BarSize.MIN_1),
                (given.ES, BarSize.DAY_1),
            )
        ]
        day, minute, future = made
        assert wishes.series_of(connection, "nightly") == ()
        wishes.put_series(connection, "nightly", [day.id, minute.id, day.id])
        wishes.put_series(connection, "other", [future.id])
        assert wishes.series_of(connection, "nightly") == (minute, day)
        wishes.put_series(connection, "nightly", [future.id, day.id])
        assert wishes.series_of(connection, "nightly") == (day, future)
        wishes.put_series(connection, "nightly", [])
        assert wishes.series_of(connection, "nightly") == ()
        assert wishes.series_of(connection, "other") == (future,)


@hypothesis.settings(
    max_examples=50, deadline=None, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)
@hypothesis.given(jobs)
def test_any_job_comes_back_from_the_database_as_it_went(engine: Engine, job: Job) -> None:
    with engine.begin() as connection:
        wishes.save(connection, "any", str(job.path), document_of(job), None)
        kept = wishes.by_name(connection, "any")
        assert kept is not None
        assert job_of(kept.document) == job
