"""A client that only knows bytes: what the tests speak when no library should stand between them and the socket."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from ingest.simulator.wire import protobuf as pb
from ingest.simulator.wire.framing import framed

BAR_FIELDS = 8


@dataclass(slots=True)
class RawClient:
    """Reads and writes frames at one server version."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    version: int = 0

    async def shake(self, versions: str) -> str:
        """The handshake; returns the server's connection time."""
        hello = versions.encode()
        self.writer.write(b"API\0" + struct.pack(">I", len(hello)) + hello)
        version, connected, _ = (await self.frame()).decode().split("\0")
        self.version = int(version)
        return connected

    async def start(self, client_id: int) -> None:
        if self.version >= 213:
            self.send_raw(271, pb.integer(1, client_id))
        else:
            self.send(71, 2, client_id, "")

    def send(self, message_id: int, *fields: object) -> None:
        """A text message."""
        body = "".join(f"{field}\0" for field in fields).encode()
        head = b"%d\0" % message_id if self.version < 201 else struct.pack(">I", message_id)
        self.writer.write(framed(head + body))

    def send_raw(self, raw_id: int, body: bytes) -> None:
        """A message with a binary id, usually protobuf."""
        self.writer.write(framed(struct.pack(">I", raw_id) + body))

    def ask_time(self) -> None:
        """reqCurrentTime: what is answered at once, behind everything already on its way."""
        if self.version >= 213:
            self.send_raw(249, b"")
        else:
            self.send(49, 1)

    async def frame(self, timeout_seconds: float = 5.0) -> bytes:
        """The next payload; raises on a closed socket or silence."""
        async with asyncio.timeout(timeout_seconds):
            (length,) = struct.unpack(">I", await self.reader.readexactly(4))
            return await self.reader.readexactly(length)

    async def fields(self, timeout_seconds: float = 5.0) -> list[str]:
        """The next message as text fields, the message id first."""
        payload = await self.frame(timeout_seconds)
        if self.version < 201:
            return payload.decode().split("\0")[:-1]
        (raw,) = struct.unpack_from(">I", payload)
        return [str(raw), *payload[4:].decode(errors="replace").split("\0")[:-1]]

    async def message(self, raw_id: int) -> dict[int, list[int | bytes]]:
        """The next protobuf message with this raw id; others are skipped."""
        while True:
            payload = await self.frame()
            if struct.unpack_from(">I", payload)[0] == raw_id:
                return pb.parse(payload[4:])

    async def next_of(self, message_id: int) -> list[str]:
        """The next text message with this id; others are skipped."""
        while True:
            fields = await self.fields()
            if fields[0] == str(message_id):
                return fields

    async def next_of_within(self, message_id: int, seconds: float) -> list[str]:
        """The same, but all of it within `seconds`."""
        async with asyncio.timeout(seconds):
            return await self.next_of(message_id)

    async def is_closed(self) -> bool:
        """Whether the server closes the socket, whatever it still sends."""
        async with asyncio.timeout(5.0):
            while await self.reader.read(4096):
                pass
        return True


@asynccontextmanager
async def connected(port: int, version: int | None = 200, client_id: int | None = 1) -> AsyncIterator[RawClient]:
    """A client past the handshake, and past the start and its five messages unless `client_id` is None."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    client = RawClient(reader, writer)
    try:
        if version is not None:
            await client.shake(f"v100..{version}")
            if client_id is not None:
                await client.start(client_id)
                for _ in range(5):
                    await client.frame()
        yield client
    finally:
        writer.close()


async def until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    """Wait for something on the other side of the socket to become true."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.001)


def ask_history(client: RawClient, req_id: int, **changes: object) -> None:
    """AAPL, one day of one-minute bars, with whatever the test wants different (text, or protobuf from 208)."""
    wanted: dict[str, object] = {
        "con_id": 265598,
        "symbol": "",
        "sec_type": "STK",
        "exchange": "SMART",
        "end": "20240105 16:00:00 US/Eastern",
        "size": "1 min",
        "duration": "1 D",
        "rth": 1,
        "what": "TRADES",
        "format": 2,
        "live": 0,
        "expired": 0,
    } | changes
    if client.version >= 208:
        client.send_raw(220, _history_message(req_id, wanted))
        return
    contract = (
        wanted["con_id"],
        wanted["symbol"],
        wanted["sec_type"],
        "",
        "",
        "",
        "",
        wanted["exchange"],
        "",
        "",
        "",
        "",
    )
    client.send(
        20,
        req_id,
        *contract,
        wanted["expired"],
        wanted["end"],
        wanted["size"],
        wanted["duration"],
        wanted["rth"],
        wanted["what"],
        wanted["format"],
        wanted["live"],
        "",
    )


def _history_message(req_id: int, wanted: dict[str, object]) -> bytes:
    contract = pb.integer(1, int(str(wanted["con_id"]))) + pb.string(2, str(wanted["symbol"]))
    contract += pb.string(3, str(wanted["sec_type"])) + pb.string(8, str(wanted["exchange"]))
    contract += pb.integer(18, 1) if wanted["expired"] else b""
    body = pb.integer(1, req_id) + pb.raw(2, contract) + pb.string(3, str(wanted["end"]))
    body += pb.string(4, str(wanted["size"])) + pb.string(5, str(wanted["duration"]))
    body += pb.integer(6, 1) if wanted["rth"] else b""
    body += pb.string(7, str(wanted["what"])) + pb.integer(8, int(str(wanted["format"])))
    return body + (pb.integer(9, 1) if wanted["live"] else b"")


async def bar_rows(client: RawClient, req_id: int, **wanted: Any) -> list[list[str]]:
    """The rows of a text answer at version 196..207."""
    ask_history(client, req_id, **wanted)
    fields = await client.fields()
    assert fields[:2] == ["17", str(req_id)], fields
    rows = [fields[at : at + BAR_FIELDS] for at in range(3, len(fields), BAR_FIELDS)]
    assert len(rows) == int(fields[2])
    end = await client.fields()
    assert end[:2] == ["108", str(req_id)]
    return rows


async def refusal(client: RawClient, req_id: int, **wanted: Any) -> tuple[int, str]:
    ask_history(client, req_id, **wanted)
    fields = await client.fields()
    assert fields[:2] == ["4", str(req_id)], fields
    return int(fields[2]), fields[3]
