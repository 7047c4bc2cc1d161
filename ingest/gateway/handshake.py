"""The first exchange: our greeting, IB's version and time, and recognising everything that is not IB.

    client: "API\\0" + be32(len) + "v100..200"
    server: be32(len) + "<server version>\\0<connection time>\\0"      always text; the time is free-form OS text

The cap on the version is this connection's own: ibapi's global MAX_CLIENT_VER is never touched, so two connections
with different caps cannot disturb each other.
"""

from dataclasses import dataclass

from ingest.errors import GatewayRefused, GatewayUnreachable
from ingest.gateway.frames import MAX_PAYLOAD

OLDEST, COMPLETE, NEWEST = 163, 175, 225
"""Below 163 sizes are truncated (2176, 10285); below 175 US volume is in lots of 100; 225 is the newest spoken here."""

_PORTS = "TWS listens on 7496 (paper 7497), IB Gateway on 4001 (paper 4002)."
_BANNERS = {
    b"HTTP": "an HTTP server",
    b"<!DO": "an HTTP server",
    b"<htm": "an HTTP server",
    b"SSH-": "an SSH server",
    b"-ERR": "a Redis server",
    b"220 ": "a mail or FTP server",
    b"\x15\x03": "a TLS server",
}


@dataclass(frozen=True, slots=True)
class Welcome:
    """What the server answered: the negotiated version and its clock's text, never parsed (any OS zone name)."""

    server_version: int
    connection_time: str


def greeting(max_server_version: int) -> bytes:
    """The client's first bytes, to be sent in one piece."""
    versions = f"v100..{max_server_version}".encode()
    return b"API\0" + len(versions).to_bytes(4, "big") + versions


def read_welcome(payload: bytes, max_server_version: int, where: str) -> Welcome:
    """The first payload as a Welcome. Raises GatewayUnreachable (not IB) or GatewayRefused (an unfit version)."""
    fields = payload.split(b"\0")
    if len(fields) < 2 or not fields[0].isdigit():
        raise wrong_service(payload, where)
    version, time = int(fields[0]), fields[1].decode("utf-8", "replace")
    if version < OLDEST:
        raise GatewayRefused(
            f"The gateway at {where} speaks protocol version {version}; {OLDEST} or newer is needed.",
            hint="Update TWS or IB Gateway (10.19 or newer): older ones truncate volumes.",
        )
    if version > max_server_version:
        raise GatewayRefused(
            f"The gateway at {where} insists on protocol version {version}; {max_server_version} was offered.",
            hint="Raise the maximum server version, or connect to a real TWS or IB Gateway.",
        )
    return Welcome(version, time)


def is_foreign(head: bytes) -> bool:
    """Whether these first bytes can be no frame of IB's: their length prefix is impossible."""
    return len(head) >= 4 and int.from_bytes(head[:4], "big") > MAX_PAYLOAD


def wrong_service(head: bytes, where: str) -> GatewayUnreachable:
    """What to say when the peer talks, but not IB's protocol."""
    name = next((name for banner, name in _BANNERS.items() if head.startswith(banner)), "another service")
    return GatewayUnreachable(
        f"{where} answers like {name}, not like TWS or IB Gateway ({head[:40]!r}).", hint=f"Check the port: {_PORTS}"
    )


def nothing_there(where: str, why: str) -> GatewayUnreachable:
    return GatewayUnreachable(
        f"Nothing accepts connections at {where} ({why}).",
        hint=f"Start TWS or IB Gateway and enable its API (Settings, API). {_PORTS}",
    )


def hung_up(where: str) -> GatewayUnreachable:
    return GatewayUnreachable(
        f"{where} accepted the connection and closed it without a word.",
        hint=f"If it is IB, trust this machine's IP there and enable socket clients; if not, check the port: {_PORTS}",
    )


def silent(where: str, seconds: float) -> GatewayUnreachable:
    return GatewayUnreachable(
        f"{where} accepted the connection but did not answer for {seconds:g} s.",
        hint=f"Look for a dialog in TWS that asks to accept this client, restart it if it hangs. Otherwise: {_PORTS}",
    )
