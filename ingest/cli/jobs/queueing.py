"""`ingest jobs queue`: put a job file to work now, by whoever works on the queue."""

from ingest.cli.jobs.words import JobFile, Priority
from ingest.cli.options import Json


def queue(file: JobFile, priority: Priority = None, as_json: Json = False) -> None:
    """Queue what a job file wants, as if its schedule were due now; workers then do it.

    A worker finds the instruments, queues one job for each series that is not complete, and exports at the end where
    the file says so. Every problem of the file is told at once, as by `ingest jobs validate`. The schedule goes on.

    Examples:

      ingest jobs queue jobs/us-equities-nightly.toml

      ingest jobs queue jobs/adhoc-backfill.toml --priority 90
    """
    from ingest.app.connecting import clock_of
    from ingest.app.firing import fire_by_hand
    from ingest.cli.screen import emit_json, say
    from ingest.config import load_settings
    from ingest.database import Database
    from ingest.wishes import read_job

    settings = load_settings()
    clock = clock_of(settings)
    job = read_job(file, clock.now().date())
    with Database.open(settings) as database:
        fired = fire_by_hand(database.engine, job, clock, priority=priority)
    if as_json:
        facts = {"priority": fired.priority, "paused": fired.is_paused}
        emit_json({"wish": job.name, "job": fired.job_id, "firing": fired.firing_id} | facts)
        return
    say(f"{job.name} is queued: job {fired.job_id}, priority {fired.priority}.")
    if fired.is_paused:
        say(f"It is paused, and so this waits: `ingest jobs resume --universe {job.universe.name or job.name}`.")
    say("Next: `ingest run` (or a worker that runs already) does it, `ingest jobs list` shows how far it is.")
