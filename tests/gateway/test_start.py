"""Connecting: to a gateway in any mood, and to everything that is none."""

import asyncio
import socket
import time
from collections.abc import Callable

import pytest
from ibapi.contract import Contract
from ibapi.order import Order
from ibapi.order_cancel import OrderCancel
from structlog.testing import capture_logs

from ingest.clock import SystemClock
from ingest.domain.series import Origin
from ingest.errors import GatewayError, GatewayLost, GatewayRefused, GatewayUnreachable
from ingest.gateway.address import GatewayAddress
from ingest.gateway.client import Gateway
from ingest.gateway.encoder import Encoder
from ingest.gateway.frames import ForbiddenMessage
from ingest.gateway.gate import PacedGate
from ingest.gateway.pacing import Pacer
from tests.gateway.captures import exchange
from tests.gateway.conftest import REQUEST, SHORT, Heard, gateway_at
from tests.gateway.scripted import ACCOUNTS, NEXT_ID, Peer, Script, bars, bars_end, error, framed, scripted, text

PROTOBUF_START = exchange("ibkr_go_sv225_contract_not_found.txt", "server")[:2]


async def refused(port: int, kind: type[GatewayError]) -> GatewayError:
    """Connect and expect this; the message is one clear line with something to do."""
    with pytest.raises(kind) as found:
        await gateway_at(port, deadlines=SHORT).connect()
    assert "\n" not in str(found.value)
    assert found.value.hint
    return found.value


async def test_a_session_knows_whom_it_talks_to() -> None:
    async def script(peer: Peer) -> None:
        assert await peer.greeting() == b"API\0\0\0\0\x09v100..200"
        await peer.send(text(200, "20240110 12:00:00 Mitteleuropäische Zeit"))
        assert await peer.frame() == ["71", "2", "7", ""]
        await peer.send(text(15, 1, "DU1,DU2,"), NEXT_ID)
        await peer.closed()

    async with scripted(script) as port, gateway_at(port) as gateway:
        login = gateway.login
        assert (login.name, login.accounts, login.client_id) == ("main", ("DU1", "DU2"), 7)
        assert (login.server_version, gateway.server_version) == (200, 200)
        assert login.connection_time == "20240110 12:00:00 Mitteleuropäische Zeit"
        assert login.client_package == "nautilus-ibapi 10.46.1"
        assert gateway.origin is Origin.LIVE


async def test_simulated_accounts_make_everything_synthetic() -> None:
    async def script(peer: Peer) -> None:
        await peer.welcome()
        await peer.frame()
        await peer.send(text(15, 1, "SIM0000001"), NEXT_ID)
        await peer.closed()

    async with scripted(script) as port, gateway_at(port) as gateway:
        assert gateway.origin is Origin.SYNTHETIC


@pytest.mark.parametrize("piece", [1, 3, 7])
async def test_a_handshake_and_a_start_in_pieces_are_put_together(piece: int) -> None:
    async def script(peer: Peer) -> None:
        await peer.greeting()
        await peer.send(text(200, "now"), piece=piece, pause=0.001)
        await peer.frame()
        await peer.send(ACCOUNTS, NEXT_ID, piece=piece, pause=0.001)
        await peer.closed()

    async with scripted(script) as port, gateway_at(port) as gateway:
        assert gateway.login.accounts == ("DU1234567",)


async def test_what_comes_glued_to_the_handshake_is_not_lost() -> None:
    async def script(peer: Peer) -> None:
        await peer.greeting()
        await peer.send(text(200, "now"), ACCOUNTS, NEXT_ID, error(-1, 2106, "HMDS data farm connection is OK:ushmds"))
        await peer.closed()

    heard = Heard()
    async with scripted(script) as port, gateway_at(port, heard=heard) as gateway:
        assert gateway.login.accounts == ("DU1234567",)
        assert [one.code for one in heard.notices] == [2106]


async def test_half_a_frame_glued_to_the_handshake_waits_for_its_rest() -> None:
    async def script(peer: Peer) -> None:
        await peer.greeting()
        stream = framed(text(200, "now"), ACCOUNTS, NEXT_ID)
        await peer.write(stream[:20])
        await peer.frame()
        await peer.write(stream[20:])
        await peer.closed()

    async with scripted(script) as port, gateway_at(port) as gateway:
        assert gateway.is_open


async def test_nothing_there_is_said_with_what_to_start() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    found = await refused(port, GatewayUnreachable)
    assert f"Nothing accepts connections at 127.0.0.1:{port} (connection refused)." in str(found)
    assert "IB Gateway on 4001" in found.hint


async def test_a_server_that_stays_silent_is_given_up_and_let_go() -> None:
    let_go = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.closed()
        let_go.set()

    async with scripted(script) as port:
        assert "did not answer for 3 s" in str(await refused(port, GatewayUnreachable))
        await asyncio.wait_for(let_go.wait(), 1)


