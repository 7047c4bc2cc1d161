import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from ingest.clock import FakeClock
from ingest.errors import GatewayLost, RequestTimedOut
from ingest.gateway.pulse import Pulse
from tests.given import at

NOON = at("2024-01-10 12:00")


@dataclass
class Peer:
    """A gateway that sends `per_sleep` frames in every interval, and answers or not."""

    clock: FakeClock = field(default_factory=FakeClock)
    per_sleep: int = 0
    frames: int = 0
    asked: int = 0


class Impatient(FakeClock):
    """Deadlines on it have always passed."""

    @asynccontextmanager
    async def deadline(self, seconds: float) -> AsyncIterator[None]:
        async with asyncio.timeout(0):
            yield


def pulse_of(peer: Peer) -> Pulse:
    def ask() -> None:
        peer.asked += 1

    return Pulse(peer.clock, ask, lambda: peer.frames)


async def test_the_time_counts_on_from_an_answer_that_is_fresh() -> None:
    peer = Peer()
    pulse = pulse_of(peer)
    first = asyncio.create_task(pulse.time(10))
    await asyncio.sleep(0)
    pulse.told(NOON)
    assert await first == NOON
    peer.clock.advance(3.5)
    assert await pulse.time(10) == NOON + timedelta(seconds=3)
    peer.clock.advance(2)
    again = asyncio.create_task(pulse.time(10))
    await asyncio.sleep(0)
    pulse.told(NOON + timedelta(seconds=6))
    assert await again == NOON + timedelta(seconds=6)
    assert peer.asked == 2


async def test_whoever_waits_for_the_time_hears_of_the_end() -> None:
    pulse = pulse_of(Peer())
    waiting = asyncio.create_task(pulse.time(10))
    await asyncio.sleep(0)
    pulse.stop(GatewayLost("over"))
    with pytest.raises(GatewayLost, match="over"):
        await waiting


async def test_a_time_that_is_not_told_is_a_time_out() -> None:
    with pytest.raises(RequestTimedOut, match="within 10 s"):
        await pulse_of(Peer(Impatient())).time(10)


async def test_a_gateway_that_talks_is_not_asked() -> None:
    class Busy(FakeClock):
        async def sleep(self, seconds: float) -> None:
            peer.frames += 1
            if peer.frames > 3:
                raise asyncio.CancelledError
            await super().sleep(seconds)

    peer = Peer(Busy())
    with pytest.raises(asyncio.CancelledError):
        await pulse_of(peer).beat(30, 10)
    assert peer.asked == 0


async def test_a_gateway_that_says_nothing_at_all_has_gone() -> None:
    peer = Peer(Impatient())
    await pulse_of(peer).beat(30, 10)
    assert peer.asked == 1


async def test_a_gateway_that_says_anything_but_the_time_has_not_gone() -> None:
    class Once(Impatient):
        async def sleep(self, seconds: float) -> None:
            if self.slept:
                raise asyncio.CancelledError
            await super().sleep(seconds)

    peer = Peer(Once())

    def ask() -> None:
        peer.frames += 1

    with pytest.raises(asyncio.CancelledError):
        await Pulse(peer.clock, ask, lambda: peer.frames).beat(30, 10)
