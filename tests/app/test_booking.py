"""The login's book in the database: what is booked counts for all, and some of the budget may be left to others."""

from dataclasses import replace

from sqlalchemy import Engine

from ingest.app.booking import DatabaseBook
from ingest.clock import FakeClock
from ingest.domain.answer import RequestOutcome, RequestRecord
from ingest.domain.bar_size import BarSize
from ingest.domain.series import Origin
from ingest.gateway.pacing import PacingRules
from ingest.store import series as series_store
from tests import given
from tests.store import settled

RULES = PacingRules(budget_units=10)


def draft(engine: Engine, number: int) -> RequestRecord:
    """A small request like no other."""
    series = given.series(replace(given.AAPL, con_id=1000 + number), BarSize.SEC_5)
    with engine.begin() as connection:
        row = series_store.ensure(connection, series, Origin.SYNTHETIC)
    return settled.record(row, outcome=RequestOutcome.SENT)


async def booked(book: DatabaseBook, engine: Engine, numbers: range, spare: int) -> int:
    """How many of these may go."""
    turns = [await book.book(draft(engine, number), 5.0, spare=spare) for number in numbers]
    return sum(turn.request_id is not None for turn in turns)


async def test_who_leaves_some_of_the_budget_stops_before_it_is_spent_and_others_go_on(engine: Engine) -> None:
    modest, urgent = (DatabaseBook(engine, FakeClock(), RULES) for _ in range(2))
    assert await booked(modest, engine, range(10), 3) == 7
    assert await booked(urgent, engine, range(10, 20), 0) == 3
    assert await booked(modest, engine, range(20, 22), 3) == 0
