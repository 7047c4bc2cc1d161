"""`ingest jobs validate` and `example`: job files as files; neither a database nor a gateway is needed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingest.cli.jobs.words import count, plain
from ingest.cli.options import Json

if TYPE_CHECKING:
    from ingest.wishes import Job

_FOLDER = Path("jobs")
_FILES = Annotated[list[Path] | None, typer.Argument(help="Job files, or folders of them; default: jobs/.")]


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
        emit_json({"valid": not problems, "jobs": [_job_json(job) for job in jobs], "problems": plain(problems)})
    else:
        for problem in problems:
            typer.echo(str(problem))
    if problems:
        fail(f"{count(len(problems), 'problem')} in {len(paths) - len(jobs)} of {count(len(paths), 'job file')}.")
        return UsageError.exit_code
    say(f"{count(len(jobs), 'job file')} without a problem: {', '.join(job.name for job in jobs)}.")
    return 0


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


def _job_json(job: "Job") -> dict[str, Any]:
    return {
        "name": job.name,
        "file": str(job.path),
        "description": job.description,
        "priority": job.priority,
        "universe": job.universe.name or None,
        "symbols": list(job.universe.symbols),
        "series": plain(job.series),
        "want": {"since": job.want.since, "until": job.want.until},
        "schedule": None if job.schedule is None else plain([job.schedule])[0],
        "export": None if job.export is None else plain([job.export])[0],
    }
