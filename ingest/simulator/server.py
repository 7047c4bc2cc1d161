"""The listening socket, and the simulator as a running thing.

    async with await serve(ServerOptions(latency=Latency(0, 0)), market, SimulatorClock(), print) as simulator:
        connect(simulator.host, simulator.port)

`run` is the same as a process: JSON lines on stdout, the first one saying where it listens, until it is told to stop.
"""

import asyncio
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from ingest.simulator.clock import SimulatorClock
from ingest.simulator.faults.script import Fault
from ingest.simulator.hmds import HistoryService
from ingest.simulator.incidents import play, play_on_schedule
from ingest.simulator.log import EventLog, LogSink, to_stdout
from ingest.simulator.login import Login, Violation
from ingest.simulator.market.types import Market
from ingest.simulator.pending import Pending
from ingest.simulator.session import ClientSession
from ingest.simulator.settings import ServerOptions


@dataclass(slots=True, eq=False)
class RunningSimulator:
    """A Gateway that listens. Close it, or use it as an async context manager."""

    login: Login
    history: HistoryService
    host: str
    port: int = 0
    _server: asyncio.Server | None = None
    _sessions: dict[asyncio.Task[None], ClientSession] = field(default_factory=dict)
    _incidents: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def violations(self) -> Sequence[Violation]:
        """Every pacing rule broken so far, in order."""
        return tuple(self.login.violations)

    @property
    def counters(self) -> Mapping[str, int]:
        """`requests`, `answers`, `bars`, and `error <code>` for every code sent."""
        return dict(self.login.counters)

    @property
    def failures(self) -> Sequence[BaseException]:
        """Exceptions of the simulator itself while answering; empty unless something is broken here."""
        return tuple(self.login.failures)

    @property
    def pending(self) -> Pending:
        return self.history.pending

    @property
    def open_requests(self) -> int:
        return len(self.pending.open)

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def start_schedule(self) -> None:
        """Arm the incidents of the fault script that have a time."""
        for fault in self.login.options.faults.faults:
            if fault.is_whole:
                self._incidents.append(asyncio.ensure_future(play_on_schedule(self, fault)))

    async def play(self, fault: Fault) -> None:
        """Play an incident now; returns when it is over."""
        await play(self, fault)

    def drop_clients(self) -> None:
        """Close every socket without a word."""
        for session in list(self._sessions.values()):
            session.writer.transport.abort()

    async def restart(self, seconds: float) -> None:
        """What happens every night: all sockets close, nobody listens for a while, then the same port answers again."""
        await self._stop_listening()
        await self.login.clock.sleep(seconds)
        await self.listen()
        self.login.log.write("restarted", port=self.port)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = ClientSession(self.login, self.history, reader, writer)
        task = asyncio.current_task()
        assert task is not None
        self._sessions[task] = session
        try:
            await session.run()
        except asyncio.CancelledError:
            # The server is closing; the stream protocol would report a cancelled handler as an error.
            return
        finally:
            del self._sessions[task]

    async def close(self) -> None:
        """Stop listening and drop every client."""
        for incident in self._incidents:
            incident.cancel()
        await asyncio.gather(*self._incidents, return_exceptions=True)
        await self._stop_listening()

    async def _stop_listening(self) -> None:
        if self._server is None:
            return
        self._server.close()
        sessions = list(self._sessions)
        for task in sessions:
            task.cancel()
        await asyncio.gather(*sessions, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


async def serve(options: ServerOptions, market: Market, clock: SimulatorClock, log: LogSink) -> RunningSimulator:
    """Start listening; returns once clients can connect."""
    events = EventLog(clock, log)
    login = Login(market, clock, options, events)
    simulator = RunningSimulator(login, HistoryService(login), options.host, options.port)
    await simulator.listen()
    events.write(
        "listening",
        port=simulator.port,
        host=simulator.host,
        version=options.max_version,
        accounts=list(options.accounts),
        time_scale=clock.scale,
    )
    simulator.start_schedule()
    return simulator


async def run(options: ServerOptions, market: Market, clock: SimulatorClock, log: LogSink = to_stdout) -> None:
    """Serve until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        async with await serve(options, market, clock, log) as simulator:
            await stop.wait()
            simulator.login.log.write("stopping", **dict(simulator.counters))
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
