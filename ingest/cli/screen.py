"""What commands print with: results on stdout (a table, or JSON), messages and progress on stderr."""

import json
import logging
import sys
from datetime import date, datetime, timedelta
from typing import Any

import structlog
import typer
from rich.console import Console
from rich.table import Table


def say(text: str) -> None:
    """A message for people, on stderr."""
    typer.echo(text, err=True)


def fail(text: str) -> None:
    """The one line an error gets."""
    typer.echo(f"error: {text}", err=True)


def show(value: Any) -> None:
    """A result for people, on stdout, as wide as the terminal (120 where there is none); brackets are brackets."""
    width = None if sys.stdout.isatty() else 120
    Console(width=width, markup=False, emoji=False).print(value)


def emit_json(payload: Any) -> None:
    """A result for machines: one JSON document on stdout."""
    typer.echo(json.dumps(payload, default=_plain, ensure_ascii=False))


def table(*columns: str, right: tuple[str, ...] = (), title: str = "") -> Table:
    made = Table(title=title or None, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return made


def configure_logs(*, verbose: bool, running: bool = False, serving: bool = False, as_json: bool = False) -> None:
    """Logs on stderr: errors; while a run goes on also what it waits for; a service's jobs; with `--verbose` all.

    What a gateway does otherwise than it was asked, such as another client id, every command tells.
    `as_json`: on stdout, a JSON document a line.
    """
    levels = ((verbose, logging.DEBUG), (serving, logging.INFO), (True, logging.WARNING))
    level = next(level for applies, level in levels if applies)
    is_brief = not (verbose or serving or running)
    plain = structlog.dev.plain_traceback  # the other one prints every variable, thousands of lines
    lines: Any = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)
    json_lines: Any = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    logging.captureWarnings(capture=True)  # Python's, of libraries: nobody who runs this can act on them
    structlog.configure(
        processors=[
            *([_of_gateways] if is_brief else []),
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *(json_lines if as_json else [lines]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stdout if as_json else sys.stderr),
        cache_logger_on_first_use=False,
    )


def _of_gateways(_: Any, level: str, event: Any) -> Any:
    """Of warnings only those about the gateway itself."""
    if level == "warning" and not str(event["event"]).startswith("gateway."):
        raise structlog.DropEvent
    return event


def span(value: timedelta | None) -> str:
    """A duration people can read: 45 s, 12 min, 3.5 h, 2.1 d."""
    if value is None:
        return "–"
    seconds = value.total_seconds()
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}".replace(".0 ", " ")
    return f"{seconds:.0f} s"


def trading(value: timedelta | None) -> str:
    """Trading time: 45 min, 6.5 h, 4,004 h. Never in days, of which a session is a quarter and a weekend none."""
    if value is None or value < timedelta(hours=1):
        return span(value)
    return f"{value.total_seconds() / 3600:,.1f} h".replace(".0 ", " ")


def _plain(value: object) -> object:
    match value:
        case datetime() | date():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case _:
            return str(value)
