"""`ingest worker`: work on queued jobs with one gateway, until told to stop."""

from typing import Annotated

import typer

from ingest.cli.options import Verbose


def worker(
    gateway: Annotated[
        list[str] | None,
        typer.Option("--gateway", "-g", help="Which of [gateways]; may be repeated. Default: the only one."),
    ] = None,
    verbose: Verbose = False,
) -> int:
    """Work on queued jobs until told to stop. Start as many as there are gateways, on as many machines as you like.

    All workers share one queue. Those of one login share its pacing budget; each further login adds one. SIGTERM and
    Ctrl-C drain: nothing more is claimed, what is on the wire is waited for, unfinished jobs go back to the queue. What
    a killed worker held is taken over by another after half a minute.

    Examples:

      ingest worker

      ingest worker --gateway main
    """
    from ingest.cli.serving import serve
    from ingest.config import load_settings
    from ingest.errors import UsageError

    settings = load_settings()
    names = list(dict.fromkeys(gateway or ()))
    if not names:
        if len(settings.gateway_names) > 1:
            known = ", ".join(settings.gateway_names)
            raise UsageError(f"There are several gateways: {known}.", hint="Choose with --gateway NAME.")
        names = list(settings.gateway_names)
    for name in names:
        settings.at(name)
    return serve(settings, names, verbose=verbose)
