"""What goes wrong with the Gateway as a whole: handshakes, farms, the connection to IB, the nightly restart."""

import asyncio
import textwrap
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import pytest

from ingest.simulator.faults.script import Fault, FaultScript, FaultScriptError, Match, Schedule, parse_script
from ingest.simulator.manners.latency import Latency
from tests.simulator.server.conftest import Start
from tests.simulator.server.raw_client import ask_history, connected, until
from tests.simulator.server.tiny import at


def _script(action: str, match: Match | None = None, **parameters: Any) -> FaultScript:
    return FaultScript((Fault(action, match or Match(), **parameters),))


async def test_a_silent_handshake_never_answers_and_the_next_one_does(start: Start) -> None:
    started = await start(faults=_script("silent_handshake", Match(times=1)))
    async with connected(started.port, None) as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await client.shake("v100..200")
    async with connected(started.port) as client:
        assert client.version == 200


async def test_a_partial_handshake_stops_half_way(start: Start) -> None:
    started = await start(faults=_script("partial_handshake"))
    async with connected(started.port, None) as client:
        client.writer.write(b"API\0\0\0\0\x09v100..200")
        assert await client.reader.read(100) == b"\0\0\0\x21200\x0020240108 0"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await client.reader.read(100)


async def test_a_split_handshake_arrives_in_two_reads(start: Start) -> None:
    started = await start(faults=_script("split_handshake", seconds=0.05))
    async with connected(started.port, None) as client:
        client.writer.write(b"API\0\0\0\0\x09v100..200")
        first = await client.reader.read(100)
        second = await client.reader.read(100)
    assert first + second == b"\0\0\0\x21200\x0020240108 07:00:00 US/Eastern\0"
    assert len(second) > 10


async def test_a_glued_handshake_has_session_messages_behind_it(start: Start) -> None:
    started = await start(faults=_script("glued_handshake"))
    async with connected(started.port, None) as client:
        await client.shake("v100..200")
        assert await client.fields() == ["15", "1", "SIM0000001"]
        assert await client.fields() == ["9", "1", "1"]


async def test_a_connection_can_be_dropped_at_the_hello(start: Start) -> None:
    started = await start(faults=_script("drop", Match(message="connect", nth=1)))
    async with connected(started.port, None) as client:
        client.writer.write(b"API\0\0\0\0\x09v100..200")
        assert await client.is_closed()
    async with connected(started.port):
        pass


async def test_a_client_id_can_be_in_use_for_the_first_attempts(start: Start) -> None:
    started = await start(faults=_script("client_id_in_use", Match(times=2)))
    for _ in range(2):
        async with connected(started.port, client_id=None) as client:
            await client.start(1)
            assert (await client.fields())[1:3] == ["-1", "326"]
            assert await client.is_closed()
    async with connected(started.port, client_id=1) as client:
        client.send(49, 1)
        assert (await client.fields())[0] == "49"


async def test_startApi_can_be_met_with_silence_or_late(start: Start) -> None:  # noqa: N802
    started = await start(faults=_script("silence", Match(message="start", nth=1)))
    async with connected(started.port, client_id=None) as client:
        await client.start(1)
        with pytest.raises(TimeoutError):
            await client.frame(timeout_seconds=0.1)
    late = await start(faults=_script("delay", Match(message="start"), seconds=0.05))
    async with connected(late.port, client_id=None) as client:
        await client.start(1)
        assert (await client.fields())[0] == "15"


@pytest.mark.parametrize(("farm", "down", "ok"), [("market", 2103, 2104), ("hmds", 2105, 2106), ("secdef", 2157, 2158)])
async def test_a_farm_breaks_and_comes_back(start: Start, farm: str, down: int, ok: int) -> None:
    started = await start()
    async with connected(started.port) as client:
        await started.simulator.play(Fault("farm_down", farm=farm, seconds=0.01))
        assert [int((await client.fields())[2]) for _ in range(2)] == [down, ok]


