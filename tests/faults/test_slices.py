"""A backfill in slices: each gives way in time, nothing is asked twice, and what failed waits for its round."""

import asyncio
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime

import pytest
from sqlalchemy import Engine, select

from ingest.domain.answer import RequestRecord
from ingest.domain.bar_size import BarSize
from ingest.domain.ledger import State
from ingest.domain.series import Origin
from ingest.errors import SeriesBusy
from ingest.fetch import Fetcher, RetryPolicy
from ingest.gateway.address import GatewayAddress
from ingest.gateway.client import Gateway
from ingest.gateway.gate import PacedGate
from ingest.gateway.pacing import Pacer, PacingRules
from ingest.simulator.faults.script import parse_script
from ingest.simulator.manners.latency import Latency
from ingest.simulator.server import serve
from ingest.simulator.settings import ServerOptions
from ingest.store import series as series_store
from ingest.store.tables import requests
from ingest.worker.lines import Shape
from ingest.worker.locking import Locks, SharedLocks
from ingest.worker.run import Options
from ingest.worker.slices import SliceResult, Station, SteadyTime
from tests import given
from tests.faults.scene import NOW, SPANS, Scene, assert_true, market, unheard
from tests.faults.table import strikes
from tests.faults.virtual import LoopClock, LoopSimulatorClock, run_virtually

SLICE = 10.0
LATENCY = 4.0
#: 30-second bars under IB's rules: after sixty requests the next waits for minutes.
SMALL = BarSize.SEC_30


@dataclass(frozen=True, slots=True)
class Round:
    """The slices of one round, and how long each took."""

    results: list[SliceResult]
    seconds: list[float]
    violations: int

    @property
    def is_complete(self) -> bool:
        return self.results[-1].end.report.is_complete


def _options() -> Options:
    return Options(SPANS, concurrency=2)


async def a_round(
    scene: Scene, *, slice_seconds: float = SLICE, latency: float = LATENCY, script: str = "", most: int = 500
) -> Round:
    """Slice after slice, until there is nothing more to ask in this round."""
    clock = LoopClock(NOW, asyncio.get_running_loop())
    options = ServerOptions(max_version=scene.version, latency=Latency(latency, 0.0), faults=parse_script(script))
    async with await serve(options, market(), LoopSimulatorClock(NOW.timestamp()), unheard) as simulator:
        address = GatewayAddress(port=simulator.port, client_id=3, login_name="main", max_server_version=scene.version)
        gate = PacedGate(Pacer(scene.rules), clock)
        told: list[Station] = []

        def hear(record: RequestRecord) -> None:
            for each in told:
                each.hear(record)

        locks = SharedLocks(scene.engine)
        async with Gateway(address, clock, gate, scene.deadlines, on_record=hear) as gateway:
            fetcher = Fetcher(gateway, clock, RetryPolicy(), 30.0)
            station = Station(scene.engine, SteadyTime(gateway, clock), fetcher, clock, _options, locks)
            told.append(station)
            ended = await _slices(scene, station, clock, slice_seconds, most)
        locks.close()
        return replace(ended, violations=len(simulator.violations))


async def _slices(scene: Scene, station: Station, clock: LoopClock, slice_seconds: float, most: int) -> Round:
    with scene.engine.begin() as connection:
        row = series_store.ensure(connection, scene.series, Origin.SYNTHETIC)
    results: list[SliceResult] = []
    seconds: list[float] = []
    tried: frozenset[Shape] = frozenset()
    while not results or results[-1].end.left_over:
        began = clock.monotonic()
        result = await station.work(row, (scene.wish,), slice_seconds, tried=tried, retry_failed=False)
        results.append(result)
        seconds.append(clock.monotonic() - began)
        tried = result.tried
        assert len(results) < most, "the round does not end"
    return Round(results, seconds, 0)


def asked(engine: Engine) -> Counter[tuple[datetime, str]]:
    """How often each request for bars was made."""
    with engine.connect() as connection:
        columns = select(requests.c.end_text, requests.c.duration).where(requests.c.kind == "bars")
        return Counter((row.end_text, row.duration) for row in connection.execute(columns))


def test_a_backfill_in_slices_ends_complete_and_asks_nothing_twice(engine: Engine) -> None:
    scene = Scene(engine, 200)
    ended = run_virtually(a_round(scene, slice_seconds=5.0))
    assert ended.is_complete
    assert scene.held().bars.equals(scene.truth())
    assert set(asked(engine).values()) == {1}


def test_a_slice_ends_in_time_but_for_what_is_on_the_wire(engine: Engine) -> None:
    scene = Scene(engine, 200, rules=PacingRules(open_requests=1))
    ended = run_virtually(a_round(scene))
    assert ended.is_complete
    assert len(ended.seconds) > 1
    assert max(ended.seconds) <= SLICE + LATENCY + 1.0
    assert set(asked(engine).values()) == {1}, "what was on the wire was waited for, not asked again"


