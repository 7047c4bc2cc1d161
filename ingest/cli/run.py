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
    Job files that are wrong, or not there, keep no worker from the queue: that is said, and they are waited for.
    For several machines, start `ingest scheduler` on one and `ingest worker` on each instead, or beside this.

    Examples:

      ingest run

      ingest run --jobs /etc/ingest/jobs --gateway main
    """
    from ingest.cli.serving import serve
    from ingest.config import load_settings

    settings = load_settings()
    if jobs is not None:
        _check_folder(jobs)
        chosen = settings.scheduler.model_copy(update={"jobs": jobs})
        settings = settings.model_copy(update={"scheduler": chosen})
    names = list(dict.fromkeys(gateway or settings.gateway_names))
    for name in names:
        settings.at(name)

    def parts(settings: "Settings", engine: Any, clock: "Clock") -> list[Any]:
        from ingest.cli.scheduler import Announced
        from ingest.scheduler import Scheduler

        return [Announced(Scheduler(engine, clock, settings, is_alone=False), clock, as_json)]

    return serve(settings, names, parts=parts, verbose=verbose, as_json=as_json)


def _check_folder(folder: Path) -> None:
    """Raises UsageError for one that somebody named and that is none."""
    from ingest.errors import UsageError

    try:
        next(folder.iterdir(), None)
    except OSError as error:
        said = (error.strerror or str(error)).lower()
        raise UsageError(
            f"The folder of job files {folder}/ cannot be read: {said}.",
            hint="Make it, name another with --jobs, or leave --jobs out.",
        ) from None
