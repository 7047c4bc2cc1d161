"""`Post`: one gateway and the queue, for days. It connects, works while all is well, and waits while something is not.

What can be in the way: a pause, a gateway that is not there, has no way to IB or answers nothing, a database that is
away or full. Then nothing is claimed, what has begun gives way, and other gateways have the queue to themselves.
"""

import asyncio
import os
import socket
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

import structlog
from sqlalchemy import Engine

from ingest.app.serving.station import Counts, Manned, man_station
from ingest.app.serving.tasks import Tasks
from ingest.app.serving.telling import Teller
from ingest.clock import Clock
from ingest.config import Settings
from ingest.domain.job import Lane
from ingest.errors import DatabaseError, DatabaseFull, DatabaseUnreachable, GatewayError, GatewayLost, GatewaySilent
from ingest.gateway.gate import PacedGate
from ingest.queue.lanes import Crew, Places
from ingest.queue.tasks import make_app, opened
from ingest.store import jobs, posts
from ingest.store.posts import PostRow
from ingest.worker.locking import SharedLocks

log = structlog.get_logger()
T = TypeVar("T")

_CONTROL_JOBS = 4
#: By the wall: how often a post looks around, how long a gateway may be unfit before its jobs are given back, and the
#: pauses between two attempts to reach what is away.
_LOOK_SECONDS = 1.0
_UNFIT_SECONDS = 5.0
_TELL_EVERY = timedelta(minutes=5)
_FULL_PAUSE = timedelta(minutes=5)
_AWAY = GatewayLost("It is connected, but has no way to IB's data.", hint="See whether it is logged in.")
_SILENT = GatewaySilent(
    "It is connected, but no request for bars is answered.",
    hint="IB's data servers may be away. If it lasts, restart the gateway.",
)
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 2.0, 60.0


class Standing(StrEnum):
    """What a post is doing."""

    CONNECTING = "connecting"
    WORKING = "working"
    PAUSED = "paused"
    NO_GATEWAY = "no gateway"
    NO_WAY_TO_IB = "no way to IB"
    NO_ANSWERS = "no answers"
    NO_DATABASE = "no database"
    DATABASE_FULL = "database full"
    DRAINING = "draining"
    ENDED = "ended"


