"""What happens while IB cannot be reached, and when the gateway itself goes silent."""

import asyncio
from dataclasses import replace

import pytest

from ingest.errors import (
    GatewayLost,
    RequestRefused,
)
from tests.gateway.conftest import OTHER, PATIENT, REQUEST, Heard, failing, gateway_at
from tests.gateway.scripted import (
    HMDS,
    NOON,
    Peer,
    bars,
    bars_end,
    error,
    replying,
    scripted,
    text,
    whole,
)
from tests.given import at


@pytest.mark.parametrize("restored", [1101, 1102])
async def test_what_was_in_flight_while_ib_was_unreachable_is_lost(restored: int, heard: Heard) -> None:
    async def reply(peer: Peer, request_id: int) -> None:
        await peer.send(error(-1, 1100, "Connectivity between IB and TWS has been lost."))
        await asyncio.sleep(0.02)
        await peer.send(error(-1, restored, "Connectivity between IB and TWS has been restored."))

    async def past_the_cancel(peer: Peer, request_id: int) -> None:
        await whole(peer, int((await peer.frame())[1]))

    async with scripted(replying(reply, past_the_cancel)) as port, gateway_at(port, heard=heard) as gateway:
        found = await failing(gateway, GatewayLost)
        assert "unreachable for a while" in found.message
        assert [one.code for one in heard.notices] == [1100, restored]
        await gateway.wait_until_ready()
        assert len((await gateway.historical_bars(OTHER, None, 60)).bars) == 2


async def test_nothing_is_sent_while_ib_is_unreachable_and_waiting_ends_when_it_is_back() -> None:
    back = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.start()
        await peer.send(error(-1, 1100, "lost"))
        await back.wait()
        await peer.send(error(-1, 1102, "restored"))
        await whole(peer, int((await peer.frame())[1]))

    async with scripted(script) as port, gateway_at(port) as gateway:
        await asyncio.sleep(0.02)
        states = [gateway.connected_to_ib]
        with pytest.raises(GatewayLost, match="no connection to IB") as found:
            await gateway.historical_bars(REQUEST, None, 60)
        assert found.value.record is None
        waiting = asyncio.create_task(gateway.wait_until_ready())
        await asyncio.sleep(0.02)
        assert not waiting.done()
        back.set()
        await waiting
        assert [*states, gateway.connected_to_ib] == [False, True]
        assert len((await gateway.historical_bars(REQUEST, None, 60)).bars) == 2


async def test_an_error_200_while_ib_is_unreachable_is_not_believed() -> None:
    async def reply(peer: Peer, request_id: int) -> None:
        await peer.send(error(-1, 1100, "lost"))
        await peer.send(error(request_id, 200, "No security definition has been found for the request"))

    async with scripted(replying(reply)) as port, gateway_at(port) as gateway:
        found = await failing(gateway, RequestRefused)
        assert (found.permanent, found.reaction) == (False, "wait_connectivity")


@pytest.mark.parametrize("by_error", [True, False], ids=["162", "an end without bars"])
async def test_no_data_is_not_believed_while_one_of_two_history_farms_is_broken(by_error: bool) -> None:
    async def reply(peer: Peer, request_id: int) -> None:
        await peer.send(error(-1, 2106, "HMDS data farm connection is OK:euhmds"))
        await peer.send(error(-1, 2105, "HMDS data farm connection is broken:ushmds"))
        if by_error:
            await peer.send(error(request_id, 162, f"{HMDS}HMDS query returned no data: AAPL@SMART Trades"))
        else:
            await peer.send(bars(request_id), bars_end(request_id))

    async with scripted(replying(reply)) as port, gateway_at(port) as gateway:
        found = await failing(gateway, RequestRefused)
        assert (found.permanent, found.reaction) == (False, "wait_connectivity")


async def test_a_competing_session_is_told_to_whoever_listens(heard: Heard) -> None:
    async def script(peer: Peer) -> None:
        await peer.start()
        await peer.send(error(-1, 10197, "No market data during competing live session"))
        await peer.closed()

    async with scripted(script) as port, gateway_at(port, heard=heard):
        await asyncio.sleep(0.02)
    assert "username" in heard.notices[0].hint


async def test_a_gateway_that_went_silent_is_noticed_although_its_socket_is_open() -> None:
    asked: list[str] = []

    async def script(peer: Peer) -> None:
        await peer.start()
        asked.append((await peer.frame())[0])
        await peer.closed()

    deadlines = replace(PATIENT, heartbeat_interval=5.0, current_time=5.0)
    async with scripted(script) as port, gateway_at(port, deadlines=deadlines, scale=50.0) as gateway:
        async with asyncio.timeout(5):
            while gateway.is_open:
                await asyncio.sleep(0.02)
        with pytest.raises(GatewayLost, match="gone silent"):
            await gateway.current_time()
    assert asked == ["49"]


async def test_a_gateway_that_tells_its_time_stays() -> None:
    told_twice = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.start()
        for _ in range(2):
            assert (await peer.frame())[0] == "49"
            await peer.send(text(49, 1, NOON))
        told_twice.set()
        await peer.closed()

    deadlines = replace(PATIENT, heartbeat_interval=6.0, current_time=30.0)
    async with scripted(script) as port, gateway_at(port, deadlines=deadlines, scale=50.0) as gateway:
        await asyncio.wait_for(told_twice.wait(), 5)
        assert gateway.is_open


async def test_the_time_is_asked_once_for_all_who_want_it() -> None:
    async def script(peer: Peer) -> None:
        await peer.start()
        assert (await peer.frame())[0] == "49"
        await peer.send(text(49, 1, NOON))
        await peer.closed()

    async with scripted(script) as port, gateway_at(port) as gateway:
        times = await asyncio.gather(gateway.current_time(), gateway.current_time())
        assert [*times, await gateway.current_time()] == [at("2024-01-10 12:00")] * 3
