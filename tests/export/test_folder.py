"""The target folder: what it may hold, what an export does to it, and what it says when it cannot."""

import errno
import json
import os
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ingest import feed
from ingest.clock import FakeClock, SystemClock
from ingest.errors import ExportError, UsageError
from ingest.export import Selection, export, folder, located, snapshots, verify
from ingest.export.durable import FolderLock
from tests import given
from tests.export import stock
from tests.store import settled

CLOCK = FakeClock(given.at("2024-02-01"))
NOBODY = 65534


@pytest.fixture
def held(engine: Engine) -> Engine:
    stock.hold(engine, given.series(), settled.bars("2024-01-02 14:30", 390))
    return engine


def publish(engine: Engine, target: Path, keep_last: int | None = None) -> Path:
    CLOCK.advance(1)
    return export(engine, Selection(), target, clock=CLOCK, keep_last=keep_last).path


@contextmanager
def somebody_without_rights() -> Iterator[None]:
    """Root may write anywhere; nobody may not."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_names_sort_by_time_and_never_repeat() -> None:
    moments = [given.ZERO + n * timedelta(microseconds=333_333) for n in range(50)]
    names = [folder.new_id(moment) for moment in moments]
    assert names == sorted(names)
    assert names[0].startswith("20240102T000000Z-00000")
    assert len({folder.new_id(given.ZERO) for _ in range(20)}) > 15


def test_latest_names_the_newest_and_is_what_readers_take(held: Engine, tmp_path: Path) -> None:
    first = publish(held, tmp_path)
    assert located(tmp_path) == located(tmp_path / "latest") == first
    second = publish(held, tmp_path)
    assert located(tmp_path) == second
    assert located(first) == first
    assert [path.name for path in snapshots(tmp_path)] == [first.name, second.name]


def test_where_links_cannot_be_made_a_file_names_the_latest(
    held: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    for _ in range(2):
        newest = publish(held, tmp_path, keep_last=1)
        assert json.loads((tmp_path / "latest.json").read_text()) == {"snapshot": newest.name}
        assert located(tmp_path) == newest
        assert len(feed.bars("AAPL", "1m", "2024-01-02", "2024-01-03", source=tmp_path)) == 390
    assert snapshots(tmp_path) == [newest]
    monkeypatch.undo()
    newest = publish(held, tmp_path)
    assert not (tmp_path / "latest.json").exists()
    assert located(tmp_path) == newest


def test_pruning_keeps_the_newest_and_whatever_is_not_a_snapshot(held: Engine, tmp_path: Path) -> None:
    foreign = ["notes", "20200101T000000Z", "20200101T000000Z-0000000g", "20200101T000000Z-00000000"]
    for name in foreign:  # the last looks like a snapshot, but has no manifest
        (tmp_path / name).mkdir()
    made = [publish(held, tmp_path) for _ in range(4)]
    kept = publish(held, tmp_path, keep_last=2)
    assert snapshots(tmp_path) == [made[-1], kept]
    assert all((tmp_path / name).is_dir() for name in foreign)
    with pytest.raises(UsageError, match="Keep at least 1"):
        publish(held, tmp_path, keep_last=0)
    assert snapshots(tmp_path) == [made[-1], kept]


def test_pruning_spares_the_latest_even_if_a_clock_went_back(held: Engine, tmp_path: Path) -> None:
    newer = publish(held, tmp_path)
    early = FakeClock(given.at("2023-01-01"))
    older = export(held, Selection(), tmp_path, clock=early, keep_last=1).path
    assert snapshots(tmp_path) == [older, newer]
    assert located(tmp_path) == older


def test_a_run_that_lives_is_not_swept(held: Engine, tmp_path: Path) -> None:
    alive = tmp_path / ".20240101T000000Z-00000000.partial"
    alive.mkdir()
    lock = FolderLock(alive)
    assert lock.take(wait=False) == "ours"
    assert FolderLock(alive).take(wait=False) == "somebody's"
    publish(held, tmp_path)
    assert alive.is_dir()
    lock.release()
    publish(held, tmp_path)
    assert not alive.exists()


def test_where_locks_cannot_tell_a_day_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FolderLock, "take", lambda *_, **__: "cannot tell")
    partial = tmp_path / ".20240101T000000Z-00000000.partial"
    partial.mkdir()
    os.utime(partial, (given.ZERO.timestamp(),) * 2)
    assert folder.sweep(tmp_path, given.ZERO + timedelta(hours=23)) == []
    assert folder.sweep(tmp_path, given.ZERO + timedelta(hours=25)) == [partial.name]


def test_exports_at_the_same_time_do_not_disturb_each_other(held: Engine, tmp_path: Path) -> None:
    def one(_: int) -> str:
        return export(held, Selection(), tmp_path, clock=SystemClock(), keep_last=8).id

    with ThreadPoolExecutor(4) as pool:
        made = set(pool.map(one, range(8)))
    assert {path.name for path in snapshots(tmp_path)} == made
    assert len(made) == 8
    assert all(verify(path).is_sound for path in snapshots(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == made | {"latest"}


def test_an_export_that_fails_leaves_nothing(held: Engine, tmp_path: Path) -> None:
    def fall(_: object) -> None:
        raise RuntimeError("fell")

    with pytest.raises(RuntimeError):
        export(held, Selection(), tmp_path, clock=CLOCK, progress=fall)
    assert list(tmp_path.iterdir()) == []


def test_a_target_that_is_a_file_is_refused(held: Engine, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ExportError, match=r"file is a file, not a folder.*--to"):
        publish(held, tmp_path / "file")
    with pytest.raises(ExportError, match="cannot be written"):
        publish(held, tmp_path / "file" / "below")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch], ids=["folder", "file"])
def test_something_called_latest_is_not_replaced(held: Engine, tmp_path: Path, make: object) -> None:
    make(tmp_path / "latest")  # type: ignore[operator]
    with pytest.raises(ExportError, match=r"latest is in the way"):
        publish(held, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["latest"]


def test_a_target_without_write_permission_is_refused(held: Engine, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    target.chmod(0o555)
    for each in (tmp_path, *tmp_path.parents[:2]):
        each.chmod(each.stat().st_mode | 0o011)
    refused = pytest.raises(ExportError, match=r"target cannot be written: Permission denied\. Choose another")
    with refused, somebody_without_rights():
        publish(held, target)
    assert list(target.iterdir()) == []


def test_a_full_disk_says_what_is_needed_and_leaves_the_old_snapshot(
    held: Engine, database_url: str, tmp_path: Path
) -> None:
    """No file may grow over 4 kB in the child, which fails as a full disk does: in the middle of a write."""
    target = tmp_path / "target"
    old = publish(held, target)
    done = subprocess.run(
        [sys.executable, "-c", "from ingest.cli import main; main()", "export", "--to", str(target)],
        env=os.environ | {"INGEST_DATABASE_URL": database_url, "INGEST_HOME": str(tmp_path / "home")},
        cwd=tmp_path,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 7
    (line,) = done.stderr.splitlines()
    assert re.match(rf"error: {target} is full \(File too large\): the snapshot needs about \d\.\d kB, free are ", line)
    assert "Make room" in line
    assert {path.name for path in target.iterdir()} == {old.name, "latest"}
    assert verify(target).is_sound