def test_a_slice_does_not_wait_for_the_budget_of_small_bars(engine: Engine) -> None:
    """Eighty requests and more at sixty in ten minutes: most slices have nothing to do but give way."""
    april_and_may = given.window("2024-04-22", "2024-05-25")
    scene = Scene(engine, 200, SMALL, april_and_may, rules=PacingRules(open_requests=8))
    ended = run_virtually(a_round(scene, slice_seconds=60.0, latency=0.2))
    assert ended.is_complete
    assert ended.violations == 0
    assert max(ended.seconds) <= 62.0
    assert len(ended.seconds) > 5
    assert sum(asked(engine).values()) > 80
    held, truth = scene.held().bars, scene.truth()
    assert held.drop_columns("wap").equals(truth.drop_columns("wap")), "(half ticks are rounded either way)"


def test_what_timed_out_is_not_asked_again_in_the_same_round(engine: Engine) -> None:
    scene = Scene(engine, 200)
    ended = run_virtually(a_round(scene, slice_seconds=3.0, script=strikes("silence")))
    assert len(ended.results) > 2
    assert not ended.is_complete
    (entry,) = scene.held().unsettled
    assert entry.state is State.TIMED_OUT
    assert max(asked(engine).values()) == 1, "the retry of a slice that gives way is left to the next round"
    assert_true(scene.held(), scene.truth())
    again = run_virtually(a_round(scene, slice_seconds=20.0))
    assert again.is_complete
    assert scene.held().bars.equals(scene.truth())


def test_a_slice_with_time_repeats_what_failed_once(engine: Engine) -> None:
    scene = Scene(engine, 200)
    ended = run_virtually(a_round(scene, slice_seconds=600.0, script=strikes("silence", times=1)))
    assert ended.is_complete
    assert len(ended.results) == 1


def test_a_lost_session_is_no_reason_to_wait_for_another_round(engine: Engine) -> None:
    scene = Scene(engine, 200, rules=PacingRules(open_requests=1))
    ended = run_virtually(a_round(scene, script=strikes("drop", times=1)))
    assert ended.is_complete
    assert scene.held().bars.equals(scene.truth())


def test_a_station_that_is_left_gives_way_at_once(engine: Engine) -> None:
    scene = Scene(engine, 200)

    async def leave_early() -> SliceResult:
        clock = LoopClock(NOW, asyncio.get_running_loop())
        options = ServerOptions(max_version=200, latency=Latency(0.1, 0.0))
        async with await serve(options, market(), LoopSimulatorClock(NOW.timestamp()), unheard) as simulator:
            gate = PacedGate(Pacer(scene.rules), clock)
            async with Gateway(GatewayAddress(port=simulator.port), clock, gate, scene.deadlines) as gateway:
                fetcher = Fetcher(gateway, clock, RetryPolicy(), 30.0)
                locks = SharedLocks(engine)
                station = Station(engine, SteadyTime(gateway, clock), fetcher, clock, _options, locks)
                station.leave()
                with engine.begin() as connection:
                    row = series_store.ensure(connection, scene.series, Origin.SYNTHETIC)
                result = await station.work(row, (scene.wish,), 600.0, tried=(), retry_failed=False)
                locks.close()
                return result

    result = run_virtually(leave_early())
    assert result.end.left_over > 0
    assert not asked(engine)


def test_shared_locks_keep_others_off_and_are_given_back_one_by_one(engine: Engine) -> None:
    scene = Scene(engine, 200)
    with engine.begin() as connection:
        row = series_store.ensure(connection, scene.series, Origin.SYNTHETIC)
        other = series_store.ensure(connection, replace(scene.series, bar_size=BarSize.DAY_1), Origin.SYNTHETIC)
    shared = SharedLocks(engine)
    with shared.share(engine) as mine, shared.share(engine) as also_mine:
        mine.take(row)
        also_mine.take(other)
        with pytest.raises(SeriesBusy, match="this worker"):
            also_mine.take(row)
        with Locks.on(engine) as theirs:
            with pytest.raises(SeriesBusy, match="another run"):
                theirs.take(row)
            mine.release()
            theirs.take(row)
            with pytest.raises(SeriesBusy, match="another run"):
                theirs.take(other)
    with Locks.on(engine) as theirs:
        theirs.take(row)
        theirs.take(other)
    shared.close()


def test_shared_locks_are_taken_again_after_an_outage_but_for_those_that_others_took(engine: Engine) -> None:
    scene = Scene(engine, 200)
    with engine.begin() as connection:
        rows = [
            series_store.ensure(connection, replace(scene.series, bar_size=size), Origin.SYNTHETIC)
            for size in (BarSize.MIN_5, BarSize.DAY_1)
        ]
    shared = SharedLocks(engine)
    with shared.share(engine) as first, shared.share(engine) as second:
        first.take(rows[0])
        second.take(rows[1])
        shared._locks._drop()
        with Locks.on(engine) as theirs:
            theirs.take(rows[1])
            shared._locks._open()
            shared._reopen()
            first.retake()
            with pytest.raises(SeriesBusy, match="taken over"):
                second.retake()
    shared.close()


def test_a_violation_while_giving_way_is_no_reason_to_wait_for_another_round(engine: Engine) -> None:
    """It is not the request's fault, and would have been repeated."""
    scene = Scene(engine, 200, rules=PacingRules(open_requests=1))
    ended = run_virtually(a_round(scene, slice_seconds=1.0, script=strikes("error", known="pacing", times=1)))
    assert ended.is_complete
    assert scene.held().bars.equals(scene.truth())
