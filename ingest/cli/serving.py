"""A service in the foreground: signals, log and exit code of `ingest worker`, `scheduler` and `run`."""

import asyncio
import signal
from collections.abc import Callable, Sequence

from sqlalchemy import Engine

from ingest.app.connecting import clock_of
from ingest.app.serving.service import Part, Service
from ingest.app.telling import people_of
from ingest.cli.looping import run_async
from ingest.cli.screen import configure_logs, say
from ingest.clock import Clock
from ingest.config import Settings
from ingest.database import Database
from ingest.errors import EXIT_INTERRUPTED
from ingest.health.watchdog import ended_when_hung

Parts = Callable[[Settings, Engine, Clock], Sequence[Part]]


def _no_parts(_settings: Settings, _engine: Engine, _clock: Clock) -> Sequence[Part]:
    return ()


def serve(
    settings: Settings,
    gateways: Sequence[str],
    *,
    parts: Parts = _no_parts,
    verbose: bool = False,
    as_json: bool = False,
) -> int:
    """Run until SIGTERM (0) or Ctrl-C (130); a second signal ends the process at once. `as_json`: the log."""
    configure_logs(verbose=verbose, serving=True, as_json=as_json)
    clock = clock_of(settings)
    with Database.open(settings) as database:
        engine = database.engine
        people = people_of(settings, engine, clock)
        service = Service(settings, engine, clock, gateways, parts(settings, engine, clock), people)
        return run_async(_run(service, settings.health.hung_seconds))


async def _run(service: Service, hung_seconds: float) -> int:
    loop = asyncio.get_running_loop()
    received: list[int] = []

    def stop(number: int) -> None:
        received.append(number)
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(each)
        say("Stopping: what is on the wire is waited for …" if service.gateways else "Stopping …")
        service.stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)
    async with ended_when_hung(hung_seconds):
        await service.run()
    say("Stopped. Unfinished jobs are back in the queue." if service.gateways else "Stopped.")
    return EXIT_INTERRUPTED if received and received[0] == signal.SIGINT else 0
