"""`Notifier`: gets messages out without ever holding up, or harming, the work they are about.

Each service is tried a few times in a thread with a deadline; what fails is logged and that is all. The same trouble
is told once: a `Memory`, shared by all processes, is asked before and told after. A thread that hangs is left behind
(it is a daemon, so it keeps no process alive).
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from tenacity import AsyncRetrying, retry_if_result, stop_after_attempt, wait_exponential

from ingest.clock import Clock, SystemClock
from ingest.config import NotifySettings
from ingest.errors import DatabaseError
from ingest.notify.messages import Kind, Message
from ingest.notify.services import Service

log = structlog.get_logger()

#: Of the wall's clock: networks do not run faster because our clock does.
DEADLINE_SECONDS = 20.0
_CLOSING_SECONDS = 10.0


class Memory(Protocol):
    """What was told. Its methods may block and may raise DatabaseError; they are called in a thread."""

    def claim(self, topic: str, says: str, again_after: timedelta | None, apart: timedelta) -> bool:
        """Whether this is news, and `apart` from the last: then it is ours to tell, and nobody else's."""
        ...

    def keep(self, topic: str, says: str) -> None:
        """It was told."""
        ...

    def release(self, topic: str, says: str) -> None:
        """It could not be told; whoever comes next may."""
        ...

    def forget(self, topic: str) -> bool:
        """The trouble is over, so that all of it is news when it comes again. Whether any of it had been told."""
        ...


@dataclass(slots=True)
class ProcessMemory:
    """A memory of this process only, for where there is no database."""

    clock: Clock
    _told: dict[str, dict[str, datetime]] = field(default_factory=dict)

    def claim(self, topic: str, says: str, again_after: timedelta | None, apart: timedelta) -> bool:
        said, now = self._told.setdefault(topic, {}), self.clock.now()
        if says in said and (again_after is None or now - said[says] < again_after):
            return False
        if any(now - moment < apart for other, moment in said.items() if other != says):
            return False
        said[says] = now
        return True

    def keep(self, topic: str, says: str) -> None:
        """Claimed is told."""

    def release(self, topic: str, says: str) -> None:
        self._told.get(topic, {}).pop(says, None)

    def forget(self, topic: str) -> bool:
        return bool(self._told.pop(topic, None))


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one service did with a message; `problem` is empty when it took it."""

    service: str
    problem: str = ""
    may_have_arrived: bool = False

    @property
    def was_taken(self) -> bool:
        return not self.problem

    @property
    def is_worth_another_try(self) -> bool:
        return bool(self.problem) and not self.may_have_arrived


@dataclass(slots=True)
class Notifier:
    """Tells people, as `wishes` has it. Close it in the loop it was used in. `wall` is not the product's clock."""

    services: tuple[Service, ...]
    wishes: NotifySettings
    memory: Memory
    wall: Clock = field(default_factory=SystemClock)
    deadline_seconds: float = DEADLINE_SECONDS
    attempts: int = 3
    _pending: "set[asyncio.Task[None]]" = field(default_factory=set)
    _in_order: asyncio.Lock = field(default_factory=asyncio.Lock)
    _own: ProcessMemory = field(init=False)

    def __post_init__(self) -> None:
        self._own = ProcessMemory(self.wall)

    def cares_for(self, kind: Kind) -> bool:
        """Whether a message of this kind would go anywhere."""
        wished = {
            Kind.DIGEST: self.wishes.digest,
            Kind.FAILURE: self.wishes.failures,
            Kind.GATEWAY: self.wishes.gateway,
            Kind.STALE: self.wishes.stale_hours > 0,
        }
        return bool(self.services) and wished.get(kind, True)

    def tell(self, message: Message, otherwise: Callable[[], None] | None = None) -> None:
        """Send if it is news. Returns at once and never raises; `close` waits for what is on its way.

        `otherwise` is called when it is no news, or nobody took it: then nobody was told.
        """
        if self.cares_for(message.kind):
            self._begin(lambda: self._tell(message, otherwise or _nothing))

    def over(self, topic: str, message: Message | None = None) -> None:
        """The trouble is over; `message` goes to those who were told of it. Returns at once and never raises."""
        if self.services:
            self._begin(lambda: self._over(topic, message))

    async def send(self, message: Message) -> tuple[Delivery, ...]:
        """Send to every service, news or not; in the order of the services."""
        return tuple(await asyncio.gather(*(self._send(service, message) for service in self.services)))

    async def close(self) -> None:
        """Wait a little for what is on its way, then give it up."""
        if self._pending:
            await asyncio.wait(self._pending, timeout=_CLOSING_SECONDS)
        for task in tuple(self._pending):
            task.cancel()
        await asyncio.gather(*self._pending, return_exceptions=True)

    def _begin(self, work: Callable[[], Awaitable[None]]) -> None:
        task = asyncio.create_task(self._after_others(work))
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    async def _after_others(self, work: Callable[[], Awaitable[None]]) -> None:
        """In the order in which things were told, so that no end of a trouble overtakes its beginning."""
        async with self._in_order:
            await work()

    async def _tell(self, message: Message, otherwise: Callable[[], None]) -> None:
        claimed = await self._remember("claim", message.topic, message.says, message.again_after, message.apart)
        if not claimed:
            otherwise()
            return
        deliveries = await self.send(message)
        arrived = any(each.was_taken or each.may_have_arrived for each in deliveries)
        await self._remember("keep" if arrived else "release", message.topic, message.says)
        if not arrived:
            otherwise()

    async def _over(self, topic: str, message: Message | None) -> None:
        was_told = await self._remember("forget", topic)
        if was_told and message is not None and self.cares_for(message.kind):
            await self.send(message)

    async def _remember(self, verb: str, *given: object) -> object:
        """Ask the memory; without a database our own has to do."""
        try:
            return await asyncio.to_thread(getattr(self.memory, verb), *given)
        except DatabaseError as error:
            log.warning("notification_memory_lost", because=error.message)
            return getattr(self._own, verb)(*given)

    async def _send(self, service: Service, message: Message) -> Delivery:
        retrying = AsyncRetrying(
            retry=retry_if_result(lambda delivery: delivery.is_worth_another_try),
            stop=stop_after_attempt(self.attempts),
            wait=wait_exponential(multiplier=2, max=30),
            sleep=self.wall.sleep,
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
        )
        delivery: Delivery = await retrying(self._attempt, service, message)
        if delivery.was_taken:
            log.info("notification_sent", service=service.name, title=message.title)
        else:
            log.warning("notification_failed", service=service.name, title=message.title, because=delivery.problem)
        return delivery

    async def _attempt(self, service: Service, message: Message) -> Delivery:
        try:
            async with self.wall.deadline(self.deadline_seconds):
                return Delivery(service.name, await _in_thread(lambda: service.send(message)))
        except TimeoutError:
            return Delivery(service.name, f"gave no answer in {self.deadline_seconds:g} s", may_have_arrived=True)


def _nothing() -> None:
    """Whoever tells does not mind whether it is news."""


def _in_thread(work: Callable[[], str]) -> "asyncio.Future[str]":
    """Like `asyncio.to_thread`, but in a thread that the end of the program does not wait for."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[str] = loop.create_future()

    def put(answer: str) -> None:
        if not future.done():
            future.set_result(answer)

    def run() -> None:
        answer = work()
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(put, answer)

    threading.Thread(target=run, name="notification", daemon=True).start()
    return future
