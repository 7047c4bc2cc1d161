"""`ingest instruments`: find contracts at IB, keep them, list what is kept."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ingest.cli.looping import run_async
from ingest.cli.options import Currency, Exchange, Json, SecType, Symbols

app = typer.Typer(
    help="Find contracts at IB, keep them in the database, list them.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command()
def add(
    symbols: Symbols,
    sec_type: SecType = "",
    exchange: Exchange = "",
    currency: Currency = "",
    as_json: Json = False,
) -> None:
    """Resolve instruments through IB's contract details and keep them.

    Examples:

      ingest instruments add AAPL 'BRK B' EUR.USD SPX:IND@CBOE

      ingest instruments add ES:FUT:202612
    """
    from ingest.app.resolving import queries_of

    _add([("", query) for query in queries_of(symbols, sec_type, exchange, currency)], as_json=as_json)


@app.command(name="import")
def import_file(
    file: Annotated[Path, typer.Argument(help="One instrument a line, or CSV whose first column is the instrument.")],
    as_json: Json = False,
) -> None:
    """Add every instrument of a file; blank lines and lines that begin with # are skipped.

    Example:

      ingest instruments import universe.csv
    """
    from ingest.app.resolving import queries_in

    _add(queries_in(file), as_json=as_json)


@app.command(name="list")
def list_kept(as_json: Json = False) -> None:
    """List the instruments in the database."""
    from ingest.cli.screen import emit_json, say, show, table
    from ingest.config import load_settings
    from ingest.database import Database
    from ingest.store import instruments as store

    with Database.open(load_settings()) as database, database.engine.connect() as connection:
        rows = store.listing(connection)
    if as_json:
        emit_json([_document(row.instrument) | {"origin": row.origin.value} for row in rows])
        return
    if not rows:
        say("No instruments yet. Add some: ingest instruments add AAPL EUR.USD")
        return
    made = table("instrument", "type", "exchange", "currency", "con_id", "name", "origin", right=("con_id",))
    for row in rows:
        made.add_row(*_cells(row.instrument), row.origin)
    show(made)


@app.command()
def search(
    pattern: Annotated[str, typer.Argument(help="Letters of a symbol or of a company's name.")],
    as_json: Json = False,
) -> None:
    """Search IB for symbols (at most 16 answers, one search a second).

    Example:

      ingest instruments search apple
    """
    from ingest.app.resolving import search_symbols
    from ingest.cli.screen import emit_json, say, show, table
    from ingest.cli.waiting import waiting
    from ingest.config import load_settings

    with waiting("Asking IB for symbols"):
        found = run_async(search_symbols(load_settings(), pattern))
    if as_json:
        emit_json(
            [
                {"symbol": m.symbol, "sec_type": m.sec_type, "exchange": m.primary_exchange, "currency": m.currency}
                | {"con_id": m.con_id, "description": m.description}
                for m in found
            ]
        )
        return
    if not found:
        say(f"IB knows nothing like {pattern!r}.")
        return
    made = table("symbol", "type", "exchange", "currency", "con_id", "description", right=("con_id",))
    for match in found:
        made.add_row(
            match.symbol, match.sec_type, match.primary_exchange, match.currency, str(match.con_id), match.description
        )
    show(made)


def _add(queries: Any, *, as_json: bool) -> None:
    from ingest.app.resolving import add_instruments
    from ingest.cli.screen import emit_json, show, table
    from ingest.cli.waiting import waiting
    from ingest.config import load_settings
    from ingest.database import Database

    settings = load_settings()
    with waiting("Asking IB for contracts"), Database.open(settings) as database:
        found = run_async(add_instruments(settings, database.engine, queries))
    if as_json:
        emit_json([_document(instrument) for instrument in found])
        return
    made = table("instrument", "type", "exchange", "currency", "con_id", "name", right=("con_id",))
    for instrument in found:
        made.add_row(*_cells(instrument))
    show(made)


def _cells(instrument: Any) -> list[str]:
    return [
        instrument.label,
        instrument.sec_type,
        instrument.primary_exchange or instrument.exchange,
        instrument.currency,
        str(instrument.con_id),
        instrument.long_name,
    ]


def _document(instrument: Any) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(instrument) | {"label": instrument.label}