@dataclass(slots=True)
class Post:
    """`serve` until `stop`. `settings.gateway` is the post's; `gate` its login's."""

    name: str
    settings: Settings
    engine: Engine
    clock: Clock
    gate: PacedGate
    teller: Teller
    standing: Standing = Standing.CONNECTING
    note: str = ""
    since: datetime = field(init=False)
    manned: Manned | None = None
    counts: Counts = field(default_factory=Counts)
    _row_id: int | None = None
    _stopped: asyncio.Event = field(default_factory=asyncio.Event)
    _silent_since: datetime | None = None
    _full: DatabaseFull | None = None

    def __post_init__(self) -> None:
        self.since = self.clock.now()

    @property
    def running(self) -> int:
        """Slices that go on at this moment."""
        return self.manned.station.running if self.manned is not None else 0

    @property
    def login(self) -> str:
        return self.settings.gateway.login

    def stop(self) -> None:
        """Claim nothing more; what has begun gives way."""
        if self.standing not in (Standing.DRAINING, Standing.ENDED):
            self._become(Standing.DRAINING)
            self._stopped.set()

    async def serve(self) -> None:
        """Until `stop`. Raises only what nobody can wait out, such as a setting that is wrong."""
        looking = asyncio.create_task(self._sign())
        try:
            pause = _FIRST_PAUSE_SECONDS
            while not self._stopped.is_set():
                began = self.clock.monotonic()
                await self._serve_once()
                if self.clock.monotonic() - began > _LONGEST_PAUSE_SECONDS * self._scale:
                    pause = _FIRST_PAUSE_SECONDS
                await self._rest(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        finally:
            looking.cancel()
            self._become(Standing.ENDED)
            with suppress(DatabaseError):
                await asyncio.to_thread(self._sign_off)

    async def _serve_once(self) -> None:
        """From connecting to losing the gateway, or the database."""
        locks = SharedLocks(self.engine)
        try:
            async with man_station(self.settings, self.engine, self.clock, self.gate, locks, self.counts) as manned:
                self.manned = manned
                if self._silent_since is None:
                    await self.teller.gateway_back(self.name)
                await self._work_on(manned)
        except GatewayError as error:
            self._become(Standing.NO_GATEWAY, error.message)
            await self.teller.gateway_trouble(self.name, self.since, error)
        except DatabaseUnreachable as error:
            self._become(Standing.NO_DATABASE, error.message)
        finally:
            self.manned = None
            await asyncio.to_thread(locks.close)

    async def _work_on(self, manned: Manned) -> None:
        """While the gateway is connected: work, or wait for what is in the way. Raises GatewayError."""
        while not self._stopped.is_set():
            if not self._has_way(manned):
                self._become(Standing.NO_WAY_TO_IB)
                await self._wait_for_ib(manned)
            elif silence := self._silence(manned):
                self._become(Standing.NO_ANSWERS)
                await self._wait_for_answers(manned, silence)
            elif self._full is not None:
                self._become(Standing.DATABASE_FULL, str(self._full))
                await self.teller.database_full(self._full)
                await self._unless_stopped(self.clock.sleep(_FULL_PAUSE.total_seconds()))
                self._full = None
            elif await asyncio.to_thread(self._is_paused):
                self._become(Standing.PAUSED)
                await self._rest(_LOOK_SECONDS)
            else:
                await self._work(manned)

    async def _wait_for_ib(self, manned: Manned) -> None:
        """Until there is a way to IB again; somebody is told of it meanwhile. Raises GatewayError."""
        telling = asyncio.create_task(self._keep_telling())
        try:
            await self._unless_stopped(manned.gateway.wait_until_ready())
        finally:
            telling.cancel()
        await self.teller.gateway_back(self.name)

    async def _keep_telling(self) -> None:
        while True:
            await self.clock.sleep(_TELL_EVERY.total_seconds())
            await self.teller.gateway_trouble(self.name, self.since, _AWAY)

    async def _wait_for_answers(self, manned: Manned, seconds: float) -> None:
        """So long; the first request afterwards finds out whether it answers again. Raises GatewaySilent after many."""
        if manned.station.fetcher.breaker.has_given_up:
            raise GatewaySilent("It was connected for a long time and answered nothing.", hint=_SILENT.hint)
        self._silent_since = self._silent_since or self.since
        await self.teller.gateway_trouble(self.name, self._silent_since, _SILENT)
        await self._unless_stopped(self.clock.sleep(seconds))

    async def _work(self, manned: Manned) -> None:
        """Claim and work until something is in the way."""
        tasks = Tasks(self.settings, self.name, self.engine, self.clock, manned, self.teller, self._hear_full)
        app = make_app(self.engine.url, tasks.handlers)
        async with opened(app):
            self._become(Standing.WORKING)
            manned.station.enter()
            crew = Crew(app, self._places(), self.settings.worker.heartbeat_seconds, self._poll_seconds)
            watching = asyncio.create_task(self._watch(manned, crew))
            watching.add_done_callback(lambda _ended: crew.stop())  # however it ends: nobody else would
            try:
                await crew.run()
            finally:
                watching.cancel()
                manned.station.leave()
                await asyncio.gather(watching, return_exceptions=True)
        await self._rest(_LOOK_SECONDS)  # a crew that ends by itself may do so at once

    async def _watch(self, manned: Manned, crew: Crew) -> None:
        """Stop the crew as soon as it should not work on."""
        unfit = 0.0
        while True:
            await self._rest(_LOOK_SECONDS)
            unfit = 0.0 if self._has_way(manned) and not self._silence(manned) else unfit + _LOOK_SECONDS
            await self._see_answers(manned)
            unfit = _UNFIT_SECONDS if self._full is not None else unfit
            if self._stopped.is_set() or unfit >= _UNFIT_SECONDS or crew.is_ending or await self._should_pause():
                manned.station.leave()
                crew.stop()
                return

    def _hear_full(self, error: DatabaseFull) -> None:
        """What is asked for now could not be kept. After a while the next jobs find out whether there is room."""
        if self._full is None:
            log.error("database_full", gateway=self.name, because=str(error))
        self._full = error

    async def _see_answers(self, manned: Manned) -> None:
        """Whoever was told of a silence is told of its end: of an answer, not of a session that begins anew."""
        breaker = manned.station.fetcher.breaker
        if self._silent_since is not None and breaker.answers and not breaker.trips:
            self._silent_since = None
            await self.teller.gateway_back(self.name)

    async def _should_pause(self) -> bool:
        try:
            return await asyncio.to_thread(self._is_paused)
        except DatabaseError:
            return False  # what the crew makes of it is decided there

    def _is_paused(self) -> bool:
        with self.engine.connect() as connection:
            found = jobs.pauses(connection)
        return ("all", "") in found or ("gateway", self.name) in found

    @staticmethod
    def _has_way(manned: Manned) -> bool:
        return manned.gateway.is_open and manned.gateway.serves_history

    def _silence(self, manned: Manned) -> float:
        """For how many more of the clock's seconds nothing is asked, because nothing was answered."""
        return manned.station.fetcher.breaker.pause(self.clock.monotonic())

    def _places(self) -> tuple[Places, ...]:
        chosen = self.settings.worker
        return (
            Places(Lane.CONTROL, _CONTROL_JOBS),
            Places(Lane.LARGE, chosen.slots),
            Places(Lane.SMALL, chosen.small_slots),
        )

    # -- what others see

    def _become(self, standing: Standing, note: str = "") -> None:
        if standing is self.standing and note == self.note:
            return
        if standing is not self.standing:
            self.since = self.clock.now()
        self.standing, self.note = standing, note
        log.info("post", gateway=self.name, standing=standing.value, **({"note": note} if note else {}))

    async def _sign(self) -> None:
        """Keep the post's row, so that everybody can see what it does."""
        while True:
            try:
                self.gate.share_open(await asyncio.to_thread(self._keep_row))
            except DatabaseError as error:
                log.debug("post_unseen", because=error.message)
            await self.clock.sleep(_LOOK_SECONDS * 2 * self._scale)  # also while it drains, until it is cancelled

    def _keep_row(self) -> int:
        """Gives how many processes are at work on the login, this one included."""
        with self.engine.begin() as connection:
            if self._row_id is None:
                host, pid = socket.gethostname(), os.getpid()
                gone = [each.id for each in posts.listing(connection) if is_dead(each, host, self.name)]
                posts.sign_off(connection, *gone)
                self._row_id = posts.sign_on(connection, self.name, self.login, host, pid)
            if not posts.sign(connection, self._row_id, self.standing.value, self.note, self.running):
                self._row_id = None
            return posts.processes_on(connection, self.login)

    def _sign_off(self) -> None:
        if self._row_id is not None:
            with self.engine.begin() as connection:
                posts.sign_off(connection, self._row_id)

    # -- waiting

    @property
    def _scale(self) -> float:
        return self.settings.clock.scale

    @property
    def _poll_seconds(self) -> float:
        """Jobs for later are found by looking: more often on a faster clock."""
        return max(0.2, 5.0 / self._scale)

    async def _rest(self, wall_seconds: float) -> None:
        await self._unless_stopped(self.clock.sleep(wall_seconds * self._scale))

    async def _unless_stopped(self, waiting: Awaitable[Any]) -> None:
        """Await it, or until `stop`. Raises what it raises."""
        main, stopping = asyncio.ensure_future(waiting), asyncio.ensure_future(self._stopped.wait())
        try:
            await asyncio.wait([main, stopping], return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            if not main.done():
                main.cancel()
        if main.done() and not main.cancelled() and (error := main.exception()) is not None:
            raise error


def is_dead(row: PostRow, host: str, gateway: str) -> bool:
    """Whether the process of a row ran on this machine and is no more; of other machines nobody here can tell.

    In a container it had our own process id, as it will have had before each restart.
    """
    if row.host != host or os.name != "posix":
        return False
    if row.pid == os.getpid():
        return row.gateway == gateway
    try:
        os.kill(row.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
