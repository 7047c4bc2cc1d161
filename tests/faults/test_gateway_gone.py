"""A gateway that stays away is sought for as long as it is waited for, once, however many requests were in flight."""

from sqlalchemy import Engine

from ingest.errors import GatewayGone
from ingest.gateway.pacing import PacingRules
from tests import given
from tests.faults.scene import Scene
from tests.faults.table import happens
from tests.faults.virtual import run_virtually


def test_it_is_sought_once_for_all_that_it_owed(engine: Engine) -> None:
    scene = Scene(engine, 200, wish=given.window("2024-03-13", "2024-05-25"), rules=PacingRules(open_requests=8))
    ended = run_virtually(scene.fill(happens("restart", after=0.5, seconds=80_000)))
    assert isinstance(ended.error, GatewayGone)
    assert ended.seconds <= 1.5 * scene.deadlines.reconnect
