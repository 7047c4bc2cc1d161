"""`verify`: whether a snapshot is what its manifest says, byte by byte and bar by bar."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ingest.domain.bars import BAR_SCHEMA, BarBatch
from ingest.errors import ExportError
from ingest.export.folder import located
from ingest.export.manifest import MANIFEST, opened
from ingest.export.parquet import described


@dataclass(frozen=True, slots=True)
class Verification:
    """What was looked at, and one line for everything that is wrong."""

    path: Path
    files: int
    rows: int
    bytes: int
    problems: tuple[str, ...]

    @property
    def is_sound(self) -> bool:
        return not self.problems


def verify(path: Path) -> Verification:
    """Check a snapshot (or the latest in a folder): seal, every file's hash, its bars' order and number, no strays.

    Raises ExportError when there is no snapshot, or its manifest cannot be believed at all.
    """
    root = located(path)
    try:
        document = opened((root / MANIFEST).read_bytes(), str(root / MANIFEST))
    except OSError as problem:
        raise ExportError(f"{root / MANIFEST} cannot be read: {problem.strerror}.") from problem
    files = [file for each in document["series"] for file in each["files"]]
    problems = [problem for file in files for problem in _file_problems(root, file)]
    problems += [f"{each['label']}: {told}" for each in document["series"] for told in _series_problems(each)]
    problems += _strays(root, {file["path"] for file in files})
    if document["id"] != root.name:
        problems.append(f"the folder is called {root.name}, the manifest says {document['id']}")
    rows, size = (sum(file[fact] for file in files) for fact in ("rows", "bytes"))
    return Verification(root, len(files), rows, size, tuple(problems))


def _file_problems(root: Path, told: Mapping[str, Any]) -> Iterator[str]:
    name = str(told["path"])
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        yield f"{name} leads out of the snapshot"
        return
    path = root / name
    if not path.is_file():
        yield f"{name} is missing"
        return
    try:
        found = described(path, root)
        BarBatch(pq.read_table(path, schema=BAR_SCHEMA, partitioning=None, page_checksum_verification=True))
    except (OSError, ValueError, pa.ArrowException) as problem:
        yield f"{name} cannot be read: {str(problem).splitlines()[0]}"
        return
    for fact in ("bytes", "sha256", "rows"):
        if getattr(found, fact) != told[fact]:
            yield f"{name} has {fact} {getattr(found, fact)}, the manifest says {told[fact]}"
    for fact in ("first_ts", "last_ts"):
        if getattr(found, fact).isoformat() != told[fact]:
            yield f"{name} has {fact} {getattr(found, fact).isoformat()}, the manifest says {told[fact]}"


def _series_problems(told: Mapping[str, Any]) -> Iterator[str]:
    files = told["files"]
    if told["rows"] != sum(file["rows"] for file in files):
        yield f"its files hold {sum(file['rows'] for file in files)} bars, the manifest says {told['rows']}"
    for before, after in pairwise(files):
        if before["last_ts"] >= after["first_ts"]:
            yield f"{after['path']} does not follow {before['path']}"


def _strays(root: Path, known: set[str]) -> list[str]:
    present = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    return [f"{name} is not in the manifest" for name in sorted(present - known - {MANIFEST})]
