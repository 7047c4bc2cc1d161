"""The root of the command line: gathers the commands, and turns errors into one line and an exit code."""

import json
from collections.abc import Sequence
from itertools import takewhile
from typing import Any

import typer

from ingest.cli import (
    backfill,
    coverage,
    demo,
    doctor,
    export,
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
app.add_typer(notify.app, name="notify")
app.command()(simulator.simulator)


#: What Typer raises for an unknown option, a missing argument or a value that does not parse.
_MISUSE: Any = typer.BadParameter.__base__


def run(arguments: Sequence[str]) -> int:
    """Run one command; gives the exit code. Our own errors are printed, never traced."""
    as_json = "--json" in arguments
    configure_logs(verbose=False)
    try:
        result = app(list(arguments), standalone_mode=False)
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
    except _MISUSE as error:
        fail(f"{error.format_message().rstrip('.')}. See `ingest {' '.join(_command(arguments))} --help`.")
        return UsageError.exit_code
    return result if isinstance(result, int) else 0


def _command(arguments: Sequence[str]) -> list[str]:
    """The command's own words: `instruments add` of `instruments add AAPL --json`."""
    words = list(takewhile(lambda word: not word.startswith("-"), arguments))
    groups = {group.name for group in app.registered_groups}
    return words[: 2 if words and words[0] in groups else 1]


def _failed(error: IngestError, *, as_json: bool) -> int:
    if as_json:
        typer.echo(json.dumps({"error": {"kind": type(error).__name__, "message": error.message, "hint": error.hint}}))
    fail(str(error))
    return error.exit_code