async def test_while_the_history_farm_is_broken_nothing_is_answered_then_or_later(start: Start) -> None:
    started = await start(latency=Latency(base=0.05))
    async with connected(started.port) as client:
        ask_history(client, 1)
        await until(lambda: started.simulator.open_requests == 1)
        breaking = asyncio.ensure_future(started.simulator.play(Fault("farm_down", seconds=0.15)))
        assert (await client.fields())[2] == "2105"
        ask_history(client, 2)
        await breaking
        assert (await client.fields())[2] == "2106"
        ask_history(client, 3)
        assert (await client.fields())[:2] == ["17", "3"]
    assert [one["outcome"] for one in started.events("answer")] == ["lost_in_outage", "lost_in_outage", "answered"]


async def test_who_connects_while_a_farm_is_broken_is_told_so(start: Start) -> None:
    started = await start()
    breaking = asyncio.ensure_future(started.simulator.play(Fault("farm_down", seconds=0.1)))
    await until(lambda: started.simulator.login.health.farms_down)
    async with connected(started.port, client_id=None) as client:
        await client.start(1)
        codes = [(await client.fields())[2] for _ in range(5)][2:]
    await breaking
    assert codes == ["2104", "2105", "2158"]


async def test_an_inactive_farm_is_only_a_notice(start: Start) -> None:
    started = await start()
    async with connected(started.port) as client:
        await started.simulator.play(Fault("farm_inactive"))
        assert (await client.fields())[2] == "2107"
        ask_history(client, 1)
        assert (await client.fields())[0] == "17"


@pytest.mark.parametrize("restored", [1101, 1102])
async def test_a_lost_connection_is_announced_and_comes_back_with_the_farms(start: Start, restored: int) -> None:
    started = await start()
    async with connected(started.port) as client:
        lost = asyncio.ensure_future(started.simulator.play(Fault("connection_lost", restored=restored, seconds=0.1)))
        assert (await client.fields())[2] == "1100"
        ask_history(client, 1)
        client.send(9, 8, 2, 265598, *("",) * 11, 0, "", "", "")
        client.send(49, 1)
        assert (await client.fields())[0] == "49"
        await lost
        assert [int((await client.fields())[2]) for _ in range(4)] == [restored, 2104, 2106, 2158]
        ask_history(client, 3)
        assert (await client.fields())[:2] == ["17", "3"]


async def test_during_the_nightly_reset_contracts_may_be_denied_falsely(start: Start) -> None:
    started = await start()
    async with connected(started.port) as client:
        lost = asyncio.ensure_future(started.simulator.play(Fault("connection_lost", spurious_200=True, seconds=0.1)))
        assert (await client.fields())[2] == "1100"
        client.send(9, 8, 2, 265598, *("",) * 11, 0, "", "", "")
        assert (await client.fields())[1:3] == ["2", "200"]
        ask_history(client, 3)
        assert (await client.fields())[1:3] == ["3", "200"]
        await lost


async def test_a_lost_login_accepts_connections_and_answers_nothing(start: Start) -> None:
    started = await start()
    gone = asyncio.ensure_future(started.simulator.play(Fault("logout", seconds=0.2, restored=1101)))
    await until(lambda: started.simulator.login.health.mute)
    async with connected(started.port, client_id=None) as client:
        await client.start(1)
        assert [(await client.fields())[0] for _ in range(2)] == ["15", "9"]
        assert (await client.fields())[2] == "1100"
        client.send(49, 1)
        ask_history(client, 1)
        with pytest.raises(TimeoutError):
            await client.frame(timeout_seconds=0.05)
        await gone
        assert (await client.fields())[2] == "1101"
        for _ in range(3):
            await client.fields()
        client.send(49, 1)
        assert (await client.fields())[0] == "49"


async def test_a_restart_closes_every_socket_refuses_for_a_while_and_listens_on_the_same_port(start: Start) -> None:
    started = await start()
    async with connected(started.port, client_id=1) as one, connected(started.port, client_id=2) as two:
        restarting = asyncio.ensure_future(started.simulator.play(Fault("restart", seconds=0.1)))
        assert await one.is_closed()
        assert await two.is_closed()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", started.port)
        await restarting
    async with connected(started.port, client_id=1) as client:
        client.send(49, 1)
        assert (await client.fields())[0] == "49"
    assert started.events("restarted")[0]["port"] == started.port


