"""`ingest jobs plan` and `run`: what a job file wants, priced, or had at once by this very process."""

from typing import TYPE_CHECKING, Any

import typer

from ingest.cli.jobs.words import JobFile, plain, tell_unmet
from ingest.cli.looping import run_async
from ingest.cli.options import Json, Verbose
from ingest.cli.waiting import waiting

if TYPE_CHECKING:
    from ingest.app.wishing import Unmet
    from ingest.clock import Clock
    from ingest.config import Settings
    from ingest.database import Database
    from ingest.errors import IngestError
    from ingest.export import Snapshot
    from ingest.progress import RunReport
    from ingest.wishes import ExportWish, Job


def plan(file: JobFile, as_json: Json = False) -> int:
    """Show what running a job now would ask for, its pacing cost and the time to expect.

    Sends no history request. The gateway is asked only for contracts the database does not know yet, and for chains.
    Exit code 9: some instruments of the universe cannot be had, which the end of the output explains.

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
    with waiting(f"Planning {job.name}"), Database.open(settings) as database:
        preview, unmet = run_async(job_preview(settings, database.engine, job, clock))
    if as_json:
        emit_json({"job": job.name, **plan_json(preview), "unmet": plain(unmet)})
    elif preview.plans:
        show(plan_table(preview))
    tell_unmet(unmet)
    return EXIT_INCOMPLETE if unmet else 0


def run(
    file: JobFile,
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
    from ingest.app.universes import asked_of
    from ingest.cli.running import run_on
    from ingest.cli.screen import configure_logs
    from ingest.database import Database

    configure_logs(verbose=verbose, running=True)
    telling = _Telling(job, as_json=as_json)
    with Database.open(settings) as database:
        asked_of(database.engine, job.universe, None)  # before a gateway is looked for: is there such a universe?
        ordering = _Ordering(job, clock)
        report = run_async(run_on(settings, clock, database.engine, ordering, retry_failed=retry_failed))
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
        tell_unmet(self.unmet)
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
        return document | {"complete": complete, "unmet": plain(self.unmet), "export": exported}
