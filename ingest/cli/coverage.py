"""`ingest coverage`: the ledger, stretch by stretch, and the requests that prove it."""

from typing import Annotated, Any

import typer

from ingest.cli.jobs.words import count
from ingest.cli.options import Json, SomeBarSizes, SomeSymbols, What


def coverage(
    symbols: SomeSymbols = None,
    bar_size: SomeBarSizes = None,
    what: What = "",
    prove: Annotated[
        bool, typer.Option("--prove", help="Check every stretch against the log of requests; exit code 9 if one fails.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Show the ledger: which time of each series is in which state, and why.

    States: covered (a clean, complete answer is stored), empty_confirmed (proved that nothing exists), pending (came
    back empty once, waits for a second look), timed_out, failed. Time that was asked for and is in none of them
    is unknown: a run goes on, or was stopped before it came to it. What is listed nowhere was never asked for.

    Examples:

      ingest coverage AAPL

      ingest coverage AAPL --bar-size 1m --prove
    """
    from ingest.app.standing import ledgers_of
    from ingest.cli.held import held_series, none_held
    from ingest.cli.screen import emit_json, say, show
    from ingest.cli.waiting import waiting
    from ingest.config import load_settings
    from ingest.database import Database
    from ingest.errors import EXIT_INCOMPLETE

    settings = load_settings()
    with waiting("Reading the ledgers"), Database.open(settings) as database:
        rows = held_series(database.engine, symbols, bar_size, what)
        found = ledgers_of(database.engine, rows, prove=prove)
    unproved = sum(len(each.unproved) for each in found)
    if as_json:
        emit_json({"series": [each.as_json() for each in found]})
    else:
        for each in found:
            show(_table(each))
        if not found:
            say(none_held(symbols, bar_size, what))
        elif prove:
            show(verdict(unproved))
    return EXIT_INCOMPLETE if unproved else 0


def verdict(unproved: int) -> str:
    """What `--prove` came to: a result like the table."""
    if not unproved:
        return "Every stretch is backed by a logged request."
    return f"{count(unproved, 'stretch', 'stretches')} without proof."


def _table(each: Any) -> Any:
    from ingest.cli.screen import span, table

    title = f"{each.row.series} ({each.row.origin})"
    made = table("from", "to", "state", "time", "reason", right=("time",), title=title)
    lines = [(entry.window, entry.state.value, entry.reason, entry.state.is_settled) for entry in each.ledger]
    lines += [(window, "unknown", "asked for, not there yet", False) for window in each.unknown]
    for window, state, reason, is_settled in sorted(lines, key=lambda line: line[0].start):
        edges = (f"{edge:%Y-%m-%d %H:%M}" for edge in (window.start, window.end))
        made.add_row(*edges, state, span(window.span), reason, style="" if is_settled else "bold")
    return made
