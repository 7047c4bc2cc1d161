"""`ingest jobs cancel` and `retry`: by number, of one wish, or all."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ingest.cli.jobs.words import JobIds, count, only_one
from ingest.cli.options import Json

if TYPE_CHECKING:
    from ingest.app.job_control import Cancelled, Retried
    from ingest.database import Database

_Wish = Annotated[str | None, typer.Option("--wish", metavar="NAME", help="All of one wish (a job file's name).")]


def cancel(
    jobs: JobIds = None,
    wish: _Wish = None,
    everything: Annotated[bool, typer.Option("--all", help="Every job that waits or runs.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask whether --all is meant.")] = False,
    as_json: Json = False,
) -> None:
    """Cancel jobs. Those that wait never begin; those that run stop at once. What came is kept.

    Nothing is forgotten: the ledger still says what is missing, and `ingest jobs retry` queues a cancelled job again.

    Examples:

      ingest jobs cancel 17 18

      ingest jobs cancel --wish us-equities-nightly

      ingest jobs cancel --all --yes
    """
    from ingest.app.job_control import cancel as cancel_jobs
    from ingest.cli.screen import emit_json, say
    from ingest.config import load_settings
    from ingest.database import Database

    only_one(
        "Cancel which jobs?", "Give their numbers, --wish NAME or --all.", bool(jobs), wish is not None, everything
    )
    with Database.open(load_settings()) as database:
        if everything and not yes and not _is_meant(database):
            say("Nothing was cancelled.")
            return
        done = cancel_jobs(database.engine, jobs or (), wish=wish or "", everything=everything)
    if as_json:
        ids = {"cancelled": [job.id for job in done.waited], "stopping": [job.id for job in done.running]}
        emit_json(ids | {"ended_before": {str(job.id): job.state.value for job in done.ended}})
        return
    _tell_cancelled(done)


def retry(
    jobs: JobIds = None,
    wish: _Wish = None,
    all_failed: Annotated[bool, typer.Option("--all-failed", help="Every job that failed.")] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Ask again also for what IB refused for good.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Queue jobs again that failed (or, by number, that were cancelled), from their first round.

    Only what the ledger does not hold is asked for.

    Examples:

      ingest jobs retry 17

      ingest jobs retry --wish us-equities-nightly

      ingest jobs retry --all-failed --retry-failed
    """
    from ingest.app.job_control import retry as retry_jobs
    from ingest.cli.screen import emit_json
    from ingest.config import load_settings
    from ingest.database import Database

    hint = "Give their numbers, --wish NAME or --all-failed."
    only_one("Try which jobs again?", hint, bool(jobs), wish is not None, all_failed)
    with Database.open(load_settings()) as database:
        done = retry_jobs(
            database.engine, jobs or (), wish=wish or "", everything=all_failed, retry_failed=retry_failed
        )
    if as_json:
        again = {str(job.id): new for job, new in done.again}
        emit_json({"queued": again, "left_alone": {str(job.id): job.state.value for job in done.others}})
        return
    _tell_retried(done)


def _is_meant(database: "Database") -> bool:
    """Ask, where there is somebody. Raises UsageError where nobody can be asked."""
    from ingest.errors import UsageError
    from ingest.store import job_listing

    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("--all cancels every job that waits or runs.", hint="Say --yes if that is meant.")
    with database.engine.connect() as connection:
        many = sum(each.jobs for each in job_listing.depth(connection) if not each.state.has_ended)
    return typer.confirm(f"Cancel {count(many, 'job')}?", err=True)


def _tell_cancelled(done: "Cancelled") -> None:
    from ingest.cli.screen import say

    if done.waited:
        say(f"Cancelled {count(len(done.waited), 'job that waited', 'jobs that waited')}.")
    if done.running:
        say(f"{count(len(done.running), 'running job is', 'running jobs are')} told to stop; what came is kept.")
    for job in done.ended:
        say(f"Job {job.id} had ended before ({job.state}).")
    if not (done.waited or done.running or done.ended):
        say("Nothing to do: no such job waits or runs.")


def _tell_retried(done: "Retried") -> None:
    from ingest.cli.screen import say
    from ingest.domain.job import Kind

    same = [job for job, new in done.again if new == job.id]
    if same:
        say(f"{count(len(same), 'failed job waits', 'failed jobs wait')} again.")
    for job, new in done.again:
        if new != job.id:
            say(f"Job {job.id} was cancelled; job {new} waits in its place.")
    for job in done.others:
        if job.kind is Kind.EXPAND:
            say(f"Job {job.id} was to put {job.wish} to work, which is over; `ingest jobs queue` does it anew.")
        else:
            say(f"Job {job.id} is left alone: it is {job.state}.")
    if not (done.again or done.others):
        say("Nothing to do: no such job has failed.")
