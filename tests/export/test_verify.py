"""Whatever happens to a snapshot's files afterwards, `verify` finds it, and the feed does not serve it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as assume
from hypothesis import strategies as st
from sqlalchemy import Engine

from ingest import feed
from ingest.clock import FakeClock
from ingest.errors import ExportError, IngestError
from ingest.export import Selection, export, verify
from ingest.export.manifest import sealed
from tests import given
from tests.export import stock

Damage = Callable[[Path, Path], None]


@pytest.fixture
def snapshot(engine: Engine, tmp_path: Path) -> Path:
    stock.hold_mixture(engine)
    return export(engine, Selection(("AAPL",)), tmp_path / "target", clock=FakeClock(given.at("2024-02-01"))).path


def some_file(snapshot: Path) -> Path:
    return next(snapshot.rglob("hours=rth/origin=live/**/2024.parquet"))


def test_a_fresh_snapshot_is_sound_by_its_name_its_folder_and_its_link(snapshot: Path) -> None:
    for path in (snapshot, snapshot.parent, snapshot.parent / "latest"):
        found = verify(path)
        assert found.is_sound
        assert (found.path, found.files, found.rows) == (snapshot.resolve(), 5, 1425)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@assume(place=st.integers(0, 10**9), flip=st.integers(1, 255), manifest=st.booleans())
def test_any_flipped_byte_is_found(snapshot: Path, place: int, flip: int, manifest: bool) -> None:
    path = snapshot / "manifest.json" if manifest else some_file(snapshot)
    sound = path.read_bytes()
    broken = bytearray(sound)
    broken[place % len(broken)] ^= flip
    path.write_bytes(broken)
    try:
        if manifest and _means_the_same(sound, bytes(broken)):
            assert verify(snapshot).is_sound
        elif manifest:
            with pytest.raises(ExportError, match=r"damaged|not the manifest|has format"):
                verify(snapshot)
        else:
            assert any(str(path.relative_to(snapshot)) in problem for problem in verify(snapshot).problems)
    finally:
        path.write_bytes(sound)


def _means_the_same(one: bytes, other: bytes) -> bool:
    """A blank may become another blank."""
    try:
        return bool(json.loads(one) == json.loads(other))
    except ValueError:
        return False


def remove(_: Path, file: Path) -> None:
    file.unlink()


def cut(_: Path, file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def lose_a_bar(_: Path, file: Path) -> None:
    pq.write_table(pq.read_table(file, partitioning=None)[1:], file)


def lose_all_bars(_: Path, file: Path) -> None:
    pq.write_table(pq.read_table(file, partitioning=None)[:0], file)


def become_another_table(_: Path, file: Path) -> None:
    pq.write_table(pq.read_table(file, partitioning=None).drop_columns("ts"), file)


def add_a_file(snapshot: Path, file: Path) -> None:
    shutil.copy(file, snapshot / "stray.parquet")


def swap(snapshot: Path, file: Path) -> None:
    shutil.copy(next(snapshot.rglob("bars.parquet")), file)


def rename_the_snapshot(snapshot: Path, _: Path) -> None:
    copy = snapshot.with_name("20200101T000000Z-00000000")
    snapshot.rename(copy)
    snapshot.symlink_to(copy, target_is_directory=True)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (remove, "2024.parquet is missing"),
        (cut, "cannot be read"),
        (lose_a_bar, "has rows 389, the manifest says 390"),
        (lose_all_bars, "cannot be read: it holds no bars"),
        (become_another_table, "cannot be read"),
        (add_a_file, "stray.parquet is not in the manifest"),
        (swap, "has sha256"),
        (rename_the_snapshot, "the folder is called 20200101T000000Z-00000000"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_damage_is_named(snapshot: Path, damage: Damage, says: str) -> None:
    damage(snapshot, some_file(snapshot))
    assert any(says in problem for problem in verify(snapshot).problems)


@pytest.mark.parametrize("damage", [remove, cut], ids=lambda value: value.__name__)
def test_the_feed_does_not_serve_a_damaged_file(snapshot: Path, damage: Damage) -> None:
    damage(snapshot, some_file(snapshot))
    with pytest.raises(ExportError, match=r"2024.parquet cannot be read.*--verify"):
        feed.bars("AAPL", "1m", "2024-01-02", "2024-01-03", source=snapshot)


def test_the_feed_finds_a_flipped_byte_in_the_bars(snapshot: Path) -> None:
    path = some_file(snapshot)
    volume = pq.read_metadata(path).row_group(0).column(5)
    place = volume.data_page_offset + volume.total_compressed_size // 2
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(ExportError, match="cannot be read"):
        feed.bars("AAPL", "1m", "2024-01-02", "2024-01-03", source=snapshot)


@pytest.mark.parametrize("path", ["../outside.parquet", "/etc/passwd", "bar_size=1m/../../outside.parquet"])
def test_a_manifest_that_points_elsewhere_is_not_followed(snapshot: Path, path: str) -> None:
    manifest = snapshot / "manifest.json"
    document = json.loads(manifest.read_bytes())
    del document["seal"]
    for each in document["series"]:
        for file in each["files"]:
            file["path"] = path
    manifest.write_bytes(sealed(document))
    assert any(f"{path} leads out of the snapshot" in problem for problem in verify(snapshot).problems)
    with pytest.raises(ExportError, match="not in the snapshot"):
        feed.bars("AAPL", "1m", "2024-01-02", "2024-01-03", source=snapshot)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"format": 2}', b'{"format": 1, "seal": ""}', b"\xff\xfe"])
def test_what_is_no_manifest_is_said_so_by_both(snapshot: Path, content: bytes) -> None:
    (snapshot / "manifest.json").write_bytes(content)
    with pytest.raises(ExportError, match=r"manifest\.json"):
        verify(snapshot)
    with pytest.raises(ExportError, match=r"manifest\.json"):
        feed.series(source=snapshot)


def test_where_there_is_no_snapshot_the_message_says_what_to_name(tmp_path: Path) -> None:
    for ask in (verify, lambda path: feed.series(source=path)):
        for path in (tmp_path, tmp_path / "nowhere"):
            with pytest.raises(IngestError, match=r"There is no snapshot at .*Name a snapshot"):
                ask(path)