async def test_a_server_that_hangs_up_at_once_is_told_from_one_that_is_not_there() -> None:
    async def script(peer: Peer) -> None:
        await peer.greeting()

    async with scripted(script) as port:
        found = await refused(port, GatewayUnreachable)
        assert "closed it without a word" in str(found)


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "an HTTP server"),
        (b"SSH-2.0-OpenSSH_9.2p1\r\n", "an SSH server"),
        (b"HT", "another service"),
        (b"\0\0\0\x05hello", "another service"),
    ],
)
async def test_another_service_is_named(answer: bytes, name: str) -> None:
    async def script(peer: Peer) -> None:
        await peer.write(answer)
        await peer.greeting()

    async with scripted(script) as port:
        assert f"answers like {name}" in str(await refused(port, GatewayUnreachable))


def busy(tried: list[str] | None = None) -> Script:
    """A start that is refused because the client id is in use."""

    async def script(peer: Peer) -> None:
        await peer.welcome()
        number = (await peer.frame())[2]
        if tried is not None:
            tried.append(number)
        await peer.send(error(-1, 326, "Unable to connect as the client id is already in use."))

    return script


async def free(peer: Peer) -> None:
    await peer.start()
    await peer.closed()


async def test_where_no_client_id_of_the_range_is_free_all_are_tried_again_for_a_while_and_then_refused() -> None:
    tried: list[str] = []
    async with scripted(*[busy(tried)] * 40) as port:
        found = await refused(port, GatewayRefused)
        assert isinstance(found, GatewayRefused)
        assert found.code == 326
        assert "client id 7" in str(found)
    assert tried == [str(number) for number in range(7, 16)] * 4


async def test_a_client_id_in_use_gives_way_to_the_next_at_once_in_one_line() -> None:
    began = time.monotonic()
    with capture_logs() as told:
        await _with_the_third_id()
    assert time.monotonic() - began < 1
    (said,) = [each for each in told if each["log_level"] == "warning"]
    assert said["why"] == "client id 7 is in use, 9 is taken instead"


async def _with_the_third_id() -> None:
    async with scripted(busy(), busy(), free) as port, gateway_at(port, scale=1.0) as gateway:
        assert (gateway.address.client_id, gateway.login.client_id) == (9, 9)


async def test_ids_do_not_wander_off_when_sessions_are_lost_again_and_again() -> None:
    """Each new session begins with the id of the last, and stays in the range above the configured one."""
    seen: list[int] = []

    async def short(peer: Peer) -> None:
        await peer.start()

    async with scripted(busy(), short, busy(), short, busy(), short) as port:
        gateway = gateway_at(port)
        for _ in range(3):
            await gateway.connect()
            seen.append(gateway.address.client_id)
            await asyncio.sleep(0.05)
            assert not gateway.is_open
        await gateway.close()
    assert seen == [8, 7, 8]


@pytest.mark.parametrize(
    ("said", "words"), [([], "closed the session."), ([error(-1, 599, "Go away")], "after saying 599 'Go away'.")]
)
async def test_a_session_that_is_closed_before_it_starts_is_refused(said: list[bytes], words: str) -> None:
    async def script(peer: Peer) -> None:
        await peer.welcome()
        await peer.frame()
        await peer.send(*said)

    async with scripted(script) as port:
        assert words in str(await refused(port, GatewayRefused))


async def test_a_host_nobody_knows_is_said() -> None:
    clock = SystemClock()
    gateway = Gateway(GatewayAddress(host="no-such-host.invalid"), clock, PacedGate(Pacer(), clock))
    with pytest.raises(GatewayUnreachable, match=r"no-such-host\.invalid:4002 \(the host name is unknown\)"):
        await gateway.connect()


@pytest.mark.parametrize("sent", [[], [ACCOUNTS], [NEXT_ID]])
async def test_a_session_that_never_starts_is_given_up(sent: list[bytes]) -> None:
    async def script(peer: Peer) -> None:
        await peer.welcome()
        await peer.frame()
        await peer.send(*sent)
        await peer.closed()

    async with scripted(script) as port:
        assert "did not start the API within 3 s" in str(await refused(port, GatewayRefused))


async def test_a_gateway_that_is_too_old_is_refused() -> None:
    async with scripted(lambda peer: peer.welcome(157)) as port:
        assert "speaks protocol version 157" in str(await refused(port, GatewayRefused))


async def test_an_old_protocol_is_warned_about() -> None:
    async def script(peer: Peer) -> None:
        await peer.start(174)
        await peer.closed()

    with capture_logs() as told:
        async with scripted(script) as port, gateway_at(port) as gateway:
            assert gateway.server_version == 174
    assert "gateway.old_protocol" in [each["event"] for each in told]


