"""A week of bad nights; `make soak` is the long one."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.soak.nights import soak

pytestmark = pytest.mark.slow


@pytest.mark.timeout(120)
def test_a_week_of_faults_restarts_and_a_lost_weekend_ends_complete_and_true(engine: Engine, tmp_path: Path) -> None:
    diary = soak(engine, tmp_path, series=12, days=7)
    assert not diary.wrong
    assert diary.violations == 0
    assert diary.faults > 10
    assert diary.series == 12
