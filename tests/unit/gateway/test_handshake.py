import pytest

from ingest.errors import GatewayRefused, GatewayUnreachable
from ingest.gateway.address import Deadlines, GatewayAddress
from ingest.gateway.handshake import Welcome, greeting, is_foreign, read_welcome, wrong_service

WHERE = "127.0.0.1:4002"


def test_the_greeting_offers_versions_up_to_this_connections_own_cap() -> None:
    assert greeting(200) == b"API\0\0\0\0\x09v100..200"
    assert greeting(225) == b"API\0\0\0\0\x09v100..225"


@pytest.mark.parametrize(
    "time", ["20260405 23:50:55 Central European Standard Time", "20260824 22:27:46 CET", "20250323 Mitteleurop\udce4"]
)
def test_any_zone_name_is_taken_as_it_comes(time: str) -> None:
    welcome = read_welcome(f"200\0{time}\0".encode("utf-8", "surrogateescape"), 200, WHERE)
    assert welcome.server_version == 200
    assert welcome.connection_time[:8] == time[:8]


def test_a_real_gateways_reply_is_read() -> None:
    assert read_welcome(b"176\x0020250323 22:21:01 Greenwich Mean Time\0", 200, WHERE) == Welcome(
        176, "20250323 22:21:01 Greenwich Mean Time"
    )


def test_versions_that_truncate_volumes_are_refused() -> None:
    with pytest.raises(GatewayRefused, match="version 162; 163 or newer") as refusal:
        read_welcome(b"162\0now\0", 200, WHERE)
    assert "Update TWS" in refusal.value.hint


def test_a_server_that_does_not_negotiate_is_refused() -> None:
    with pytest.raises(GatewayRefused, match="insists on protocol version 225"):
        read_welcome(b"225\0now\0", 200, WHERE)


@pytest.mark.parametrize("payload", [b"", b"hello", b"hello\0world\0", b"\xff\xfe\0\0"])
def test_a_reply_without_a_version_is_another_service(payload: bytes) -> None:
    with pytest.raises(GatewayUnreachable, match="not like TWS or IB Gateway"):
        read_welcome(payload, 200, WHERE)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n", "an HTTP server"),
        (b"SSH-2.0-OpenSSH_9.2", "an SSH server"),
        (b"-ERR unknown command", "a Redis server"),
        (b"\x15\x03\x01\x00\x02", "a TLS server"),
        (b"Welcome to telnet", "another service"),
    ],
)
def test_well_known_services_are_named(head: bytes, name: str) -> None:
    assert is_foreign(head)
    assert f"answers like {name}" in str(wrong_service(head, WHERE))


def test_a_frame_of_ours_is_not_foreign() -> None:
    assert not is_foreign(b"\0\0\0\x1a200\0")
    assert not is_foreign(b"HT")


@pytest.mark.parametrize("wrong", [{"port": 0}, {"port": 70_000}, {"client_id": -1}, {"max_server_version": 226}])
def test_an_impossible_address_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"must be|not a port"):
        GatewayAddress(**wrong)  # type: ignore[arg-type]


def test_deadlines_are_positive_and_heartbeats_not_too_close() -> None:
    with pytest.raises(ValueError, match="handshake must be positive"):
        Deadlines(handshake=0)
    with pytest.raises(ValueError, match="5 s or more"):
        Deadlines(heartbeat_interval=4)