async def test_no_secret_or_account_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    async def script(peer: Peer) -> None:
        await peer.start()
        await peer.closed()

    async with scripted(script) as port, gateway_at(port):
        pass
    assert "DU1234567" not in capsys.readouterr().out


async def test_two_gateways_with_different_caps_do_not_disturb_each_other() -> None:
    offered: list[bytes] = []

    async def script(peer: Peer) -> None:
        offered.append(await peer.greeting())
        await peer.send(text(200, "now"))
        await peer.frame()
        await peer.send(ACCOUNTS, NEXT_ID)
        await peer.closed()

    async with scripted(script, script) as port, gateway_at(port, version=225), gateway_at(port, version=200):
        assert [one[-3:] for one in offered] == [b"225", b"200"]


@pytest.mark.parametrize("version", [200, 225])
async def test_an_order_cannot_leave_and_not_a_byte_of_it_is_written(version: int) -> None:
    received: list[bytes] = []

    async def script(peer: Peer) -> None:
        await peer.greeting()
        await peer.send(text(version, "now"))
        size = int.from_bytes(await peer.exactly(4), "big")
        await peer.exactly(size)
        await peer.send(*([ACCOUNTS, NEXT_ID] if version == 200 else PROTOBUF_START))
        received.append(await peer.rest())

    async with scripted(script) as port, gateway_at(port, version=version) as gateway:
        encoder = Encoder(version, 7)
        encoder.client.conn = Wire(gateway.session.transport.send)
        encoder.client.placeOrder(1, Contract(), Order())
        encoder.client.cancelOrder(1, OrderCancel())
        encoder.client.reqGlobalCancel(OrderCancel())
        assert [type(one) for one in encoder.client.conn.refused] == [ForbiddenMessage] * 3
        encoder.client.cancelHistoricalData(5)
        assert len(encoder.client.conn.refused) == 3
    assert received == [Encoder(version, 7).cancel_historical_bars(5)]


class Wire:
    """ibapi's connection on top of our transport; keeps what was refused."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self.refused: list[Exception] = []

    def sendMsg(self, frame: bytes) -> None:  # noqa: N802 -- ibapi's name
        try:
            self._send(frame)
        except ForbiddenMessage as error:
            self.refused.append(error)

    def isConnected(self) -> bool:  # noqa: N802 -- ibapi's name
        return True


async def test_connecting_twice_opens_one_session() -> None:
    async def script(peer: Peer) -> None:
        await peer.start()
        await peer.closed()

    async with scripted(script) as port:
        gateway = gateway_at(port)
        await asyncio.gather(gateway.connect(), gateway.connect())
        await gateway.close()
        await gateway.close()
        with pytest.raises(GatewayLost, match="no session"):
            await gateway.current_time()


async def test_a_lost_gateway_is_found_again_by_waiting_and_ids_go_on() -> None:
    ids: list[int] = []

    async def answer(peer: Peer) -> None:
        await peer.start()
        ids.append(int((await peer.frame())[1]))
        await peer.send(bars(ids[-1], 1704888000), bars_end(ids[-1]))

    async with scripted(answer, busy(), busy(), answer) as port:
        gateway = gateway_at(port)
        with pytest.raises(GatewayLost, match="Connect first"):
            await gateway.wait_until_ready()
        await gateway.connect()
        first = await gateway.historical_bars(REQUEST, None, 60)
        await asyncio.sleep(0.05)
        assert not gateway.is_open
        await asyncio.gather(gateway.wait_until_ready(), gateway.wait_until_ready())
        second = await gateway.historical_bars(REQUEST, None, 60)
        await gateway.close()
    assert len(first.bars) == len(second.bars) == 1
    assert ids[1] > ids[0]


async def test_a_gateway_that_does_not_come_back_is_reported_after_a_while() -> None:
    async def once(peer: Peer) -> None:
        await peer.start()

    async with scripted(once) as port:
        gateway = gateway_at(port, deadlines=SHORT)
        await gateway.connect()
        await asyncio.sleep(0.05)
    began = gateway._clock.monotonic()
    waiting = [gateway.wait_until_ready() for _ in range(8)]
    ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(one, GatewayUnreachable) for one in ended)
    assert gateway._clock.monotonic() - began < 20, "all share one search of 10 s"
    await gateway.close()


async def test_closing_ends_the_search_for_a_lost_gateway() -> None:
    async def once(peer: Peer) -> None:
        await peer.start()

    async with scripted(once) as port:
        gateway = gateway_at(port)
        await gateway.connect()
        await asyncio.sleep(0.05)
    waiting = asyncio.create_task(gateway.wait_until_ready())
    await asyncio.sleep(0.05)
    async with asyncio.timeout(1):
        await gateway.close()
        with pytest.raises(GatewayLost, match="was closed"):
            await waiting
