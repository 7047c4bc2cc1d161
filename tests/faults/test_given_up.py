"""A series that is given up: what was still to be asked is written beside the loader, which writes the same ledger."""

import time
from collections.abc import Sequence

import pytest
from sqlalchemy import Connection, Engine

from ingest.domain.ledger import State
from ingest.store import ledger
from ingest.store.ledger import News
from tests.faults.scene import Scene
from tests.faults.virtual import run_virtually

_REFUSED = """
    [[fault]]
    action = "error"
    known = "{known}"
    match = {{message = "historical"}}
"""


def test_what_a_given_up_series_lacks_is_recorded_while_the_loader_commits(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Yesterday's refusal is one row; today's, in other words, replaces it from two transactions at once."""
    scene, write = Scene(engine, 200), ledger.record_all

    def slowly(connection: Connection, news: Sequence[News]) -> None:
        write(connection, news)
        time.sleep(0.2)

    assert run_virtually(scene.fill(_REFUSED.format(known="no_permissions"))).report
    before = scene.held().ledger
    monkeypatch.setattr(ledger, "record_all", slowly)
    assert run_virtually(scene.fill(_REFUSED.format(known="not_subscribed"))).report
    after = scene.held().ledger
    assert after.windows(State.FAILED) == before.windows(State.FAILED) == after.windows()
    assert not {entry.reason for entry in before} & {entry.reason for entry in after}
