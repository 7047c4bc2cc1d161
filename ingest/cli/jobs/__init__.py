"""`ingest jobs`: job files (check, price, run at once), and the queue (what is in it, how far, what to change)."""

import typer

from ingest.cli.jobs import changing, checking, listing, pausing, queueing, running, showing

app = typer.Typer(
    help="Job files: check, price, run or queue them. The queue: list, show, cancel, pause, resume, retry.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command()(checking.validate)
app.command()(checking.example)
app.command()(running.plan)
app.command()(running.run)
app.command()(queueing.queue)
app.command(name="list")(listing.list_jobs)
app.command()(showing.show)
app.command()(changing.cancel)
app.command()(changing.retry)
app.command()(pausing.pause)
app.command()(pausing.resume)
