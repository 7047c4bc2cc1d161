"""The fault matrix: every fault, over text and over protobuf.

Whatever happens, the run ends by itself; what is stored is the market's, to the last bit; what could not be had stands
in the ledger with its reason; and once the fault is gone, another run has it all.
"""

import pytest
from sqlalchemy import Engine

from ingest.domain.ledger import State
from ingest.simulator.faults.actions import ACTIONS
from ingest.simulator.faults.catalogue import KNOWN
from tests.faults import errors, table
from tests.faults.scene import WISH, Ending, Held, Scene, assert_true, known_time
from tests.faults.table import Row
from tests.faults.virtual import run_virtually

ROWS = (
    *table.ANSWERS,
    *table.BYTES,
    *table.HEADS,
    *table.CONNECTING,
    *table.INCIDENTS,
    *errors.PERSISTENT,
    *errors.PASSING,
    *errors.BESIDE,
)


#: An error code is the same in both protocols but for its frame, which `BYTES` and `ANSWERS` spoil in all ways.
ERRORS = {*errors.PERSISTENT, *errors.PASSING, *errors.BESIDE}
CASES = [
    pytest.param(row, version, id=f"{row}-{name}", marks=[pytest.mark.slow] if version == 225 and row in ERRORS else [])
    for row in ROWS
    for version, name in ((200, "text"), (225, "protobuf"))
]


@pytest.mark.parametrize(("row", "version"), CASES)
def test_a_run_gets_through_or_says_what_it_could_not_have(row: Row, version: int, engine: Engine) -> None:
    scene = Scene(engine, version)
    first = run_virtually(scene.fill(row.script))
    held = scene.held()
    assert_true(held, scene.truth())
    assert_left_as_said(row, first, held)
    second = run_virtually(scene.fill(retry_failed=row.permanent))
    assert second.is_complete
    after = scene.held()
    assert_true(after, scene.truth())
    assert after.bars.equals(scene.truth())
    assert [entry.state for entry in after.ledger] == [State.COVERED]


def assert_left_as_said(row: Row, ending: Ending, held: Held) -> None:
    if row.ends_with is not None:
        assert isinstance(ending.error, row.ends_with), ending
        assert ending.is_complete is False
    else:
        assert ending.report is not None
        assert known_time(held) == WISH.span, "some time is in no state at all"
        assert ending.is_complete is (row.leaves is None), held.unsettled
    assert {entry.state for entry in held.unsettled} == ({row.leaves} if row.leaves else set())
    for entry in held.unsettled:
        assert row.says in entry.reason
        assert entry.permanent is row.permanent


def test_every_fault_and_every_error_of_the_simulator_has_its_row() -> None:
    scripts = "".join(row.script for row in ROWS)
    others = {"wrong_count", "filler"}  # see test_apart
    others |= {"delisted", "renamed", "moved"}  # see acceptance/test_universe
    assert {action for action in ACTIONS if f'action = "{action}"' not in scripts} == others
    assert {name for name in KNOWN if f'known = "{name}"' not in scripts} == set()
