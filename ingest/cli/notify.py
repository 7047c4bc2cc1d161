"""`ingest notify`: whether people would be told."""

from typing import TYPE_CHECKING

import typer

from ingest.cli.looping import run_async
from ingest.cli.options import Json

if TYPE_CHECKING:
    from ingest.config import NotifySettings
    from ingest.notify import Delivery

app = typer.Typer(
    help="Who is told of digests and troubles, by apprise URLs in INGEST_NOTIFY_URLS.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def notify() -> None:
    """Who is told of digests and troubles, by apprise URLs in INGEST_NOTIFY_URLS."""


@app.command()
def test(as_json: Json = False) -> int:
    """Send a message to every service of INGEST_NOTIFY_URLS, and say which of them took it.

    The URLs are apprise's (a hundred services; several are separated by blanks), and secrets: they are never shown.
    Exit code 0: all took it; 9: some did not; 3: no URL is set, or one cannot be read. Needs no database.

    Examples:

      INGEST_NOTIFY_URLS=mailto://me:password@example.org ingest notify test

      INGEST_NOTIFY_URLS="ntfy://my-topic tgram://bottoken/chat" ingest notify test --json
    """

    from ingest.cli.screen import emit_json, fail
    from ingest.config import load_settings
    from ingest.errors import EXIT_INCOMPLETE

    deliveries = run_async(_sent(load_settings().notify))
    if as_json:
        emit_json({"services": [{"service": each.service, "problem": each.problem} for each in deliveries]})
    else:
        for each in deliveries:
            typer.echo(f"{'✗' if each.problem else '✓'}  {each.service}{': ' * bool(each.problem)}{each.problem}")
    failed = sum(not each.was_taken for each in deliveries)
    if failed:
        fail(f"{failed} of {len(deliveries)} services did not take the message. Correct INGEST_NOTIFY_URLS.")
    return EXIT_INCOMPLETE if failed else 0


async def _sent(wishes: "NotifySettings") -> "tuple[Delivery, ...]":
    import socket

    from ingest.clock import SystemClock
    from ingest.errors import SettingsError
    from ingest.notify import Notifier, ProcessMemory, services_of, trial

    services = services_of(wishes)
    if not services:
        raise SettingsError(
            "Nobody would be told: INGEST_NOTIFY_URLS is not set.",
            hint="Set it to an apprise URL, for example mailto://user:password@example.org or ntfy://my-topic.",
        )
    clock = SystemClock()
    notifier = Notifier(services, wishes, ProcessMemory(clock), attempts=1)
    return await notifier.send(trial(socket.gethostname(), clock.now()))
