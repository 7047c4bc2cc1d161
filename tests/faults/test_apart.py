"""Faults whose outcome is not that of a row: other for text than for protobuf, not the market's, our own."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from sqlalchemy import Engine

from ingest.domain.bar_size import BarSize
from ingest.domain.ledger import State
from ingest.domain.window import Window
from ingest.gateway.pacing import PacingRules
from tests.faults.scene import Scene, assert_true
from tests.faults.table import strikes
from tests.faults.virtual import run_virtually

#: A pacer that knows no rules: what happens when IB's are broken all the same.
RECKLESS = PacingRules(
    identical_seconds=0, burst_units=1000, burst_seconds=0.1, budget_units=1000, open_requests=8, guard=0
)
TWO_SESSIONS = Window(datetime(2024, 5, 13, tzinfo=UTC), datetime(2024, 5, 15, tzinfo=UTC))


@pytest.mark.parametrize("by", [1, -1])
def test_a_wrong_count_breaks_a_text_answer_and_does_not_exist_in_protobuf(by: int, engine: Engine) -> None:
    text = Scene(engine, 200)
    assert not run_virtually(text.fill(strikes("wrong_count", count=by))).is_complete
    held = text.held()
    assert_true(held, text.truth())
    (entry,) = held.unsettled
    assert (entry.state, entry.permanent) == (State.FAILED, False)
    assert "The answer is broken" in entry.reason
    protobuf = Scene(engine, 225)
    assert run_virtually(protobuf.fill(strikes("wrong_count", count=by))).is_complete
    assert protobuf.held().bars.equals(protobuf.truth())


@pytest.mark.parametrize("version", [200, 225], ids=["text", "protobuf"])
def test_fillers_are_bars_like_any_other(version: int, engine: Engine) -> None:
    scene = Scene(engine, version)
    assert run_virtually(scene.fill(strikes("filler"))).is_complete
    held, truth = scene.held(), scene.truth().to_pylist()
    found = held.bars.to_pylist()
    assert [row["ts"] for row in found] == [row["ts"] for row in truth]
    closes = {row["ts"]: before["close"] for before, row in pairwise(truth)}
    fillers = [mine for mine, true in zip(found, truth, strict=True) if mine != true]
    assert len(fillers) == 52
    for row in fillers:
        assert (row["volume"], row["bar_count"]) == (0.0, 0)
        assert {row["open"], row["high"], row["low"], row["close"]} == {closes[row["ts"]]}


@pytest.mark.parametrize(
    "punishment", ["", strikes("silence", message="violation"), strikes("drop", message="violation")]
)
@pytest.mark.parametrize("version", [200, 225], ids=["text", "protobuf"])
def test_broken_pacing_rules_cost_time_and_nothing_else(version: int, punishment: str, engine: Engine) -> None:
    reckless = Scene(engine, version, BarSize.SEC_30, TWO_SESSIONS, rules=RECKLESS)
    first = run_virtually(reckless.fill(punishment))
    assert first.violations
    assert_true(reckless.held(), reckless.truth())
    assert all(entry.state in (State.TIMED_OUT, State.FAILED) for entry in reckless.held().unsettled)
    sensible = replace(reckless, rules=PacingRules(open_requests=8))
    second = run_virtually(sensible.fill())
    assert second.is_complete
    assert second.violations == 0
    assert sensible.held().bars.equals(sensible.truth())
