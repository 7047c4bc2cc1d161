"""`ingest jobs pause` and `resume`: everything, one gateway, or one universe."""

from typing import Annotated

import typer

from ingest.cli.jobs.words import count, named, only_one
from ingest.cli.options import Json

_All = Annotated[bool, typer.Option("--all", help="Everything, on all gateways.")]
_Gateway = Annotated[str | None, typer.Option("--gateway", "-g", metavar="NAME", help="One of [gateways].")]
_Universe = Annotated[
    str | None, typer.Option("--universe", "-u", metavar="NAME", help="A wish, or all wishes of a named universe.")
]


def pause(
    everything: _All = False, gateway: _Gateway = None, universe: _Universe = None, as_json: Json = False
) -> None:
    """Stop working on everything, on one gateway, or for one universe, until `ingest jobs resume`.

    Nothing is lost: what runs gives way at the end of its slice, and keeps what came. What is queued waits, and so does
    what is queued while the pause lasts. Schedules go on.

    Examples:

      ingest jobs pause --all

      ingest jobs pause --gateway main

      ingest jobs pause --universe us-equities-nightly
    """
    from ingest.app.job_control import pause as pause_jobs
    from ingest.cli.screen import emit_json, say
    from ingest.config import load_settings
    from ingest.database import Database

    scope, name = _scope(everything, gateway, universe, "Pause")
    settings = load_settings()
    with Database.open(settings) as database:
        done = pause_jobs(database.engine, settings, scope, name)
    if as_json:
        facts = {"was_paused": done.was, "put_aside": done.waiting, "running": done.running}
        emit_json({"scope": scope, "name": name} | facts)
        return
    what = named(scope, name)
    say(f"{what[:1].upper()}{what[1:]} is paused{' (it was already)' if done.was else ''}.")
    if done.waiting:
        say(f"{count(done.waiting, 'waiting job is', 'waiting jobs are')} put aside.")
    if done.running:
        say(f"{count(done.running, 'running job gives', 'running jobs give')} way at the end of the slice.")
    say(f"`ingest jobs resume {_flag(scope, name)}` ends it.")


def resume(
    everything: _All = False, gateway: _Gateway = None, universe: _Universe = None, as_json: Json = False
) -> None:
    """End a pause. Each pause is ended by itself: `--all` does not end that of a gateway or a universe.

    Examples:

      ingest jobs resume --all

      ingest jobs resume --universe us-equities-nightly
    """
    from ingest.app.job_control import resume as resume_jobs
    from ingest.cli.screen import emit_json, say
    from ingest.config import load_settings
    from ingest.database import Database

    scope, name = _scope(everything, gateway, universe, "Resume")
    settings = load_settings()
    with Database.open(settings) as database:
        done = resume_jobs(database.engine, settings, scope, name)
    still = [{"scope": each, "name": of} for each, of in done.still]
    if as_json:
        emit_json({"scope": scope, "name": name, "was_paused": done.was, "put_back": done.jobs, "still_paused": still})
        return
    what = named(scope, name)
    if done.was:
        put_back = f"; {count(done.jobs, 'job waits', 'jobs wait')} for a worker again" if done.jobs else ""
        say(f"{what[:1].upper()}{what[1:]} is no longer paused{put_back}.")
    else:
        everything_is_not = "not everything is paused" if done.still else "nothing is paused"
        say(f"Nothing to do: {everything_is_not if scope == 'all' else f'{what} is not paused'}.")
    if done.still:
        say(f"Still paused: {', '.join(named(*each) for each in done.still)}.")


def _scope(everything: bool, gateway: str | None, universe: str | None, verb: str) -> tuple[str, str]:
    """Raises UsageError unless exactly one thing is named."""
    hint = "Give --all, --gateway NAME or --universe NAME."
    only_one(f"{verb} what?", hint, everything, gateway is not None, universe is not None)
    if everything:
        return "all", ""
    return ("gateway", gateway) if gateway is not None else ("universe", universe or "")


def _flag(scope: str, name: str) -> str:
    return "--all" if scope == "all" else f"--{scope} {name}"
