"""Workers that are killed: all jobs end, nothing is doubled, no login breaks a rule. `make soak` has the long one."""

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ingest.domain.bar_size import BarSize
from tests.soak.killing import ASK, BID, BID_ASK, MIDPOINT, TRADES, Trial, Work, run

pytestmark = pytest.mark.slow

#: A little more for small bars than two logins may ask for at once, so that the last of them have to wait.
WORK = (
    Work(BarSize.MIN_1, date(2024, 3, 1), (TRADES, MIDPOINT, BID, ASK)),
    Work(BarSize.DAY_1, date(2024, 3, 1), (TRADES, MIDPOINT, BID, ASK)),
    Work(BarSize.SEC_30, date(2024, 5, 30), (TRADES, MIDPOINT, BID_ASK)),
    Work(BarSize.SEC_5, date(2024, 6, 6), (TRADES, MIDPOINT)),
)


@pytest.mark.timeout(240)
def test_killing_one_of_three_workers_every_second_or_so_harms_nothing(
    tmp_path: Path, database_url: str, engine: Engine
) -> None:
    trial = Trial(seconds=6, least_beat=1, patience=120, scale=40, heartbeat=0.5, latency=20, stocks=3, work=WORK)
    outcome = run(trial, engine, database_url, tmp_path)
    assert not outcome.wrong, "\n".join(outcome.told())
    assert outcome.kills >= 3
    assert outcome.rescued, "the dead held nothing"
    assert outcome.units.total() > 120, "the budget for small bars was not what was in the way"