async def test_all_clients_can_be_dropped_while_the_gateway_stays(start: Start) -> None:
    started = await start()
    async with connected(started.port) as client:
        await started.simulator.play(Fault("drop_all"))
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await client.reader.readexactly(1)
    await until(lambda: not started.simulator.login.clients)
    async with connected(started.port):
        pass


async def test_incidents_happen_at_their_time_and_again(start: Start) -> None:
    """The fifty minutes of it pass in half a second, so that a machine that is a little late shifts no turn."""
    script = parse_script(
        textwrap.dedent(
            """
            [[fault]]
            action = "broadcast"
            known = "server_broken"
            at = 2024-01-05T16:00:00Z

            [[fault]]
            action = "broadcast"
            code = 2107
            text = "asleep"
            after = 600.0
            every = 1200.0
            """
        )
    )
    started = await start(now=at("2024-01-05T15:30:00"), scale=6_000, faults=script)
    await until(lambda: len(started.events("broadcast")) >= 4)
    (once,) = _instants(started.events("broadcast"), 2110)
    again = _instants(started.events("broadcast"), 2107)
    assert 0 <= once - at("2024-01-05T16:00:00") < 1200
    first_due = at("2024-01-05T15:40:00")
    assert [int((instant - first_due) // 1200) for instant in again[:3]] == [0, 1, 2]


def _instants(events: Iterable[Mapping[str, Any]], code: int) -> list[float]:
    return [datetime.fromisoformat(one["time"]).timestamp() for one in events if one["code"] == code]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("action = 'restart'", "restart needs seconds"),
        ("action = 'restart'\nseconds = 'long'", "seconds = 'long' is not of type float"),
        ("action = 'restart'\nseconds = 3\nmatch = { nth = 1 }", "restart does not take match"),
        ("action = 'farm_down'\nseconds = 3\nfarm = 'animal'", "farm is one of hmds, market, secdef, not animal"),
        ("action = 'connection_lost'\nseconds = 3\nrestored = 1100", "restored is one of 1101, 1102"),
        ("action = 'silence'\nat = 2024-01-05", "silence does not take at"),
        ("action = 'broadcast'\nknown = 'nonsense'", "no error is known as 'nonsense'"),
        ("action = 'broadcast'\nknown = 'pacing'\nat = 'noon'", "'noon' is not an instant"),
        ("action = 'truncated'\nmatch = { message = 'contract' }", "truncated cannot happen to contract"),
        ("action = 'silence'\nmatch = { message = 'connect' }", "silence cannot happen to connect"),
        ("action = 'slow'", "slow needs seconds"),
        ("action = 'silence'\nmatch = { nth = 'first' }", "nth = 'first' is not of type"),
        ("action = 'deaf'\nseconds = 1\nmatch = { message = 'contract' }", "deaf cannot happen to contract"),
    ],
)
def test_entries_that_make_no_sense_are_refused(text: str, complaint: str) -> None:
    with pytest.raises(FaultScriptError) as caught:
        parse_script("[[fault]]\n" + text)
    assert str(caught.value).startswith("fault 1: ")
    assert complaint in str(caught.value)


def test_an_incident_is_read_with_its_schedule() -> None:
    text = "action = 'restart'\nseconds = 120\nat = '2024-01-05T23:45:00-05:00'\nevery = 86400"
    script = parse_script("[[fault]]\n" + text)
    assert script.faults == (
        Fault("restart", seconds=120, schedule=Schedule(at=at("2024-01-06T04:45:00"), every=86400)),
    )


async def test_what_happens_to_requests_cannot_be_played_on_the_gateway(start: Start) -> None:
    started = await start()
    with pytest.raises(ValueError, match="silence happens to requests"):
        await started.simulator.play(Fault("silence"))
