"""The root of the command line: gathers the commands, and turns errors into one line and an exit code."""

import json
from collections.abc import Sequence
from importlib import metadata
from typing import Annotated

import typer

from ingest.cli import (
    backfill,
    coverage,
    demo,
    doctor,
    export,
    forget,
    init,
    instruments,
    jobs,
    notify,
    plan,
    scheduler,
    simulator,
    status,
    universe,
    update,
    worker,
)
from ingest.cli import (
    run as run_command,
)
from ingest.cli.helping import readable
from ingest.cli.misuse import MISUSE, described
from ingest.cli.screen import configure_logs, fail
from ingest.errors import EXIT_INTERRUPTED, IngestError, UsageError

app = typer.Typer(
    name="ingest",
    help="Historical bars from Interactive Brokers, held truthfully in PostgreSQL and published as Parquet snapshots.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Without an account: ingest demo. With one: ingest init, ingest doctor, ingest plan, ingest backfill.",
)

app.command()(demo.demo)
app.command()(init.init)
app.command()(doctor.doctor)
app.add_typer(instruments.app, name="instruments")
app.command()(plan.plan)
app.command()(backfill.backfill)
app.command()(update.update)
app.add_typer(jobs.app, name="jobs")
app.add_typer(universe.app, name="universe")
app.command()(run_command.run)
app.command()(worker.worker)
app.command()(scheduler.scheduler)
app.command()(status.status)
app.command()(coverage.coverage)
app.command()(export.export)
app.command()(forget.forget)
app.add_typer(notify.app, name="notify")
app.command()(simulator.simulator)


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ingest {metadata.version('ingest')}")
        raise typer.Exit


_Version = Annotated[
    bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the version and leave.")
]


@app.callback(no_args_is_help=True)
def root(version: _Version = False) -> None:
    """The program itself; its help is that of `app`."""


def run(arguments: Sequence[str]) -> int:
    """Run one command; gives the exit code. Our own errors are printed, never traced."""
    as_json = "--json" in arguments
    configure_logs(verbose=False)
    tree = readable(app)
    try:
        result = tree(list(arguments), standalone_mode=False)
    except IngestError as error:
        return _failed(error, as_json=as_json)
    except typer.Abort:
        fail("Stopped.")
        return EXIT_INTERRUPTED
    except KeyboardInterrupt:
        fail("Stopped.")
        return EXIT_INTERRUPTED
    except typer.Exit as leaving:
        return int(leaving.exit_code)
    except MISUSE as error:
        return _misused(described(error, arguments, tree))
    return result if isinstance(result, int) else 0


def _misused(problem: str) -> int:
    """Nothing is to be said where the help was shown, as it is for a group of commands without a command."""
    if problem:
        fail(problem)
    return UsageError.exit_code


def _failed(error: IngestError, *, as_json: bool) -> int:
    if as_json:
        typer.echo(json.dumps({"error": {"kind": type(error).__name__, "message": error.message, "hint": error.hint}}))
    fail(str(error))
    return error.exit_code
