"""Parquet snapshots: a consistent state of the database as files, whole or absent, each with a manifest that proves it.

`export` writes one, `verify` checks one against its manifest. Reading them is `ingest.feed`'s, which knows only the
published form and shares no code with this room.
"""

from ingest.export.folder import located, snapshots
from ingest.export.manifest import Manifest
from ingest.export.selection import Selection
from ingest.export.snapshot import Progress, Snapshot, export
from ingest.export.verifying import Verification, verify

__all__ = [
    "Manifest",
    "Progress",
    "Selection",
    "Snapshot",
    "Verification",
    "export",
    "located",
    "snapshots",
    "verify",
]
