"""The manifest: what a snapshot holds, in one JSON document beside the bars, written last and sealed by its own hash.

`opened` is the way in for a person's file as well, so nothing in it is believed before the seal and the form are right.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from ingest.domain.ledger import Ledger
from ingest.domain.window import Window
from ingest.errors import ExportError
from ingest.store.reading import NamedSeries

MANIFEST = "manifest.json"
FORMAT = 1
_VERIFY = "Export again, or take another snapshot."


@dataclass(frozen=True, slots=True)
class BarFile:
    """A Parquet file: its path inside the snapshot (with `/`), size, SHA-256 and the bars in it (at least one)."""

    path: str
    bytes: int
    sha256: str
    rows: int
    first_ts: datetime
    last_ts: datetime


@dataclass(frozen=True, slots=True)
class ExportedSeries:
    """A series as exported: bars inside `window` (None: all) in `files`, and what the ledger says of that window."""

    named: NamedSeries
    window: Window | None
    ledger: Ledger
    files: tuple[BarFile, ...]

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)


@dataclass(frozen=True, slots=True)
class Manifest:
    """A snapshot's contents and where they come from. `database` holds no password."""

    id: str
    created_at: datetime
    program: str
    schema: str
    database: str
    selection: Mapping[str, Any]
    series: tuple[ExportedSeries, ...]

    @property
    def rows(self) -> int:
        return sum(each.rows for each in self.series)

    @property
    def bytes(self) -> int:
        """Of all Parquet files."""
        return sum(file.bytes for each in self.series for file in each.files)

    def document(self) -> dict[str, Any]:
        """As plain JSON values; instants in ISO 8601 with their offset."""
        return {
            "format": FORMAT,
            "id": self.id,
            "created_at": self.created_at.isoformat(),
            "program": self.program,
            "schema_revision": self.schema,
            "database": self.database,
            "selection": dict(self.selection),
            "rows": self.rows,
            "bytes": self.bytes,
            "series": [_series(each) for each in self.series],
        }


def sealed(document: Mapping[str, Any]) -> bytes:
    """The document as the file's bytes, with its seal."""
    return json.dumps({**document, "seal": _seal(document)}, indent=1, ensure_ascii=False).encode() + b"\n"


def opened(text: bytes, where: str) -> dict[str, Any]:
    """The document in a manifest's bytes. Raises ExportError when it is not one of ours, newer, or altered."""
    try:
        document = json.loads(text)
    except ValueError:
        raise ExportError(f"{where} is damaged: it is not JSON.", hint=_VERIFY) from None
    if not isinstance(document, dict) or not {"format", "id", "series"} <= document.keys():
        raise ExportError(f"{where} is not the manifest of a snapshot.", hint=_VERIFY)
    if document["format"] != FORMAT:
        raise ExportError(f"{where} has format {document['format']}, not {FORMAT}.", hint="Upgrade ingest.")
    seal = document.pop("seal", None)
    if seal != _seal(document):
        raise ExportError(f"{where} is damaged: its contents do not match its seal.", hint=_VERIFY)
    return document


def key_of(named: NamedSeries) -> dict[str, Any]:
    """The facts that tell a series from every other, as plain values."""
    row, instrument = named.row, named.row.series.instrument
    return {
        "con_id": instrument.con_id,
        "label": instrument.label,
        "symbol": instrument.symbol,
        "sec_type": instrument.sec_type,
        "exchange": instrument.exchange,
        "currency": instrument.currency,
        "bar_size": row.series.bar_size.value,
        "what_to_show": row.series.what.value,
        "use_rth": row.series.use_rth,
        "origin": row.origin.value,
        "epoch": row.epoch,
    }


def _series(each: ExportedSeries) -> dict[str, Any]:
    return {
        **key_of(each.named),
        "instrument": asdict(each.named.row.series.instrument),
        "former_names": [asdict(name) for name in each.named.former],
        "window": None if each.window is None else _stretch(each.window),
        "rows": each.rows,
        "first_ts": each.files[0].first_ts.isoformat() if each.files else None,
        "last_ts": each.files[-1].last_ts.isoformat() if each.files else None,
        "ledger": [
            {**_stretch(entry.window), "state": entry.state.value, "reason": entry.reason, "permanent": entry.permanent}
            for entry in each.ledger
        ],
        "files": [
            asdict(file) | {"first_ts": file.first_ts.isoformat(), "last_ts": file.last_ts.isoformat()}
            for file in each.files
        ],
    }


def _stretch(window: Window) -> dict[str, str]:
    return {"start": window.start.isoformat(), "end": window.end.isoformat()}


def _seal(document: Mapping[str, Any]) -> str:
    """SHA-256 of the document in the one form that does not depend on layout or order."""
    plain = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(plain.encode()).hexdigest()
