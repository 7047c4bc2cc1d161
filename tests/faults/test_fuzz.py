"""Five hundred spoiled server streams over real sockets: no crash, no hang, no wrong bar, and a working session after.

A bar is accepted only from a frame that is still well formed. So all bars that get through are the market's, except as
many as mutated bytes can have turned into other well-formed bars (see `mutation`).
"""

import asyncio
import random
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from ingest.domain.bar_size import BarSize
from ingest.domain.request import Duration, HistoricalRequest
from ingest.domain.series import Series
from ingest.domain.what import WhatToShow
from ingest.errors import GatewayError, RequestError
from ingest.gateway.address import Deadlines, GatewayAddress
from ingest.gateway.client import Gateway
from ingest.gateway.gate import PacedGate
from ingest.gateway.pacing import Pacer
from ingest.simulator.manners.latency import Latency
from ingest.simulator.server import serve
from ingest.simulator.settings import ServerOptions
from tests.faults.mutation import Mutator, Proxy, proxied
from tests.faults.scene import NOW, Scene, instrument, market, unheard
from tests.faults.virtual import LoopClock, LoopSimulatorClock, run_virtually
from tests.gateway import captures
from tests.gateway.scripted import Peer, bars, bars_end, framed, scripted

SERIES = Series(instrument(), BarSize.MIN_5, WhatToShow.TRADES)
ENDS = [datetime(2024, 5, day, 20, 0, tzinfo=UTC) for day in (14, 16, 20)]
REQUESTS = [HistoricalRequest(SERIES, end, Duration(1, "D")) for end in ENDS]
STREAMS_OF_SIMULATOR, STREAMS_OF_CAPTURES, GROUP = 400, 100, 25


def gateway_at(port: int, version: int) -> Gateway:
    clock = LoopClock(NOW, asyncio.get_running_loop())
    address = GatewayAddress(port=port, client_id=7, max_server_version=version)
    return Gateway(address, clock, PacedGate(Pacer(), clock), Deadlines(reconnect=600))


async def asked(gateway: Gateway, request: HistoricalRequest) -> pa.Table | None:
    """The bars that were accepted, None when the request ended in one of the errors it may end in."""
    try:
        return (await gateway.historical_bars(request, None, 60)).bars.table
    except (RequestError, GatewayError):
        return None


def wrong_bars(table: pa.Table, truth: pa.Table) -> int:
    known = {row["ts"]: row for row in truth.to_pylist()}
    return sum(known.get(row["ts"]) != row for row in table.to_pylist())


async def storm(proxy: Proxy, version: int, seed: int, truth: pa.Table) -> None:
    """One client's session under mutation, and then without."""
    proxy.mutator = None
    async with gateway_at(proxy.port, version) as gateway:
        mutator = proxy.mutator = Mutator(random.Random(seed))
        answers = await asyncio.gather(*(asked(gateway, request) for request in REQUESTS))
        accepted = [table for table in answers if table is not None]
        assert sum(wrong_bars(table, truth) for table in accepted) <= mutator.touches, mutator.done
        proxy.mutator = None
        for _ in range(3):
            await gateway.wait_until_ready()
            calm = await asked(gateway, REQUESTS[0])
            if calm is not None:
                break
        assert calm is not None, f"no answer after the storm of {mutator.done}"
        assert calm.num_rows == 78
        assert wrong_bars(calm, truth) == 0


@pytest.mark.parametrize("group", range(STREAMS_OF_SIMULATOR // GROUP))
@pytest.mark.parametrize("version", [200, 225], ids=["text", "protobuf"])
def test_no_spoiled_answer_crashes_hangs_or_deceives_the_client(group: int, version: int) -> None:
    async def storms() -> None:
        options = ServerOptions(max_version=version, latency=Latency(0.1, 0.0))
        clock = LoopSimulatorClock(NOW.timestamp())
        async with await serve(options, market(), clock, unheard) as simulator, proxied(simulator.port) as proxy:
            for number in range(GROUP // 2 + (version == 225) * (GROUP % 2)):
                await storm(proxy, version, 1000 * group + number + version, Scene.truth_of(BarSize.MIN_5))

    run_virtually(storms())


@pytest.mark.parametrize("group", range(STREAMS_OF_CAPTURES // GROUP))
def test_no_spoiled_capture_disturbs_the_answer_behind_it(group: int) -> None:
    frames = [framed(payload) for payload in captures.text_payloads()]

    async def storms() -> None:
        for number in range(GROUP):
            await after_captures(frames, random.Random(group * GROUP + number))

    run_virtually(storms())


async def after_captures(frames: list[bytes], dice: random.Random) -> None:
    """Real frames of a real Gateway, spoiled, and then a clean answer of two bars."""
    mutator = Mutator(dice)

    async def script(peer: Peer) -> None:
        await peer.start()
        request_id = int((await peer.frame())[1])
        chosen = dice.sample(frames, k=min(len(frames), 8))
        await peer.write(mutator.spoil(chosen) + framed(bars(request_id, *STARTS), bars_end(request_id)))
        await peer.closed()

    async with scripted(script) as port, gateway_at(port, 200) as gateway:
        found = await asked(gateway, REQUESTS[0])
        if found is not None:
            assert [row["ts"].timestamp() for row in found.to_pylist()] == STARTS
            assert set(found["close"].to_pylist()) == {1.5}


STARTS = [int((ENDS[0] - timedelta(minutes=minutes)).timestamp()) for minutes in (10, 5)]
