"""Options that several commands share, so that they read and mean the same everywhere."""

from typing import Annotated

import typer

from ingest.errors import UsageError

Symbols = Annotated[
    list[str],
    typer.Argument(
        help="AAPL, 'BRK B', EUR.USD, ESZ6, ES:FUT:202612, ES:FUT:front2, SPX:IND, BTC:CRYPTO, con_id:265598, …"
    ),
]
SomeSymbols = Annotated[list[str] | None, typer.Argument(help="Instruments; all that are held when none is named.")]
BarSizes = Annotated[
    list[str], typer.Option("--bar-size", "-b", help="1s 5s 30s 1m 5m 15m 1h 1d 1w 1mo; may be given several times.")
]
SomeBarSizes = Annotated[list[str] | None, typer.Option("--bar-size", "-b", help="Only these bar sizes.")]
Start = Annotated[str, typer.Option(help="First session, 2024-01-31; or an instant, 2024-01-31T15:30.")]
End = Annotated[str, typer.Option(help="Up to, not including; default: the last closed bar.")]
Days = Annotated[int, typer.Option(min=0, help="Instead of --start: the last so many days.")]
What = Annotated[str, typer.Option(help="TRADES, MIDPOINT, BID, ASK, BID_ASK, ADJUSTED_LAST, …; default by type.")]
OutsideRth = Annotated[bool, typer.Option("--outside-rth", help="All hours, not only regular trading hours.")]
SecType = Annotated[str, typer.Option(help="STK ETF FUT CONTFUT CASH IND CRYPTO OPT, for all symbols.")]
Exchange = Annotated[str, typer.Option(help="IB's exchange name, for all symbols.")]
Currency = Annotated[str, typer.Option(help="Three letters, for all symbols.")]
Zone = Annotated[str, typer.Option("--tz", help="Zone of instants that name none, e.g. America/New_York.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Log every transition on stderr.")]


def usage(problem: ValueError) -> UsageError:
    """A value object's refusal as an error of the command line."""
    return UsageError(f"{str(problem).rstrip('.')}.")
