import asyncio

from ingest.clock import FakeClock
from ingest.domain.bar_size import BarSize
from ingest.domain.instrument import Instrument
from ingest.domain.request import Duration, HistoricalRequest
from ingest.domain.series import Series
from ingest.domain.what import WhatToShow
from ingest.gateway.gate import PacedGate
from ingest.gateway.pacing import Pacer, PacingRules, RequestCost


def cost(number: int, size: BarSize = BarSize.SEC_5) -> RequestCost:
    instrument = Instrument(1 + number, f"S{number}", "STK", "SMART", "USD")
    return RequestCost.of(HistoricalRequest(Series(instrument, size, WhatToShow.TRADES), None, Duration(3600, "S")))


async def test_requests_go_through_in_the_order_they_came() -> None:
    clock, order = FakeClock(), []
    gate = PacedGate(Pacer(PacingRules(open_requests=1)), clock)

    async def one(number: int) -> None:
        async with gate.slot(cost(number)):
            order.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*(one(number) for number in range(20)))
    assert order == list(range(20))
    assert gate.pacer.open_now == 0


async def test_the_gate_sleeps_as_long_as_the_pacer_says() -> None:
    clock = FakeClock()
    gate = PacedGate(Pacer(PacingRules(guard=0.0)), clock)
    for number in range(61):
        async with gate.slot(cost(number)):
            assert gate.pacer.open_now == 1
    assert 599 < sum(clock.slept) < 601


async def test_minute_bars_are_not_held_up_by_small_bars_that_wait_for_budget() -> None:
    clock = FakeClock()
    gate = PacedGate(Pacer(), clock)
    blocked = asyncio.Event()

    class Stuck(FakeClock):
        async def sleep(self, seconds: float) -> None:
            blocked.set()
            await asyncio.Event().wait()

    gate._clock = Stuck()
    gate.recall(tuple((1.0, cost(number)) for number in range(60)))
    waiting = asyncio.create_task(gate.slot(cost(99)).__aenter__())
    await blocked.wait()
    async with gate.slot(cost(99, BarSize.MIN_1)):
        assert not waiting.done()
    waiting.cancel()


async def test_the_slot_is_given_back_when_the_request_fails_or_is_cancelled() -> None:
    gate = PacedGate(Pacer(PacingRules(open_requests=1)), FakeClock())

    async def stuck() -> None:
        async with gate.slot(cost(1)):
            await asyncio.Event().wait()

    task = asyncio.create_task(stuck())
    await asyncio.sleep(0)
    waiting = asyncio.create_task(gate.slot(cost(2)).__aenter__())
    await asyncio.sleep(0)
    assert not waiting.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.wait_for(waiting, 1)


async def test_one_that_is_cancelled_while_it_waits_leaves_the_lane_to_the_next() -> None:
    gate = PacedGate(Pacer(PacingRules(open_requests=1)), FakeClock())
    slots = [gate.slot(cost(number)) for number in (2, 3)]
    async with gate.slot(cost(1)):
        first, second = (asyncio.create_task(one.__aenter__()) for one in slots)
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
    await asyncio.wait_for(second, 1)
    assert gate.pacer.open_now == 1


async def test_a_violation_makes_the_next_request_wait_a_minute() -> None:
    clock = FakeClock()
    gate = PacedGate(Pacer(), clock)
    gate.violated()
    async with gate.slot(cost(1, BarSize.MIN_1)):
        assert sum(clock.slept) >= 60


async def test_the_log_of_an_earlier_run_counts_by_its_age() -> None:
    clock = FakeClock()
    gate = PacedGate(Pacer(PacingRules(guard=0.0)), clock)
    gate.recall(tuple((500.0, cost(number)) for number in range(60)))
    async with gate.slot(cost(99)):
        assert 99 < sum(clock.slept) < 101
