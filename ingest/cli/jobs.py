"""`ingest jobs`: check wishes that are written as files, show examples of them, and run one by hand."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingest.cli.options import Json, Verbose

if TYPE_CHECKING:
    from ingest.app.wishing import Unmet
    from ingest.clock import Clock
    from ingest.config import Settings
    from ingest.database import Database
    from ingest.errors import IngestError
    from ingest.export import Snapshot
    from ingest.progress import RunReport
    from ingest.wishes import ExportWish, Job

app = typer.Typer(
    help="Wishes as TOML files: check them, print examples, price one, run one.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_FOLDER = Path("jobs")
_FILES = Annotated[list[Path] | None, typer.Argument(help="Job files, or folders of them; default: jobs/.")]
_FILE = Annotated[Path, typer.Argument(help="A job file, such as jobs/us-equities-nightly.toml.")]


@app.command()
def validate(files: _FILES = None, as_json: Json = False) -> int:
    """Check job files: every problem of every file at once, one line each, as `file:line: key: problem`.

    Exit code 0: all are right; 2: some are not. Needs neither database nor gateway.

    Examples:

      ingest jobs validate

      ingest jobs validate jobs/us-equities-nightly.toml --json
    """
    from ingest.cli.screen import emit_json, fail, say
    from ingest.clock import SystemClock
    from ingest.errors import UsageError
    from ingest.wishes import check_jobs

    paths = _job_files(files or [_FOLDER])
    jobs, problems = check_jobs(paths, SystemClock().now().date())
    if as_json:
        emit_json({"valid": not problems, "jobs": [_job_json(job) for job in jobs], "problems": _plain(problems)})
    else:
        for problem in problems:
            typer.echo(str(problem))
    if problems:
        fail(f"{_count(len(problems), 'problem')} in {len(paths) - len(jobs)} of {_count(len(paths), 'job file')}.")
        return UsageError.exit_code
    say(f"{_count(len(jobs), 'job file')} without a problem: {', '.join(job.name for job in jobs)}.")
    return 0


@app.command()
def example(
    name: Annotated[str, typer.Argument(help="Which one; without it, all are listed.")] = "", as_json: Json = False
) -> None:
    """List the examples that come with the program, or print one, ready to be kept as a file.

    Examples:

      ingest jobs example

      ingest jobs example us-equities-nightly > nightly.toml
    """
    from ingest.cli.screen import emit_json, show, table
    from ingest.wishes import example_text, examples, read_job

    if name:
        text = example_text(name)
        if as_json:
            emit_json({"name": name, "text": text})
        else:
            typer.echo(text, nl=False)
        return
    known = {job.name: job.description for job in map(read_job, examples().values())}
    if as_json:
        emit_json([{"name": one, "description": description} for one, description in known.items()])
        return
    made = table("example", "what it keeps")
    for row in known.items():
        made.add_row(*row)
    show(made)


@app.command()
def plan(file: _FILE, as_json: Json = False) -> int:
    """Show what running a job now would ask for, its pacing cost and the time to expect.

    Sends no history request. The gateway is asked only for contracts the database does not know yet. Exit code 9: some
    instruments of the universe cannot be had, which the end of the output explains.

    Examples:

      ingest jobs plan jobs/us-equities-nightly.toml

      ingest jobs plan jobs/futures-roll-weekly.toml --json
    """
    from ingest.app.connecting import clock_of
    from ingest.app.wishing import job_preview
    from ingest.cli.plan import plan_json, plan_table
    from ingest.cli.screen import emit_json, show
    from ingest.config import load_settings
    from ingest.database import Database
    from ingest.errors import EXIT_INCOMPLETE
    from ingest.wishes import read_job

    settings = load_settings()
    clock = clock_of(settings)
    job = read_job(file, clock.now().date())
    with Database.open(settings) as database:
        preview, unmet = asyncio.run(job_preview(settings, database.engine, job, clock))
    if as_json:
        emit_json({"job": job.name, **plan_json(preview), "unmet": _plain(unmet)})
    elif preview.plans:
        show(plan_table(preview))
    _tell_unmet(unmet)
    return EXIT_INCOMPLETE if unmet else 0


@app.command()
def run(
    file: _FILE,
    retry_failed: bool = typer.Option(False, "--retry-failed", help="Ask again for what IB refused for good."),
    as_json: Json = False,
    verbose: Verbose = False,
) -> int:
    """Make everything a job wants complete, now; then export its series, when the file says so.

    Only what the ledger does not hold is asked for, so running a job again is harmless. Ctrl-C stops cleanly. Exit code
    0: complete; 9: done, but not everything could be had (instruments IB does not know included); 7: the export failed.

    Examples:

      ingest jobs run jobs/us-equities-nightly.toml

      ingest jobs run jobs/adhoc-backfill.toml --json
    """
    from ingest.app.connecting import clock_of
    from ingest.config import load_settings
    from ingest.wishes import read_job

    settings = load_settings()
    clock = clock_of(settings)
    job = read_job(file, clock.now().date())
    return _run(settings, clock, job, retry_failed=retry_failed, as_json=as_json, verbose=verbose)


def _run(settings: "Settings", clock: "Clock", job: "Job", *, retry_failed: bool, as_json: bool, verbose: bool) -> int:
    from ingest.cli.running import run_on
    from ingest.cli.screen import configure_logs
    from ingest.database import Database

    configure_logs(verbose=verbose, running=True)
    telling = _Telling(job, as_json=as_json)
    with Database.open(settings) as database:
        ordering = _Ordering(job, clock)
        report = asyncio.run(run_on(settings, clock, database.engine, ordering, retry_failed=retry_failed))
        telling.ran(report, ordering.made.unmet)
        if job.export is not None and report.series and not report.stopped:
            _publish(database, ordering, job.export, telling)
    return telling.end()


class _Ordering:
    """The job's orders, made once the gateway is there, and kept for what follows the run."""

    def __init__(self, job: "Job", clock: "Clock") -> None:
        from ingest.app.wishing import JobOrders

        self.job = job
        self.clock = clock
        self.made: JobOrders = JobOrders(())
        self.origin: Any = None

    async def __call__(self, gateway: Any, engine: Any) -> Any:
        from ingest.app.wishing import job_orders

        self.origin = gateway.origin
        self.made = await job_orders(gateway, engine, self.job, self.clock)
        return self.made.orders


