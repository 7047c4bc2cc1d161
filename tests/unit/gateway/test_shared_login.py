"""What several processes of one login keep open together: never more than IB lets be open."""

import asyncio
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from ingest.clock import FakeClock
from ingest.domain.bar_size import BarSize
from ingest.domain.instrument import Instrument
from ingest.domain.request import Duration, HistoricalRequest
from ingest.domain.series import Series
from ingest.domain.what import WhatToShow
from ingest.gateway.gate import PacedGate
from ingest.gateway.pacing import HARD_OPEN_LIMIT, Pacer, PacingRules, RequestCost

SERIES = Series(Instrument(1, "S", "STK", "SMART", "USD"), BarSize.MIN_1, WhatToShow.TRADES)
COST = RequestCost.of(HistoricalRequest(SERIES, None, Duration(1, "D")))


def gate(chosen: int) -> PacedGate:
    return PacedGate(Pacer(PacingRules(open_requests=chosen)), FakeClock())


def limit(of: PacedGate) -> int:
    return of.pacer.rules.open_requests


@given(st.integers(1, 34), st.integers(1, 12))
def test_processes_that_come_one_by_one_never_have_more_open_than_ib_allows(chosen: int, many: int) -> None:
    """A newcomer knows of all before the others know of it."""
    at_work: list[PacedGate] = []
    for _ in range(many):
        newcomer = gate(chosen)
        newcomer.share_open(len(at_work) + 1)
        at_work.append(newcomer)
        assert sum(map(limit, at_work)) <= HARD_OPEN_LIMIT
        for each in at_work:
            each.share_open(len(at_work))
        assert sum(map(limit, at_work)) <= HARD_OPEN_LIMIT
    at_work[0].share_open(1)
    assert limit(at_work[0]) == chosen, "who is left has all of it again"


async def test_who_waits_for_room_goes_on_when_others_have_left() -> None:
    shared = gate(32)
    shared.share_open(24)
    through: list[int] = []

    async def ask(number: int) -> None:
        async with shared.slot(COST):
            through.append(number)
            await asyncio.Event().wait()

    tasks = [asyncio.create_task(ask(number)) for number in range(10)]
    await asyncio.sleep(0.01)
    assert len(through) == 2
    shared.share_open(1)
    await asyncio.sleep(0.01)
    assert len(through) == 10
    for task in tasks:
        task.cancel()
    with suppress(asyncio.CancelledError):
        await asyncio.gather(*tasks)
