"""A tiny server whose every byte a test writes itself: what a gateway may do, and what it never should."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

NOON, LATER = 1704888000, 1704888060
"""2024-01-10 12:00 and 12:01 UTC."""

HMDS = "Historical Market Data Service error message:"
WELCOME_TIME = "20240110 12:00:00 US/Eastern"
ACCOUNTS, NEXT_ID = b"15\x001\x00DU1234567\x00", b"9\x001\x001\x00"


def text(*fields: object) -> bytes:
    """The payload of a text message."""
    return "".join(f"{field}\0" for field in fields).encode()


def framed(*payloads: bytes) -> bytes:
    return b"".join(len(one).to_bytes(4, "big") + one for one in payloads)


def error(request_id: int, code: int, message: str) -> bytes:
    """An error of version 200."""
    return text(4, request_id, code, message, "", 1704888000000)


def bars(request_id: int, *starts: int, announced: int | None = None) -> bytes:
    """A list of bars of version 200 with these epoch seconds."""
    rows = [field for start in starts for field in (start, "1.00", "2.00", "0.50", "1.50", 10, "1.25", 3)]
    return text(17, request_id, len(starts) if announced is None else announced, *rows)


def bars_end(request_id: int) -> bytes:
    return text(108, request_id, "20240109 12:00:00 US/Eastern", "20240110 12:00:00 US/Eastern")


class Peer:
    """One client's connection, from the server's side."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def frame(self) -> list[str]:
        """The next whole frame of the client, as fields."""
        size = int.from_bytes(await self._reader.readexactly(4), "big")
        return (await self._reader.readexactly(size)).decode().split("\0")[:-1]

    async def greeting(self) -> bytes:
        """The client's first bytes."""
        head = await self._reader.readexactly(8)
        return head + await self._reader.readexactly(int.from_bytes(head[4:], "big"))

    async def send(self, *payloads: bytes, piece: int = 0, pause: float = 0.0) -> None:
        await self.write(framed(*payloads), piece=piece, pause=pause)

    async def write(self, raw: bytes, *, piece: int = 0, pause: float = 0.0) -> None:
        """Raw bytes, whole or in pieces with a pause behind each."""
        for at in range(0, len(raw), piece or len(raw) or 1):
            self._writer.write(raw[at : at + (piece or len(raw))])
            await self._writer.drain()
            await asyncio.sleep(pause)

    async def welcome(self, version: int = 200) -> None:
        await self.greeting()
        await self.send(text(version, WELCOME_TIME))

    async def start(self, version: int = 200) -> None:
        """The whole start of a session, up to the point from which requests are answered."""
        await self.welcome(version)
        assert (await self.frame())[0] == "71"
        await self.send(ACCOUNTS, NEXT_ID)

    async def exactly(self, size: int) -> bytes:
        return await self._reader.readexactly(size)

    async def rest(self) -> bytes:
        """Everything else that the client sends before it closes its side."""
        return await self._reader.read()

    async def closed(self) -> None:
        """Wait until the client has closed its side."""
        await self.rest()


Script = Callable[[Peer], Awaitable[object]]
Reply = Callable[[Peer, int], Awaitable[None]]


@asynccontextmanager
async def scripted(*scripts: Script) -> AsyncIterator[int]:
    """A server on a free port that plays the n-th script to its n-th client; a script's failure fails the test."""
    tasks: list[asyncio.Task[object]] = []
    left = list(scripts)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(_play(left.pop(0), Peer(reader, writer)))
        tasks.append(task)
        await asyncio.wait([task])
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        for one in ended:
            if isinstance(one, Exception) and not isinstance(one, ConnectionError | asyncio.IncompleteReadError):
                raise one


async def _play(script: Script, peer: Peer) -> object:
    return await script(peer)


def replying(*replies: Reply, version: int = 200) -> Script:
    """A gateway that starts well and then gives the n-th request the n-th reply."""

    async def script(peer: Peer) -> None:
        await peer.start(version)
        for reply in replies:
            fields = await peer.frame()
            await reply(peer, int(fields[2] if fields[0] == "9" else fields[1]))
        await peer.closed()

    return script


async def whole(peer: Peer, request_id: int) -> None:
    await peer.send(bars(request_id, NOON, LATER), bars_end(request_id))


def saying(code: int, message: str) -> Reply:
    async def reply(peer: Peer, request_id: int) -> None:
        await peer.send(error(request_id, code, message))

    return reply


def sending(make: Callable[[int], bytes], *, then_whole: bool = False) -> Reply:
    """A reply made of raw bytes, length prefixes included."""

    async def reply(peer: Peer, request_id: int) -> None:
        await peer.write(make(request_id))
        if then_whole:
            await whole(peer, request_id)

    return reply
