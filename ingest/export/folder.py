"""A target folder and how a snapshot comes into it: built aside, then renamed, so that it is there whole or not at all.

    snapshots/
    ├── 20240110T120000Z-1e240a3f/          a snapshot; never changes
    ├── .20240110T130000Z-0003c7d2.partial/ one in the making, locked by its run
    └── latest -> 20240110T120000Z-1e240a3f

Names sort by time. `latest` is replaced by a rename as well; where links cannot be made, `latest.json` names it.
"""

import json
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ingest.errors import ExportError
from ingest.export.durable import FolderLock, locked, sync_folder, write_file
from ingest.export.manifest import MANIFEST

LATEST = "latest"
_LATEST_FILE = "latest.json"
_ID = r"\d{8}T\d{6}Z-[0-9a-f]{8}"
_PARTIAL = re.compile(rf"\.{_ID}\.partial")
_DAY = timedelta(days=1)


def new_id(moment: datetime) -> str:
    """A snapshot's name: UTC to the second, then microseconds and three random digits in hexadecimal."""
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}-{moment.microsecond:05x}{secrets.randbits(12):03x}"


def prepare(target: Path) -> None:
    """Make the target folder. Raises ExportError when it cannot hold snapshots, before any work is done."""
    if target.exists() and not target.is_dir():
        raise ExportError(f"{target} is a file, not a folder.", hint="Choose another folder with --to.")
    latest = target / LATEST
    if latest.exists() and not latest.is_symlink():
        raise ExportError(
            f"{latest} is in the way: it is not the link of an earlier export.", hint="Move it, or choose another --to."
        )
    target.mkdir(parents=True, exist_ok=True)


@contextmanager
def staging(target: Path, snapshot_id: str) -> Iterator[Path]:
    """A folder to build the snapshot in. Gone after the body unless `publish` renamed it, whatever ended the body."""
    path = target / f".{snapshot_id}.partial"
    with locked(target):  # so that nobody takes it for a dead run's before it is locked
        path.mkdir()
        lock = FolderLock(path)
        lock.take(wait=False)
    try:
        yield path
    finally:
        if path.exists():
            shutil.rmtree(path)
        lock.release()


def publish(target: Path, snapshot_id: str) -> Path:
    """Let readers see what `staging` holds: one rename, then `latest`. Gives the snapshot's folder."""
    final = target / snapshot_id
    with locked(target):
        (target / f".{snapshot_id}.partial").rename(final)
        sync_folder(target)
        _point_latest(target, snapshot_id)
        sync_folder(target)
    return final


def snapshots(target: Path) -> list[Path]:
    """The snapshots in a folder, oldest first. What only looks like one is not among them."""
    if not target.is_dir():
        return []
    folders = sorted(target.iterdir(), key=lambda path: path.name)
    return [path for path in folders if re.fullmatch(_ID, path.name) and (path / MANIFEST).is_file()]


def prune(target: Path, keep_last: int) -> list[str]:
    """Remove all but the newest `keep_last` snapshots; never the one `latest` names. Gives the names removed."""
    with locked(target):
        latest = _latest(target)
        old = [path for path in snapshots(target)[:-keep_last] if path.name != latest]
        for path in old:
            hidden = target / f".{path.name}.partial"  # gone at once for readers, whatever happens below
            path.rename(hidden)
            shutil.rmtree(hidden)
        sync_folder(target)
    return [path.name for path in old]


def sweep(target: Path, now: datetime) -> list[str]:
    """Remove what dead runs left: folders nobody holds, or older than a day where that cannot be told. Gives names."""
    removed = []
    with locked(target):
        for path in sorted(target.iterdir()):
            if _PARTIAL.fullmatch(path.name) and _is_dead(path, now):
                shutil.rmtree(path)
                removed.append(path.name)
    return removed


def located(path: Path) -> Path:
    """The snapshot a person means: its own folder, or the latest in a folder of them. Raises ExportError."""
    own = path.resolve()
    if (own / MANIFEST).is_file():
        return own
    name = _latest(own) if own.is_dir() else None
    if name is not None and (own / name / MANIFEST).is_file():
        return own / name
    raise ExportError(f"There is no snapshot at {path}.", hint="Name a snapshot's folder, or the folder that holds it.")


def _is_dead(path: Path, now: datetime) -> bool:
    lock = FolderLock(path)
    try:
        held = lock.take(wait=False)
        changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    finally:
        lock.release()
    return held == "ours" or (held == "cannot tell" and now - changed > _DAY)


def _latest(target: Path) -> str | None:
    """The name of the latest snapshot, by link or by file."""
    link, file = target / LATEST, target / _LATEST_FILE
    if link.is_symlink():
        return link.readlink().name
    if not file.is_file():
        return None
    found = re.search(rf'"snapshot": "({_ID})"', file.read_text(encoding="utf-8", errors="replace"))
    return found[1] if found else None


def _point_latest(target: Path, snapshot_id: str) -> None:
    fresh = target / ".latest.new"
    fresh.unlink(missing_ok=True)
    try:
        fresh.symlink_to(snapshot_id, target_is_directory=True)
    except (OSError, NotImplementedError):  # FAT, some network shares, Windows without the right to
        write_file(fresh, json.dumps({"snapshot": snapshot_id}).encode())
        fresh.replace(target / _LATEST_FILE)
    else:
        fresh.replace(target / LATEST)
        (target / _LATEST_FILE).unlink(missing_ok=True)
