"""`ingest export`: publish what is held as a Parquet snapshot, or check one."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingest.cli.options import Json, SomeBarSizes, SomeSymbols, Zone

if TYPE_CHECKING:
    from ingest.clock import Clock
    from ingest.export import Progress, Selection, Snapshot

_FROM = Annotated[str, typer.Option("--start", help="First session, 2024-01-31; or an instant. Default: all.")]
_UNTIL = Annotated[str, typer.Option("--end", help="Up to, not including. Default: all.")]
_WHAT = Annotated[str, typer.Option(help="Only this data type, e.g. TRADES or MIDPOINT.")]
_HOURS = Annotated[
    bool | None, typer.Option("--outside-rth/--rth-only", help="Only series of all hours, or only of regular hours.")
]
_ORIGIN = Annotated[str, typer.Option(help="Only 'live' or only 'synthetic' series.")]
_TO = Annotated[Path, typer.Option("--to", help="Folder of the snapshots.")]
_KEEP = Annotated[int | None, typer.Option(min=1, help="Afterwards remove all but so many of the newest snapshots.")]
_VERIFY = Annotated[Path | None, typer.Option(help="Check this snapshot (or the latest in a folder); export nothing.")]


def export(
    symbols: SomeSymbols = None,
    bar_size: SomeBarSizes = None,
    what: _WHAT = "",
    outside_rth: _HOURS = None,
    origin: _ORIGIN = "",
    start: _FROM = "",
    end: _UNTIL = "",
    tz: Zone = "UTC",
    to: _TO = Path("snapshots"),
    keep_last: _KEEP = None,
    verify: _VERIFY = None,
    as_json: Json = False,
) -> int:
    """Publish what is held as a Parquet snapshot: one consistent state, whole or not at all, with a manifest.

    Every run makes a new folder that never changes, and points `latest` at it. Without symbols everything is exported.

    Examples:

      ingest export

      ingest export AAPL MSFT --bar-size 1m --start 2024-01-01 --to /data/snapshots --keep-last 7

      ingest export --verify snapshots/latest
    """
    from ingest.cli.screen import emit_json, show
    from ingest.clock import SystemClock
    from ingest.config import load_settings
    from ingest.database import Database
    from ingest.export import export as write_snapshot

    if verify is not None:
        return _verified(verify, as_json=as_json)
    chosen = selection_of(symbols, bar_size, what, outside_rth, origin=origin, start=start, end=end, zone=tz)
    settings = load_settings()
    clock = SystemClock()
    with Database.open(settings) as database, _Telling(clock) as telling:
        snapshot = write_snapshot(database.engine, chosen, to, clock=clock, progress=telling, keep_last=keep_last)
    _tell_leftovers(snapshot)
    if as_json:
        emit_json(snapshot_json(snapshot))
        return 0
    show(snapshot_table(snapshot))
    typer.echo(read_back(snapshot))
    return 0


def selection_of(
    symbols: list[str] | None,
    sizes: list[str] | None,
    what: str = "",
    outside_rth: bool | None = None,
    *,
    origin: str = "",
    start: str = "",
    end: str = "",
    zone: str = "UTC",
) -> "Selection":
    """Raises UsageError with one line for the first thing that makes no sense."""
    from ingest.cli.options import usage
    from ingest.cli.wanted import bar_sizes
    from ingest.domain.series import Origin
    from ingest.domain.what import WhatToShow
    from ingest.errors import UsageError
    from ingest.export import Selection
    from ingest.plan.wish import parse_edge, zone_named

    if origin and origin not in tuple(Origin):
        raise UsageError(f"--origin is live or synthetic, not {origin!r}.")
    try:
        zone_named(zone)
        return Selection(
            symbols=tuple(symbols or ()),
            bar_sizes=bar_sizes(sizes),
            what=WhatToShow.parse(what) if what else None,
            use_rth=None if outside_rth is None else not outside_rth,
            origin=Origin(origin) if origin else None,
            start=parse_edge(start, zone) if start else None,
            end=parse_edge(end, zone) if end else None,
        )
    except ValueError as error:
        raise usage(error) from None


def snapshot_table(snapshot: "Snapshot") -> Any:
    """One row per series."""
    from ingest.cli.screen import table

    right = ("bars", "files", "MB")
    made = table("series", "origin", "bars", "from", "to", "files", "MB", "not settled", right=right)
    for each in snapshot.manifest.series:
        size = sum(file.bytes for file in each.files)
        made.add_row(
            str(each.named.row),
            each.named.row.origin,
            f"{each.rows:,}",
            f"{each.files[0].first_ts:%Y-%m-%d %H:%M}" if each.files else "–",
            f"{each.files[-1].last_ts:%Y-%m-%d %H:%M}" if each.files else "–",
            str(len(each.files)),
            f"{size / 1e6:,.1f}",
            _unsettled(each),
        )
    return made


def read_back(snapshot: "Snapshot") -> str:
    """Where the snapshot is, and the two lines of Python that read its first series."""
    whole = snapshot.manifest
    first = next(each for each in snapshot.manifest.series if each.files)
    series, day = first.named.row.series, f"{first.files[0].first_ts:%Y-%m-%d}"
    options = f", what={series.what.value!r}" + ("" if series.use_rth else ", use_rth=False")
    call = f"feed.bars({series.instrument.label!r}, {series.bar_size.alias!r}, {day!r}, source={str(snapshot.path)!r}"
    size = f"{whole.rows:,} bars of {len(whole.series)} series, {whole.bytes / 1e6:,.1f} MB"
    return f"{snapshot.path}: {size}. Read it back:\n  from ingest import feed\n  bars = {call}{options})"


def snapshot_json(snapshot: "Snapshot") -> dict[str, Any]:
    """The manifest without its ledgers and files, and where it is."""
    document = snapshot.manifest.document()
    brief = [
        {name: value for name, value in each.items() if name not in ("ledger", "instrument", "former_names")}
        for each in document["series"]
    ]
    where = {"path": str(snapshot.path), "swept": snapshot.swept, "pruned": snapshot.pruned}
    return {**where, **document, "series": brief}


def _unsettled(each: Any) -> str:
    from ingest.cli.screen import span
    from ingest.domain.ledger import State
    from ingest.domain.window import total

    held = {state: total(each.ledger.windows(state)) for state in State if not state.is_settled}
    return ", ".join(f"{span(time)} {state}" for state, time in held.items() if time) or "–"


def _tell_leftovers(snapshot: "Snapshot") -> None:
    from ingest.cli.screen import say

    for name in snapshot.swept:
        say(f"Removed {name}, the unfinished snapshot of a run that died.")
    for name in snapshot.pruned:
        say(f"Removed the old snapshot {name}.")


def _verified(path: Path, *, as_json: bool) -> int:
    from ingest.cli.screen import emit_json, fail, say, show
    from ingest.errors import ExportError
    from ingest.export import verify

    found = verify(path)
    facts = {"files": found.files, "rows": found.rows, "bytes": found.bytes}
    if as_json:
        emit_json({"path": str(found.path), "sound": found.is_sound, **facts, "problems": found.problems})
    elif found.is_sound:
        show(f"{found.path} is what its manifest says: {found.files} files, {found.rows:,} bars.")
    for problem in found.problems:
        say(f"  {problem}")
    if not found.is_sound:
        fail(f"{found.path} is not what its manifest says ({len(found.problems)} problems). Export again.")
    return 0 if found.is_sound else ExportError.exit_code


class _Telling:
    """Progress on stderr once an export takes over two seconds: a bar on a terminal, else a line every two seconds."""

    _PATIENCE_SECONDS = 2.0

    def __init__(self, clock: "Clock") -> None:
        self._clock = clock
        self._told_at = clock.monotonic()
        self._bar: Any = None

    def __enter__(self) -> "_Telling":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, progress: "Progress") -> None:
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=progress.rows, description=progress.current)
        elif self._clock.monotonic() - self._told_at >= self._PATIENCE_SECONDS:
            self._told_at = self._clock.monotonic()
            self._begin(progress)

    def _begin(self, progress: "Progress") -> None:
        from ingest.cli.screen import say

        if not sys.stderr.isatty():
            series = f"{progress.series}/{progress.series_total} series"
            say(f"{progress.rows:,}/{progress.rows_total:,} bars, {series}, {progress.bytes / 1e6:,.1f} MB")
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Bar(*columns, console=Console(stderr=True), transient=True)
        self._bar.add_task(progress.current, total=progress.rows_total, completed=progress.rows)
        self._bar.start()
