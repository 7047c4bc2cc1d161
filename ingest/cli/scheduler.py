"""`ingest scheduler`: put wishes to work when their schedules say so, until told to stop, or once."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingest.cli.looping import run_async
from ingest.cli.options import Verbose

if TYPE_CHECKING:
    from datetime import datetime

    from ingest.clock import Clock
    from ingest.config import Settings
    from ingest.scheduler import Fired, Found, Scheduler, Waiting
    from ingest.wishes import AfterClose, Cron


def scheduler(
    jobs: Annotated[Path | None, typer.Option(help="Folder of job files; default: jobs/.")] = None,
    once: Annotated[
        bool, typer.Option("--once", help="Fire what is due now, and end; for a cron of your own.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, a line for everything that happens.")] = False,
    verbose: Verbose = False,
) -> int:
    """Queue what job files want, when their schedules say so. Runs until told to stop; workers do the work.

    Files may come, change and go meanwhile; one that becomes wrong keeps its last good version running, also over a
    restart. What was due while no scheduler ran is caught up once. Several may run at a time: each occurrence is fired
    once.

    Exit code 0: stopped with SIGTERM; 130: with Ctrl-C; 2: there is no job file, or none that is or was right; with
    --once also 9: some files have problems, the others were seen to.

    Examples:

      ingest scheduler

      ingest scheduler --jobs /etc/ingest/jobs --json

      ingest scheduler --once
    """
    from ingest.cli.serving import serve
    from ingest.config import load_settings

    settings = load_settings()
    if jobs is not None:
        chosen = settings.scheduler.model_copy(update={"jobs": jobs})
        settings = settings.model_copy(update={"scheduler": chosen})
    if once:
        return _once(settings, as_json=as_json, verbose=verbose)

    def parts(settings: "Settings", engine: Any, clock: "Clock") -> "list[Announced]":
        from ingest.scheduler import Scheduler

        return [Announced(Scheduler(engine, clock, settings), clock, as_json)]

    return serve(settings, (), parts=parts, verbose=verbose, as_json=as_json)


@dataclass(frozen=True, slots=True)
class Announced:
    """A scheduler that prints what it found when it begins."""

    scheduler: "Scheduler"
    clock: "Clock"
    as_json: bool

    async def run(self) -> None:
        found = await self.scheduler.begin()
        if found.wishes:
            announce(self.scheduler.folder.path, found, self.clock.now(), as_json=self.as_json)
        await self.scheduler.run()

    def stop(self) -> None:
        self.scheduler.stop()

    @property
    def missing(self) -> str:
        return self.scheduler.missing


def announce(folder: Path, found: "Found", now: "datetime", *, as_json: bool) -> None:
    """The wishes and when they are due; of the files that are wrong the log has told."""
    from ingest.cli.screen import emit_json, say, show

    if as_json:
        emit_json({"event": "scheduling", "folder": str(folder), **_document(found)})
        return
    show(waiting_table(found.wishes, now))
    say(
        f"Scheduling {len(found.wishes)} {'wish' if len(found.wishes) == 1 else 'wishes'} of {folder}/; Ctrl-C ends it."
    )


def waiting_table(wishes: "Iterable[Waiting]", now: "datetime") -> Any:
    from ingest.cli.screen import span, table

    made = table("wish", "schedule", "next due (UTC)", "in", "priority", "file", right=("in", "priority"))
    for each in wishes:
        due = each.next_due
        made.add_row(
            each.job.name,
            spoken(each.job.schedule),
            f"{due:%Y-%m-%d %H:%M}" if due else "–",
            span(due - now) if due else "–",
            str(each.job.priority),
            str(each.job.path),
        )
    return made


def spoken(schedule: "Cron | AfterClose | None") -> str:
    """A schedule for people."""
    from ingest.cli.screen import span
    from ingest.wishes import Cron

    if schedule is None:
        return "by hand"
    if isinstance(schedule, Cron):
        return f"{schedule.expression} {schedule.time_zone}"
    return f"{span(schedule.delay)} after {schedule.calendar} closes"


def _once(settings: "Settings", *, as_json: bool, verbose: bool) -> int:
    from ingest.app.connecting import clock_of
    from ingest.cli.screen import configure_logs, emit_json, say, show
    from ingest.database import Database
    from ingest.errors import EXIT_INCOMPLETE
    from ingest.scheduler import Scheduler

    configure_logs(verbose=verbose, running=True)
    clock = clock_of(settings)
    with Database.open(settings) as database:
        found = run_async(Scheduler(database.engine, clock, settings).once())
    if as_json:
        emit_json(_document(found))
    elif found.fired:
        show(_fired_table(found.fired))
    if not as_json:
        _tell_problems(found)
        due = next((each for each in found.wishes if each.next_due), None)
        ahead = f"; next is {due.job.name} at {due.next_due:%Y-%m-%d %H:%M} UTC" if due else ""
        say(f"{len(found.fired) or 'Nothing'} was due{ahead}.")
    return EXIT_INCOMPLETE if found.problems else 0


def _fired_table(fired: "Iterable[Fired]") -> Any:
    from ingest.cli.screen import table

    made = table("wish", "due (UTC)", "cause", "firing", right=("firing",))
    for each in fired:
        made.add_row(each.wish, f"{each.due_at:%Y-%m-%d %H:%M}", each.cause, str(each.firing_id))
    return made


def _tell_problems(found: "Found") -> None:
    from ingest.cli.screen import fail, say

    if found.problems:
        fail("some job files are wrong; until they are mended, only what was good before is scheduled:")
    for problem in found.problems:
        say(str(problem))


def _document(found: "Found") -> dict[str, Any]:
    return {
        "wishes": [
            {
                "name": each.job.name,
                "file": str(each.job.path),
                "schedule": spoken(each.job.schedule),
                "next_due": each.next_due,
                "priority": each.job.priority,
            }
            for each in found.wishes
        ],
        "fired": [
            {"wish": each.wish, "due_at": each.due_at, "cause": each.cause, "firing": each.firing_id}
            for each in found.fired
        ],
        "problems": [
            {"file": str(each.file), "line": each.line, "key": each.key, "message": each.message}
            for each in found.problems
        ],
    }
