"""`ingest status`: what is held, how far, and what is not."""

from typing import Any

from ingest.cli.options import Json, SomeBarSizes, SomeSymbols, What


def status(
    symbols: SomeSymbols = None,
    bar_size: SomeBarSizes = None,
    what: What = "",
    as_json: Json = False,
) -> None:
    """List the series that are held: bars, from when to when, how far behind, and what is not settled.

    Examples:

      ingest status

      ingest status AAPL --json
    """
    from ingest.app.connecting import clock_of
    from ingest.app.standing import status_rows
    from ingest.cli.held import held_series
    from ingest.cli.screen import emit_json, say, show
    from ingest.config import load_settings
    from ingest.database import Database

    settings = load_settings()
    with Database.open(settings) as database:
        rows = held_series(database.engine, symbols, bar_size, what)
        found = status_rows(database.engine, rows, clock_of(settings).now())
        where = database.where
    if as_json:
        emit_json({"database": where, "series": [row.as_json() for row in found]})
    elif not found:
        say(f"The database {where} holds no series yet. Begin one with `ingest backfill`.")
    else:
        show(status_table(found))


def status_table(found: Any) -> Any:
    from ingest.cli.screen import span, table

    made = table("series", "origin", "bars", "from", "to", "behind", "not settled", right=("bars", "behind"))
    for row in found:
        made.add_row(
            str(row.series),
            row.origin,
            f"{row.bars:,}",
            f"{row.first:%Y-%m-%d %H:%M}" if row.first else "–",
            f"{row.last:%Y-%m-%d %H:%M}" if row.last else "–",
            span(row.behind) if row.behind else "–",
            ", ".join(f"{span(held)} {state}" for state, held in row.unsettled.items()) or "–",
        )
    return made
