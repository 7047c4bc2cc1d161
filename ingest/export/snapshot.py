"""`export`: one consistent state of the database as one new snapshot folder, or nothing at all."""

import errno
import importlib.metadata
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine

from ingest.clock import Clock
from ingest.domain.ledger import Entry, Ledger
from ingest.domain.window import Window
from ingest.errors import DatabaseError, ExportError, UsageError
from ingest.export import folder
from ingest.export.durable import sync_folder, sync_tree, write_file
from ingest.export.manifest import MANIFEST, ExportedSeries, Manifest, sealed
from ingest.export.parquet import Portion, write_series
from ingest.export.selection import Selection
from ingest.store import exports, ledger, migrate, reading
from ingest.store.engine import redacted

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_BYTES_A_BAR = 16  # measured; for a disk that is full before the first page
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


@dataclass(slots=True)
class Progress:
    """How far an export is; the same object is given again each time. `current` is the series being written."""

    series: int = 0
    series_total: int = 0
    rows: int = 0
    rows_total: int = 0
    bytes: int = 0
    current: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A published snapshot. `swept`: leftovers of dead runs that were removed; `pruned`: older snapshots that were."""

    path: Path
    manifest: Manifest
    swept: tuple[str, ...] = ()
    pruned: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return self.manifest.id


Told = Callable[[Progress], None]


def export(
    engine: Engine,
    selection: Selection,
    target: Path,
    *,
    clock: Clock,
    progress: Told | None = None,
    keep_last: int | None = None,
) -> Snapshot:
    """Write what `selection` names as a new snapshot in `target`, and point `latest` at it.

    A kill at any moment leaves either the whole snapshot or none. `keep_last` removes all but so many newest ones.
    Raises ExportError when the folder cannot be written or is full, or nothing fits; UnknownInstrument, UsageError,
    DatabaseError. Whatever is raised before the snapshot is published leaves the folder as it was.
    """
    if keep_last is not None and keep_last < 1:
        raise UsageError(f"Keeping {keep_last} snapshots would remove the new one.", hint="Keep at least 1.")
    counts = Progress()
    try:
        folder.prepare(target)
        swept = folder.sweep(target, clock.now())
        name = folder.new_id(clock.now())
        with folder.staging(target, name) as partial:
            manifest = _write(engine, selection, partial, clock=clock, counts=counts, told=progress or _ignore)
            sync_tree(partial)
            write_file(partial / MANIFEST, sealed(manifest.document()))
            sync_folder(partial)
            path = folder.publish(target, name)
    except OSError as problem:
        raise _explained(problem, target, counts) from problem
    pruned = _finish(engine, path, manifest, keep_last)
    return Snapshot(path, manifest, tuple(swept), tuple(pruned))


def _write(
    engine: Engine, selection: Selection, partial: Path, *, clock: Clock, counts: Progress, told: Told
) -> Manifest:
    """All bar files, from one state of the database."""
    with reading.one_state(engine) as connection:
        return Manifest(
            id=partial.name.strip(".").removesuffix(".partial"),
            created_at=clock.now(),
            program=_version(),
            schema=migrate.current_revision(connection) or "",
            database=redacted(engine.url),
            selection=selection.document(),
            series=_write_all(connection, selection, partial, counts, told),
        )


def _write_all(
    connection: Connection, selection: Selection, partial: Path, counts: Progress, told: Told
) -> tuple[ExportedSeries, ...]:
    portions = _portions(connection, selection)
    counts.series_total, counts.rows_total = len(portions), sum(portion.extent.rows for portion in portions)
    if not counts.rows_total:
        raise ExportError(_no_bars(portions), hint="`ingest coverage` shows what was asked for and what came.")
    ledgers = ledger.read_many(connection, [portion.named.row.id for portion in portions])

    def page(rows: int, size: int) -> None:
        counts.rows += rows
        counts.bytes += size
        told(counts)

    written = []
    for portion in portions:
        named, window = portion.named, portion.window
        counts.current = str(named.row)
        files = write_series(connection, portion, partial, page)
        written.append(ExportedSeries(named, window, _clipped(ledgers[named.row.id], window), files))
        counts.series += 1
        told(counts)
    return tuple(written)


def _portions(connection: Connection, selection: Selection) -> list[Portion]:
    chosen = {named: selection.window(named) for named in selection.series(connection)}
    extents = reading.extents(connection, {named.row: window for named, window in chosen.items()})
    return [Portion(named, window, extents[named.row.id]) for named, window in chosen.items()]


def _clipped(known: Ledger, window: Window | None) -> Ledger:
    """What is known of the exported stretch. Of the rest a snapshot knows nothing, or it would claim bars it lacks."""
    if window is None:
        return known
    parts = [(entry, both) for entry in known if (both := entry.window.intersection(window))]
    return Ledger(tuple(Entry(both, entry.state, entry.reason, entry.permanent) for entry, both in parts))


def _finish(engine: Engine, path: Path, manifest: Manifest, keep_last: int | None) -> list[str]:
    """What follows publication. Its failures say that the snapshot itself is there."""
    try:
        with engine.begin() as connection:
            exports.save(connection, str(path.resolve()), manifest.document(), manifest.created_at)
        return folder.prune(path.parent, keep_last) if keep_last else []
    except DatabaseError as problem:
        raise ExportError(f"{path} is published and whole, but the database could not note it: {problem}") from problem
    except OSError as problem:
        raise ExportError(
            f"{path} is published and whole, but older snapshots could not be removed: {problem}."
        ) from problem


def _explained(problem: OSError, target: Path, counts: Progress) -> ExportError:
    why = problem.strerror or str(problem)
    if problem.errno in _FULL:
        need = counts.rows_total * (counts.bytes / counts.rows if counts.rows else _BYTES_A_BAR)
        return ExportError(
            f"{target} is full ({why}): the snapshot needs about {_size(need)}, free are {_size(_free(target))} now "
            "that the unfinished one is removed.",
            hint="Make room, select less, or choose another folder with --to.",
        )
    if problem.errno in _FORBIDDEN:
        return ExportError(f"{target} cannot be written: {why}.", hint="Choose another folder with --to.")
    return ExportError(f"The snapshot cannot be written to {target}: {why}.", hint="Choose another folder with --to.")


def _free(target: Path) -> int:
    return shutil.disk_usage(next(folder for folder in (target, *target.absolute().parents) if folder.exists())).free


def _size(size: float) -> str:
    for unit, name in ((1e9, "GB"), (1e6, "MB")):
        if size >= unit:
            return f"{size / unit:,.1f} {name}"
    return f"{size / 1e3:,.1f} kB"


def _no_bars(portions: list[Portion]) -> str:
    shown = ", ".join(str(each.named.row) for each in portions[:6]) + (", …" if len(portions) > 6 else "")
    return f"Nothing to export: no bars are held of {shown} in that stretch of time."


def _version() -> str:
    try:
        return importlib.metadata.version("ingest")
    except importlib.metadata.PackageNotFoundError:  # a checkout on the path, not installed
        return "uninstalled"


def _ignore(_: Progress) -> None:
    return None
