import asyncio
from dataclasses import replace

import pytest

from ingest.clock import FakeClock
from ingest.domain.answer import GatewayLogin, RequestKind, RequestOutcome, RequestRecord
from ingest.domain.bar_size import BarSize
from ingest.domain.instrument import Instrument
from ingest.domain.request import Duration, HistoricalRequest
from ingest.domain.series import Series
from ingest.domain.what import WhatToShow
from ingest.errors import GatewayLost, RequestRefused, RequestTimedOut
from ingest.gateway.adaptive import OpenRequests
from ingest.gateway.booking import Turn
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


SERIES = Series(Instrument(1, "S", "STK", "SMART", "USD"), BarSize.SEC_5, WhatToShow.TRADES)


def draft() -> RequestRecord:
    login = GatewayLogin("main", ("DU1",), 200, 1)
    moment = FakeClock().now()
    return RequestRecord(RequestKind.BARS, SERIES, login, moment, RequestOutcome.SENT, duration="3600 S")


class Book:
    """A book that says what it is told to; each turn may take its time."""

    def __init__(self, clock: FakeClock, *turns: tuple[float, Turn]) -> None:
        self.clock, self.turns = clock, list(turns)
        self.asked: list[tuple[float, int | None]] = []
        self.closed: list[RequestRecord] = []

    async def book(self, draft: RequestRecord, grace: float, *, instead_of: int | None = None, spare: int = 0) -> Turn:
        self.asked.append((grace, instead_of))
        takes, turn = self.turns.pop(0)
        self.clock.advance(takes)
        return turn

    async def close(self, record: RequestRecord) -> None:
        self.closed.append(record)


def sharing(*turns: tuple[float, Turn]) -> tuple[FakeClock, PacedGate, Book]:
    clock = FakeClock()
    gate, book = PacedGate(Pacer(PacingRules(grace=0.25)), clock), Book(clock, *turns)
    gate.share(book)
    return clock, gate, book


async def test_a_small_request_leaves_under_the_id_of_its_booking() -> None:
    _, gate, book = sharing((0.1, Turn(0.0, ((-0.25, cost(1)),), 17, 0.25)))
    async with gate.slot(cost(1), draft) as booked:
        assert booked is not None
        assert booked.request_id == 17
    assert (book.asked, book.closed) == ([(0.25, None)], [])


async def test_large_bars_and_look_ups_are_not_booked() -> None:
    _, gate, book = sharing()
    for one in (cost(1, BarSize.MIN_1), RequestCost.of_lookup()):
        async with gate.slot(one, draft) as booked:
            assert booked is None
    assert book.asked == []


async def test_what_other_processes_sent_is_waited_for() -> None:
    others = tuple((100.0, cost(number)) for number in range(60))
    clock, gate, _ = sharing((0.0, Turn(500.5, others)), (0.0, Turn(0.0, ((0.0, cost(99)),), 18, 1e9)))
    async with gate.slot(cost(99), draft) as booked:
        assert booked is not None
        assert 500 <= clock.monotonic() < 502
    assert gate.pacer.open_now == 0


async def test_a_booking_that_lapsed_on_its_way_back_is_made_anew_with_more_time() -> None:
    own = ((-0.25, cost(1)),)
    clock, gate, book = sharing((3.0, Turn(0.0, own, 17, 0.25)), (0.4, Turn(0.0, own, 17, 3.5)))
    async with gate.slot(cost(1), draft) as booked:
        assert booked is not None
        assert booked.request_id == 17
        assert clock.slept == []
    assert book.asked == [(0.25, None), (0.5, 17)]


async def test_a_booked_request_that_fails_is_closed_with_its_end() -> None:
    _, gate, book = sharing((0.0, Turn(0.0, (), 17, 1.0)), (0.0, Turn(0.0, (), 18, 1.0)))
    lost = GatewayLost("gone")
    with pytest.raises(GatewayLost):
        async with gate.slot(cost(1), draft):
            raise lost
    refused = RequestRefused("no", code=162)
    refused.record = replace(draft(), outcome=RequestOutcome.ERROR, code=162)
    with pytest.raises(RequestRefused):
        async with gate.slot(cost(2), draft):
            raise refused
    assert [(one.request_id, one.outcome) for one in book.closed] == [
        (17, RequestOutcome.DISCONNECTED),
        (18, RequestOutcome.ERROR),
    ]
    assert "not sent" in book.closed[0].text


async def test_no_more_large_requests_are_open_than_were_found_to_be_borne() -> None:
    clock = FakeClock()
    told: list[int] = []
    gate = PacedGate(Pacer(PacingRules(open_requests=32)), clock, OpenRequests(32, 4))
    gate.remember(lambda load: told.append(load.allowed))
    most = 0

    async def one(number: int) -> None:
        nonlocal most
        async with gate.slot(cost(number, BarSize.MIN_1)):
            most = max(most, gate.pacer.large_now)
            await asyncio.sleep(0)

    await asyncio.gather(*(one(number) for number in range(12)))
    assert 4 <= most <= 7
    assert told == sorted(told)
    with pytest.raises(RequestTimedOut):
        async with gate.slot(cost(99, BarSize.MIN_1)):
            raise RequestTimedOut("late")
    assert gate.load is not None
    assert gate.load.allowed <= max(told) // 2 + 1
