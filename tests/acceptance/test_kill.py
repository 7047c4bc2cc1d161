"""`kill -9` at any moment: nothing lost, nothing doubled, nothing asked again that was covered."""

import os
import random
import select
import subprocess
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine

from ingest.domain.bar_size import BarSize
from ingest.domain.ledger import State
from ingest.domain.window import Window, Windows, intersect
from ingest.simulator.market import open_market
from ingest.simulator.market.types import BAR_SIZES
from ingest.store import bars, ledger
from ingest.store import series as series_store
from tests.acceptance.running import CommandLine, Simulator, simulator

pytestmark = pytest.mark.slow

#: `make soak` kills twenty times.
KILLS = int(os.environ.get("INGEST_TEST_KILLS", "6"))
SEED = 7
COMMAND = ("backfill", "AAPL", "-b", "1m", "--start", "2023-01-03", "--end", "2024-12-20")


def covered(engine: Engine) -> Windows:
    with engine.connect() as connection:
        rows = series_store.listing(connection, bar_size=BarSize.MIN_1)
        return ledger.read(connection, rows[0].id).windows(State.COVERED) if rows else ()


def asked_again(sim: Simulator, after: int, before: Windows) -> list[Window]:
    """Trading time that requests since `after` asked for although it was covered before they were sent."""
    found: list[Window] = []
    for request in sim.bar_requests(after=after):
        start, end = (datetime.fromisoformat(request[edge]) for edge in ("window_start", "window_end"))
        found += intersect([Window(start, end)], before)
    return found


def wait_for_a_request(sim: Simulator, process: "subprocess.Popen[str]", seen: int) -> None:
    """Until the work has begun: a kill at start-up would prove nothing."""
    while process.poll() is None and not sim.bar_requests(after=seen):
        select.select([], [], [], 0.02)


@pytest.mark.timeout(240)
def test_kills_leave_a_backfill_that_ends_equal_to_its_source(
    tmp_path: Path, database_url: str, engine: Engine
) -> None:
    chance = random.Random(20)
    with simulator(tmp_path, "--seed", str(SEED), "--latency", "0.3", "--now", "2024-12-27T12:00:00Z") as sim:
        ingest = CommandLine.at(tmp_path, port=sim.port, database_url=database_url, INGEST_GATEWAY_CONCURRENCY="2")
        progress = []
        for _ in range(KILLS):
            before, seen = covered(engine), sim.last_seq
            process = ingest.start(*COMMAND)
            wait_for_a_request(sim, process, seen)
            try:
                process.communicate(timeout=chance.uniform(0.0, 0.8))
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
            assert not asked_again(sim, seen, before)
            progress.append(sum(w.span.total_seconds() for w in covered(engine)))
        assert progress == sorted(progress), "covered time was lost"
        assert len(set(progress)) > KILLS // 4, f"too few kills fell into the work: {progress}"
        before, seen = covered(engine), sim.last_seq
        done = ingest.run(*COMMAND)
        assert done.returncode == 0, done.stderr
        assert not asked_again(sim, seen, before)
    assert_equal_to_source(engine)


def assert_equal_to_source(engine: Engine) -> None:
    market = open_market("synthetic", SEED)
    contract = next(one for one in market.contracts() if one.symbol == "AAPL")
    minute = next(size for size in BAR_SIZES if size.text == "1 min")
    start, end = datetime.fromisoformat("2023-01-03T00:00Z"), datetime.fromisoformat("2024-12-20T00:00Z")
    truth = market.bars(contract, "TRADES", minute, int(start.timestamp()), int(end.timestamp()), use_rth=True)
    with engine.connect() as connection:
        (row,) = series_store.listing(connection, bar_size=BarSize.MIN_1)
        held = bars.read(connection, row)
    assert held.num_rows == len(truth)
    assert np.array_equal(held["ts"].cast("int64").to_numpy() // 1_000_000, truth.start)
    for name in ("open", "high", "low", "close", "volume"):
        assert np.array_equal(held[name].to_numpy(), getattr(truth, name)), name
    assert np.array_equal(held["wap"].to_numpy(), np.round(truth.wap, 3)), "IB sends three decimals"
