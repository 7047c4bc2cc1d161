"""Mutations of a server's frames, seeded, and a proxy on a real socket that applies them between Gateway and client.

Two kinds must be told apart. A lost, repeated, swapped or shortened frame never changes what a bar says, so whatever is
accepted must be true. A flipped or inserted byte can turn one well-formed price into another, which nobody can notice;
`touches` counts the bars that may differ for that reason, and no other may.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Frames = list[bytes]  # whole ones, length prefix included


@dataclass(slots=True)
class Mutator:
    """Spoils runs of frames. `rate`: how many of them; `touches`: bars that may have become other bars so far."""

    dice: random.Random
    rate: float = 1.0
    touches: int = 0
    done: list[str] = field(default_factory=list)

    def spoil(self, frames: Frames) -> bytes:
        """The frames as the client gets them."""
        if not frames or self.dice.random() >= self.rate:
            return b"".join(frames)
        kind: Callable[[Frames], bytes] = self.dice.choice(
            (self._flip, self._insert, self._remove, self._cut, self._repeat, self._swap, self._lose, self._stop)
        )
        self.done.append(kind.__name__)
        return kind(list(frames))

    def _flip(self, frames: Frames) -> bytes:
        """One bit, anywhere: prefix, id, count, date, price."""
        raw = bytearray(b"".join(frames))
        raw[self.dice.randrange(len(raw))] ^= 1 << self.dice.randrange(8)
        self.touches += 2
        return bytes(raw)

    def _insert(self, frames: Frames) -> bytes:
        """Bytes from nowhere, which the length prefixes do not know of."""
        raw, at = b"".join(frames), self.dice.randrange(len(b"".join(frames)))
        self.touches += 2
        return raw[:at] + self.dice.randbytes(self.dice.randint(1, 9)) + raw[at:]

    def _remove(self, frames: Frames) -> bytes:
        """Bytes that got lost, which the length prefixes still count."""
        raw, at = b"".join(frames), self.dice.randrange(len(b"".join(frames)))
        self.touches += 2
        return raw[:at] + raw[at + self.dice.randint(1, 9) :]

    def _cut(self, frames: Frames) -> bytes:
        """A frame that ends early, and says so in its prefix."""
        at = self.dice.randrange(len(frames))
        payload = frames[at][4 : 4 + self.dice.randrange(1, len(frames[at]) - 3)]
        frames[at] = len(payload).to_bytes(4, "big") + payload
        self.touches += 1  # the last bar's count may have lost digits
        return b"".join(frames)

    def _repeat(self, frames: Frames) -> bytes:
        at = self.dice.randrange(len(frames))
        return b"".join([*frames[: at + 1], *[frames[at]] * self.dice.randint(1, 3), *frames[at + 1 :]])

    def _swap(self, frames: Frames) -> bytes:
        self.dice.shuffle(frames)
        return b"".join(frames)

    def _lose(self, frames: Frames) -> bytes:
        del frames[self.dice.randrange(len(frames))]
        return b"".join(frames)

    def _stop(self, frames: Frames) -> bytes:
        """Half of it, and the rest never."""
        raw = b"".join(frames)
        return raw[: self.dice.randrange(len(raw))]


def split(buffer: bytearray) -> Frames:
    """Take the whole frames off a buffer."""
    frames = []
    while len(buffer) >= 4 and len(buffer) >= (size := 4 + int.from_bytes(buffer[:4], "big")):
        frames.append(bytes(buffer[:size]))
        del buffer[:size]
    return frames


@dataclass(slots=True)
class Proxy:
    """Between every client and the server at `to_port`. Spoils while `mutator` is set."""

    to_port: int
    port: int = 0
    mutator: Mutator | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_connection("127.0.0.1", self.to_port)
        try:
            await asyncio.wait(
                [asyncio.create_task(self._up(reader, ours)), asyncio.create_task(self._down(theirs, writer))],
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            ours.close()
            writer.close()

    async def _up(self, reader: asyncio.StreamReader, ours: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            ours.write(data)

    async def _down(self, theirs: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        buffer = bytearray()
        while data := await theirs.read(1 << 20):
            buffer += data
            frames = split(buffer)
            writer.write(self.mutator.spoil(frames) if self.mutator else b"".join(frames))


@asynccontextmanager
async def proxied(to_port: int) -> AsyncIterator[Proxy]:
    proxy = Proxy(to_port)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
