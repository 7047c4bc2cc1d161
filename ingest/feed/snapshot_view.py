"""A snapshot as a `View`: its manifest says what is held, its Parquet files hold the bars.

It reads the published form and shares no code with the room that writes it, so a mistake there cannot hide here.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingest.domain.bar_size import BarSize
from ingest.domain.bars import BAR_SCHEMA
from ingest.domain.instrument import Instrument
from ingest.domain.ledger import Entry, Ledger, State
from ingest.domain.series import Origin, Series
from ingest.domain.what import WhatToShow
from ingest.domain.window import Window
from ingest.errors import ExportError, UsageError
from ingest.store.reading import Extent, Name, NamedSeries
from ingest.store.series import SeriesRow

_FORMAT = 1
_DAMAGED = "Check it with `ingest export --verify FOLDER`, and take another one."
_ID = re.compile(r"[0-9TZ]+-[0-9a-f]+")


@dataclass(frozen=True, slots=True)
class SnapshotView:
    """`row.id` of a series is its place in the manifest."""

    folder: Path
    document: Mapping[str, Any]

    @property
    def where(self) -> str:
        return f"the snapshot {self.folder}"

    @property
    def now(self) -> datetime:
        return datetime.fromisoformat(self.document["created_at"])

    def named(self, names: Sequence[str] | None) -> Sequence[NamedSeries]:
        listed = [_named(place, told) for place, told in enumerate(self.document["series"])]
        return listed if names is None else [each for each in listed if _could_be(each, names)]

    def ledgers(self, rows: Sequence[SeriesRow]) -> dict[int, Ledger]:
        return {row.id: _ledger(self.document["series"][row.id]["ledger"]) for row in rows}

    def extents(self, rows: Sequence[SeriesRow]) -> dict[int, Extent]:
        return {row.id: _extent(self.document["series"][row.id]) for row in rows}

    def bars(self, row: SeriesRow, window: Window) -> pa.Table:
        files = [file for file in self.document["series"][row.id]["files"] if _reach(file).overlaps(window)]
        return pa.concat_tables([BAR_SCHEMA.empty_table(), *(self._read(file, window) for file in files)])

    def _read(self, file: Mapping[str, Any], window: Window) -> pa.Table:
        path = self.folder / _inside(file["path"])
        cut = None if window.covers(_reach(file)) else (pc.field("ts") >= window.start) & (pc.field("ts") < window.end)
        try:
            read = pq.read_table(path, filters=cut, partitioning=None, page_checksum_verification=True)
            return read.cast(BAR_SCHEMA).replace_schema_metadata(None)
        except (OSError, pa.ArrowException) as problem:
            why = str(problem).splitlines()[0]
            raise ExportError(f"{path} cannot be read: {why}.", hint=_DAMAGED) from problem


def snapshot_view(path: Path) -> SnapshotView:
    """The snapshot at `path`, or the latest one in the folder `path`. Raises UsageError, or ExportError if damaged."""
    folder = _located(path)
    manifest = folder / "manifest.json"
    try:
        return SnapshotView(folder, _document(manifest, manifest.stat().st_mtime_ns))
    except OSError as problem:
        raise ExportError(f"{manifest} cannot be read: {problem.strerror}.", hint=_DAMAGED) from problem


def _located(path: Path) -> Path:
    own = path.expanduser().resolve()
    named = own / "latest.json"
    latest = _ID.search(named.read_text()) if named.is_file() and not (own / "latest").exists() else None
    for folder in (own, (own / "latest").resolve(), own / latest[0] if latest else own):
        if (folder / "manifest.json").is_file():
            return folder
    raise UsageError(
        f"There is no snapshot at {path}.", hint="Name a snapshot's folder, or the one `ingest export` wrote it to."
    )


@lru_cache(maxsize=4)
def _document(manifest: Path, _changed: int) -> Mapping[str, Any]:
    """Snapshots never change, so their manifests are read once; the time of change tells an impostor."""
    try:
        document = json.loads(manifest.read_bytes())
        told, seal = document["format"], document.pop("seal")
    except (ValueError, LookupError, TypeError):
        raise ExportError(f"{manifest} is damaged, or not ours.", hint=_DAMAGED) from None
    if told != _FORMAT:
        raise ExportError(f"{manifest} has format {told}; this program reads {_FORMAT}.", hint="Upgrade ingest.")
    plain = json.dumps(document, sort_keys=True, separators=(",", ":"))
    if hashlib.sha256(plain.encode()).hexdigest() != seal:
        raise ExportError(f"{manifest} is damaged: its contents do not match its seal.", hint=_DAMAGED)
    return document  # type: ignore[no-any-return]


def _named(place: int, told: Mapping[str, Any]) -> NamedSeries:
    series = Series(
        Instrument(**told["instrument"]),
        BarSize(told["bar_size"]),
        WhatToShow(told["what_to_show"]),
        told["use_rth"],
    )
    row = SeriesRow(place, told["epoch"], Origin(told["origin"]), series)
    return NamedSeries(row, tuple(Name(**name) for name in told["former_names"]))


def _could_be(named: NamedSeries, names: Sequence[str]) -> bool:
    instrument = named.row.series.instrument
    own = {instrument.label, instrument.symbol, instrument.local_symbol, f"con_id:{instrument.con_id}"}
    own |= {part for name in named.former for part in (name.label, name.symbol, name.local_symbol)}
    return not {name.strip().lower() for name in names}.isdisjoint(name.lower() for name in own)


def _ledger(told: Sequence[Mapping[str, Any]]) -> Ledger:
    return Ledger(tuple(Entry(_window(e), State(e["state"]), e["reason"], e["permanent"]) for e in told))


def _extent(told: Mapping[str, Any]) -> Extent:
    return Extent(told["rows"], *(_moment(told[edge]) if told[edge] else None for edge in ("first_ts", "last_ts")))


def _window(told: Mapping[str, str]) -> Window:
    return Window(_moment(told["start"]), _moment(told["end"]))


def _reach(file: Mapping[str, str]) -> Window:
    """From the first bar to just after the last."""
    return Window(_moment(file["first_ts"]), _moment(file["last_ts"]) + timedelta(microseconds=1))


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _inside(path: str) -> PurePosixPath:
    made = PurePosixPath(path)
    if made.is_absolute() or ".." in made.parts:
        raise ExportError(f"The manifest names {path}, which is not in the snapshot.", hint=_DAMAGED)
    return made
