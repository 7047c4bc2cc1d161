"""A gateway that has stopped answering is left alone, probed by one request, and given up in the end."""

import asyncio
from datetime import timedelta

import pytest

from ingest.clock import FakeClock
from ingest.domain.answer import HistoricalAnswer
from ingest.domain.request import Duration, HistoricalRequest
from ingest.domain.window import Window
from ingest.errors import GatewayGone, RequestRefused, RequestTimedOut
from ingest.fetch import Breaker, Fetcher, RetryPolicy
from tests.given import at, series, window

WINDOW = window("2024-01-03", "2024-01-04")
REQUEST = HistoricalRequest(series(), at("2024-01-03 21:00"), Duration(1, "D"))


def tripped(now: float = 0.0) -> Breaker:
    breaker = Breaker(threshold=3)
    for _ in range(3):
        breaker.unanswered(now)
    return breaker


def test_a_few_time_outs_change_nothing() -> None:
    breaker = Breaker(threshold=3)
    breaker.unanswered(0.0)
    breaker.unanswered(0.0)
    assert breaker.wait(0.0) == 0.0


def test_time_outs_in_a_row_stop_everybody_for_a_minute() -> None:
    assert tripped().wait(10.0) == 50.0


def test_an_open_breaker_says_how_long_nothing_is_sent_and_that_it_lets_a_probe_through_then() -> None:
    breaker = tripped()
    assert [breaker.pause(now) for now in (0.0, 59.0, 60.0)] == [60.0, 1.0, 0.0]
    breaker.unanswered(60.0)
    assert breaker.pause(61.0) == 119.0
    breaker.answered()
    assert breaker.pause(61.0) == 0.0


def test_a_breaker_that_is_new_has_heard_no_answer() -> None:
    breaker = Breaker()
    breaker.unanswered(0.0)
    assert breaker.answers == 0
    breaker.answered()
    assert breaker.answers == 1


def test_an_answer_in_between_starts_the_count_anew() -> None:
    breaker = Breaker(threshold=2)
    for _ in range(5):
        breaker.unanswered(0.0)
        breaker.answered()
    assert breaker.wait(0.0) == 0.0


def test_one_request_probes_while_the_others_wait() -> None:
    breaker = tripped()
    assert breaker.wait(60.0) == 0.0
    assert breaker.is_probing
    assert breaker.wait(60.0) == breaker.poll_seconds


def test_what_was_in_flight_when_it_tripped_does_not_trip_it_again() -> None:
    breaker = tripped()
    breaker.unanswered(30.0)
    assert breaker.trips == 1
    assert breaker.wait(30.0) == 30.0


def test_a_failed_probe_doubles_the_pause() -> None:
    breaker = tripped()
    breaker.unanswered(60.0)
    assert breaker.wait(60.0) == 120.0


class Deaf:
    """A source that answers nothing, or refuses from some request on."""

    def __init__(self, *, refuses_after: int = 10**9) -> None:
        self.asked = 0
        self.refuses_after = refuses_after

    async def historical_bars(
        self, request: HistoricalRequest, window: Window | None, deadline_seconds: float, *, spare: int = 0
    ) -> HistoricalAnswer:
        self.asked += 1
        await asyncio.sleep(0)
        if self.asked > self.refuses_after:
            raise RequestRefused("no", permanent=True)
        raise RequestTimedOut("silence")

    async def wait_until_ready(self) -> None:
        return


def fetcher(source: Deaf, clock: FakeClock) -> Fetcher:
    return Fetcher(source, clock, RetryPolicy(attempts=1), 120, Breaker(threshold=3, most_trips=2))


async def test_a_gateway_that_never_answers_ends_the_run_instead_of_burning_every_request() -> None:
    clock, source = FakeClock(), Deaf()
    asking = fetcher(source, clock)
    started = clock.now()
    for _ in range(4):
        with pytest.raises(RequestTimedOut):
            await asking.fetch(REQUEST, WINDOW)
    with pytest.raises(GatewayGone):
        await asking.fetch(REQUEST, WINDOW)
    assert source.asked == 5
    assert clock.now() - started >= timedelta(seconds=60 + 120)


async def test_a_refusal_is_an_answer() -> None:
    clock, source = FakeClock(), Deaf(refuses_after=3)
    asking = fetcher(source, clock)
    for _ in range(3):
        with pytest.raises(RequestTimedOut):
            await asking.fetch(REQUEST, WINDOW)
    with pytest.raises(RequestRefused):
        await asking.fetch(REQUEST, WINDOW)
    assert asking.breaker.wait(clock.monotonic()) == 0.0
