"""An account whose history is limited to some years gets those years; only what lies before them is failed for good."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from ingest.domain.bar_size import BarSize
from ingest.domain.ledger import State
from ingest.domain.window import Window, normalise
from tests.faults.scene import NOW, Ending, Held, Scene, assert_true
from tests.faults.virtual import run_virtually

#: NOW is 2024-06-10: four years back, and the day that IB takes off.
OLDEST = datetime(2020, 6, 9, tzinfo=UTC)
WISH = Window(datetime(2016, 1, 4, tzinfo=UTC), datetime(2024, 6, 8, tzinfo=UTC))
YEARS = "4 year(s)"


def refusing(before: datetime, years: str = YEARS) -> str:
    """A script in which every request that takes in time before `before` is refused as IB does."""
    return f'''
[[fault]]
action = "error"
code = 321
text = "Error validating request.-'bM' : cause - Historical data queries on this contract requesting any data earlier \
than {years} back from now which is {before:%Y%m%d} 00:00:00 are rejected.  Your query would have run from A to B."
match = {{ message = "historical", window = ["2000-01-01T00:00:00Z", "{before:%Y-%m-%dT%H:%M:%SZ}"] }}
'''


@pytest.fixture
def scene(engine: Engine) -> Scene:
    return Scene(engine, 200, BarSize.DAY_1, WISH)


def ended(scene: Scene, script: str, *, retry_failed: bool = False) -> tuple[Ending, Held]:
    ending = run_virtually(scene.fill(script, retry_failed=retry_failed))
    assert ending.report is not None
    return ending, scene.held()


def states(held: Held) -> list[tuple[State, bool, Window]]:
    """Time by its state and whether that is for good, however many requests have said so."""
    kinds = sorted({(entry.state, entry.permanent) for entry in held.ledger})
    found = [
        (*kind, window)
        for kind in kinds
        for window in normalise(entry.window for entry in held.ledger if (entry.state, entry.permanent) == kind)
    ]
    return sorted(found, key=lambda each: each[2])


def test_the_years_that_are_allowed_come_and_the_others_are_failed_for_good(scene: Scene) -> None:
    _, held = ended(scene, refusing(OLDEST))
    assert states(held) == [
        (State.FAILED, True, Window(WISH.start, OLDEST)),
        (State.COVERED, False, Window(OLDEST, WISH.end)),
    ]
    assert all("earlier than 4 year(s)" in entry.reason for entry in held.ledger if entry.permanent)
    assert held.bars.num_rows > 1000
    assert_true(held, scene.truth())


def test_the_next_run_asks_for_nothing(scene: Scene) -> None:
    ended(scene, refusing(OLDEST))
    ending, _ = ended(scene, refusing(OLDEST))
    assert ending.report is not None
    assert ending.report.requests == 0


@pytest.mark.parametrize("later", [1, 2, 9])
def test_where_ib_counts_otherwise_the_years_still_come(scene: Scene, later: int) -> None:
    """Its clock, its zone or its leap days may put the limit later than its words say; nothing young is lost by it."""
    limit = OLDEST + timedelta(days=later)
    _, held = ended(scene, refusing(limit))
    assert_true(held, scene.truth())
    assert states(held) == [
        (State.FAILED, True, Window(WISH.start, OLDEST)),
        (State.FAILED, False, Window(OLDEST, limit)),
        (State.COVERED, False, Window(limit, WISH.end)),
    ]


def test_a_refusal_that_tells_no_years_loses_nothing_that_is_younger(scene: Scene) -> None:
    _, held = ended(scene, refusing(OLDEST, "some years"))
    assert states(held)[-1] == (State.COVERED, False, Window(OLDEST, WISH.end))
    assert all(entry.permanent for entry in held.ledger if entry.window.end <= OLDEST)
    assert_true(held, scene.truth())


def test_intraday_chunks_are_parted_where_a_session_begins(engine: Engine) -> None:
    limit = NOW.replace(year=2023) - timedelta(days=1)
    wish = Window(limit - timedelta(days=12), limit + timedelta(days=12))
    scene = replace(Scene(engine, 200), bar_size=BarSize.HOUR_1, wish=wish)
    _, held = ended(scene, refusing(limit, "one year"))
    assert_true(held, scene.truth())
    opens = datetime(2023, 6, 9, 13, 30, tzinfo=UTC)
    assert states(held) == [
        (State.FAILED, True, Window(wish.start, opens)),
        (State.COVERED, False, Window(opens, wish.end)),
    ]
