"""A database that stays away ends a run, however much has come that could not be committed."""

import pytest
from sqlalchemy import Engine

from ingest.domain.bar_size import BarSize
from ingest.domain.request import Duration
from ingest.errors import DatabaseUnreachable
from ingest.gateway.pacing import PacingRules
from ingest.plan.spans import DEFAULT_SPANS, Spans
from tests import given
from tests.faults import scene as scenes
from tests.faults.scene import Scene
from tests.faults.virtual import run_virtually


def test_answers_that_cannot_be_committed_do_not_keep_a_run_from_ending(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More of them than the loader takes in: nobody makes room for the rest once it has given up."""

    def away(*_given: object) -> None:
        raise DatabaseUnreachable("The database does not answer.")

    monkeypatch.setattr("ingest.worker.loading.load", away)
    monkeypatch.setattr(scenes, "SPANS", Spans({**DEFAULT_SPANS, BarSize.MIN_5: Duration(1, "D")}))
    months = given.window("2023-12-13", "2024-05-25")
    scene = Scene(engine, 200, wish=months, rules=PacingRules(open_requests=8))
    with pytest.raises(DatabaseUnreachable):
        run_virtually(scene.fill())
