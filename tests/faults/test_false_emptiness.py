"""What IB denies although bars that are held prove the contrary: it never becomes confirmed emptiness."""

from datetime import UTC, datetime

import structlog
from sqlalchemy import Engine

from ingest.domain.ledger import State
from ingest.domain.window import Window
from ingest.store import heads, instruments
from ingest.store import series as series_store
from tests.faults.scene import NOW, Scene, assert_true
from tests.faults.virtual import run_virtually

LATE = Window(datetime(2024, 5, 17, tzinfo=UTC), datetime(2024, 5, 25, tzinfo=UTC))
EARLY = Window(datetime(2024, 5, 13, tzinfo=UTC), datetime(2024, 5, 15, tzinfo=UTC))


def test_a_head_timestamp_after_bars_that_are_held_rules_nothing_out(engine: Engine) -> None:
    assert run_virtually(Scene(engine, 200, wish=EARLY).fill()).is_complete
    scene = Scene(engine, 200)
    with engine.begin() as connection:
        (row,) = series_store.listing(connection)
        owner = instruments.by_con_id(connection, row.series.instrument.con_id, row.origin)
        assert owner is not None
        lying = heads.Head(datetime(2024, 5, 22, 13, 30, tzinfo=UTC), NOW)
        heads.save(connection, owner.id, row.series.what, lying)
    with structlog.testing.capture_logs() as logged:
        assert run_virtually(scene.fill()).is_complete
    assert_true(scene.held(), scene.truth())
    assert scene.held().bars.equals(scene.truth())
    assert [line["event"] for line in logged].count("head_timestamp_disbelieved") == 1


def test_no_data_said_twice_between_bars_that_are_held_is_not_confirmed(engine: Engine) -> None:
    for wish in (EARLY, LATE):
        assert run_virtually(Scene(engine, 200, wish=wish).fill()).is_complete
    scene = Scene(engine, 200)
    said = '[[fault]]\naction = "error"\nknown = "no_data"\nmatch = {message = "historical"}\n'
    assert not run_virtually(scene.fill(said)).is_complete
    assert_true(scene.held(), scene.truth())
    assert {entry.state for entry in scene.held().unsettled} == {State.PENDING}
    assert any("bars are held" in entry.reason for entry in scene.held().unsettled)
    assert run_virtually(scene.fill()).is_complete
    assert scene.held().bars.equals(scene.truth())
