"""Job files by where they lie: from any folder, by two ways, gone, and out of sight."""

from pathlib import Path

import pytest

from ingest.wishes.places import is_another, is_there, place


def test_a_place_is_the_same_from_any_folder_and_a_link_stays_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real.toml").touch()
    (tmp_path / "link.toml").symlink_to("real.toml")
    monkeypatch.chdir(tmp_path)
    assert place(Path("link.toml")) == tmp_path / "link.toml"
    assert not is_another(tmp_path / "link.toml", Path("link.toml"))


def test_a_file_is_another_only_while_it_is_there(tmp_path: Path) -> None:
    known, path = tmp_path / "known.toml", tmp_path / "path.toml"
    path.touch()
    assert not is_another(known, path)
    known.touch()
    assert is_another(known, path)
    assert is_another(known, tmp_path / "not there.toml")


def test_one_file_by_two_ways_is_no_other(tmp_path: Path) -> None:
    known, path = tmp_path / "known.toml", tmp_path / "path.toml"
    known.touch()
    path.hardlink_to(known)
    assert not is_another(known, path)


def test_what_may_not_be_looked_at_counts_as_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "stat", refuse)
    assert is_there(tmp_path / "known.toml")
    assert is_another(tmp_path / "known.toml", tmp_path / "path.toml")