def _publish(database: "Database", ordering: _Ordering, wish: "ExportWish", telling: "_Telling") -> None:
    """Export what the job wants. A failure is told with the rest: the bars are in the database all the same."""
    from ingest.app.wishing import job_selection
    from ingest.cli.screen import say
    from ingest.errors import ExportError
    from ingest.export import export

    clock = ordering.clock
    selection = job_selection(ordering.job, ordering.made.orders, ordering.origin, clock)
    say(f"Exporting to {wish.to} …")
    try:
        telling.snapshot = export(database.engine, selection, wish.to, clock=clock, keep_last=wish.keep_last)
    except ExportError as error:
        telling.failure = error


class _Telling:
    """What a run says: as it goes for people, one document at the end for machines."""

    def __init__(self, job: "Job", *, as_json: bool) -> None:
        self.job = job
        self.as_json = as_json
        self.report: RunReport | None = None
        self.unmet: tuple[Unmet, ...] = ()
        self.snapshot: Snapshot | None = None
        self.failure: IngestError | None = None
        self._code = 0

    def ran(self, report: "RunReport", unmet: "tuple[Unmet, ...]") -> None:
        from ingest.cli.running import tell
        from ingest.errors import EXIT_INCOMPLETE, EXIT_INTERRUPTED

        self.report, self.unmet = report, unmet
        if self.as_json or not report.series:
            whole = report.is_complete and not unmet
            self._code = EXIT_INTERRUPTED if report.stopped else 0 if whole else EXIT_INCOMPLETE
        else:
            self._code = tell(report, as_json=False) or (EXIT_INCOMPLETE if unmet else 0)

    def end(self) -> int:
        """Gives the exit code."""
        from ingest.cli.screen import emit_json, fail

        if self.as_json:
            emit_json(self._document())
        elif self.snapshot is not None:
            from ingest.cli.export import read_back

            typer.echo(read_back(self.snapshot))
        _tell_unmet(self.unmet)
        if self.failure is not None:
            fail(str(self.failure))
            return self.failure.exit_code
        return self._code

    def _document(self) -> dict[str, Any]:
        from ingest.cli.export import snapshot_json
        from ingest.cli.report import report_json

        assert self.report is not None
        exported: dict[str, Any] | None = None
        if self.failure is not None:
            exported = {"error": self.failure.message, "hint": self.failure.hint}
        elif self.snapshot is not None:
            exported = snapshot_json(self.snapshot)
        document = {"job": self.job.name, **report_json(self.report)}
        complete = self.report.is_complete and not self.unmet
        return document | {"complete": complete, "unmet": _plain(self.unmet), "export": exported}


def _job_files(given: list[Path]) -> list[Path]:
    """Files as they are named, and the *.toml of folders. Raises UsageError for a folder that holds none."""
    from ingest.errors import UsageError

    found: list[Path] = []
    for path in given:
        inside = sorted(path.glob("*.toml")) if path.is_dir() else [path]
        if not inside or (path == _FOLDER and not path.exists()):
            raise UsageError(
                f"There is no job file in {path}/.", hint="Name files, or begin with one of `ingest jobs example`."
            )
        found += inside
    return list(dict.fromkeys(found))


def _tell_unmet(unmet: "tuple[Unmet, ...]") -> None:
    from ingest.cli.screen import fail, say

    if unmet:
        fail(f"{_count(len(unmet), 'wish', 'wishes')} of the job cannot be met:")
    for each in unmet:
        say(f"  {each.symbol}: {each.reason}")


def _job_json(job: "Job") -> dict[str, Any]:
    return {
        "name": job.name,
        "file": str(job.path),
        "description": job.description,
        "priority": job.priority,
        "symbols": list(job.universe.symbols),
        "series": _plain(job.series),
        "want": {"since": job.want.since, "until": job.want.until},
        "schedule": None if job.schedule is None else _plain([job.schedule])[0],
        "export": None if job.export is None else _plain([job.export])[0],
    }


def _plain(values: Any) -> list[dict[str, Any]]:
    from dataclasses import asdict

    return [asdict(each) for each in values]


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
