"""In haste, a request that waits to be tried again comes to what it came to last, whatever it waits for."""

import asyncio

import pytest

from ingest.clock import FakeClock
from ingest.domain.answer import HistoricalAnswer
from ingest.domain.request import HistoricalRequest
from ingest.domain.window import Window
from ingest.errors import GatewayLost, IngestError, RequestTimedOut
from ingest.fetch import Breaker, Fetcher, RetryPolicy
from tests.unit.fetch.test_breaker import REQUEST, WINDOW

SECONDS = 5.0


class Away:
    """A gateway that fails each request in the same way; from then on it is not ready, until `ready` is set."""

    def __init__(self, error: IngestError) -> None:
        self.error = error
        self.asked = 0
        self.ready = asyncio.Event()
        self.ready.set()

    async def historical_bars(
        self, request: HistoricalRequest, window: Window | None, deadline_seconds: float, *, spare: int = 0
    ) -> HistoricalAnswer:
        self.asked += 1
        await asyncio.sleep(0)
        self.ready.clear()
        raise self.error

    async def wait_until_ready(self) -> None:
        await self.ready.wait()


class SlowClock(FakeClock):
    """A clock on which a long sleep does not end."""

    async def sleep(self, seconds: float) -> None:
        if seconds > SECONDS:
            await asyncio.Event().wait()
        await FakeClock.sleep(self, seconds)


async def hurried(fetcher: Fetcher, many: int = 1) -> list[BaseException]:
    """What so many requests come to when haste comes while they wait to be tried again."""
    asking = [asyncio.create_task(fetcher.fetch(REQUEST, WINDOW)) for _ in range(many)]
    for _ in range(100):
        await asyncio.sleep(0)
    assert not any(task.done() for task in asking), "they wait"
    fetcher.haste.set()
    async with asyncio.timeout(SECONDS):
        ended = await asyncio.gather(*asking, return_exceptions=True)
    return [each for each in ended if isinstance(each, BaseException)]


async def test_it_does_not_wait_for_a_gateway_that_is_away() -> None:
    source = Away(GatewayLost("The session was lost."))
    fetcher = Fetcher(source, FakeClock(), RetryPolicy(), 120)
    assert await hurried(fetcher, many=4) == [source.error] * 4
    assert source.asked == 4


async def test_it_does_not_wait_for_a_gateway_that_has_stopped_answering() -> None:
    source = Away(RequestTimedOut("No answer."))
    breaker = Breaker(threshold=1)
    fetcher = Fetcher(source, SlowClock(), RetryPolicy(), 120, breaker)
    source.ready.clear()
    source.wait_until_ready = nothing  # type: ignore[method-assign]
    assert await hurried(fetcher) == [source.error]
    assert not breaker.is_probing


async def test_what_was_never_asked_for_waits() -> None:
    """There is nothing that it has come to; whoever hurries calls it off."""
    source = Away(GatewayLost("The session was lost."))
    source.ready.clear()
    fetcher = Fetcher(source, FakeClock(), RetryPolicy(), 120)
    asking = asyncio.create_task(fetcher.fetch(REQUEST, WINDOW))
    fetcher.haste.set()
    for _ in range(100):
        await asyncio.sleep(0)
    assert not asking.done()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def nothing() -> None:
    return
