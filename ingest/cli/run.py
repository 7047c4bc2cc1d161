"""`ingest run`: the scheduler and a worker for every gateway, in one process: all that most people need."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingest.cli.options import Verbose

if TYPE_CHECKING:
    from ingest.clock import Clock
    from ingest.config import Settings


def run(
    jobs: Annotated[Path | None, typer.Option(help="Folder of job files; default: jobs/.")] = None,
    gateway: Annotated[
        list[str] | None, typer.Option("--gateway", "-g", help="Only these of [gateways]; may be repeated.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, a line for everything that happens.")] = False,
    verbose: Verbose = False,
) -> int:
    """Keep everything that job files want complete, by itself, every night: scheduler and workers in one process.

    Runs until SIGTERM or Ctrl-C, which drain: what is on the wire is waited for, unfinished jobs go back to the queue.
    For several machines, start `ingest scheduler` on one and `ingest worker` on each instead, or beside this.

    Examples:

      ingest run

      ingest run --jobs /etc/ingest/jobs --gateway main
    """
    from ingest.cli.serving import serve
    from ingest.config import load_settings

    settings = load_settings()
    if jobs is not None:
        chosen = settings.scheduler.model_copy(update={"jobs": jobs})
        settings = settings.model_copy(update={"scheduler": chosen})
    names = list(dict.fromkeys(gateway or settings.gateway_names))
    for name in names:
        settings.at(name)

    def parts(settings: "Settings", engine: Any, clock: "Clock") -> list[Any]:
        from ingest.cli.scheduler import Announced
        from ingest.scheduler import Scheduler

        return [Announced(Scheduler(engine, clock, settings), clock, as_json)]

    return serve(settings, names, parts=parts, verbose=verbose, as_json=as_json)
