"""Kill an export anywhere (kill -9): readers find the old snapshot or the new one, whole, the next run tidies up."""

import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ingest.clock import SystemClock
from ingest.export import Selection, export, snapshots, verify
from tests import given
from tests.export import stock
from tests.store import settled

Tell = Callable[[str], str]


@pytest.fixture
def target(engine: Engine, tmp_path: Path) -> Path:
    """A folder with one snapshot of one small series."""
    stock.hold(engine, given.series(), settled.bars("2024-01-02 14:30", 390))
    export(engine, Selection(), tmp_path / "target", clock=SystemClock())
    return tmp_path / "target"


@contextmanager
def victim(url: str, target: Path) -> Iterator[Tell]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.export.victim", url, str(target)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        stdin, stdout = process.stdin, process.stdout
        assert stdout.readline() == "ready\n"

        def tell(line: str) -> str:
            stdin.write(line + "\n")
            stdin.flush()
            return stdout.readline().strip()

        yield tell
        stdin.close()


def check(target: Path, known: Sequence[str] = ()) -> list[str]:
    """Whatever is visible is whole, and `latest` names one of it. Gives what is visible; `known` was whole before."""
    visible = [path.name for path in target.iterdir() if not path.name.startswith(".")]
    assert "latest" in visible
    assert (target / "latest").readlink().name in visible
    for path in snapshots(target):
        assert path.name in known or verify(path).is_sound
    whole = [path.name for path in snapshots(target)]
    assert sorted(visible) == sorted([*whole, "latest"])
    return whole


def test_a_kill_before_any_lasting_step_leaves_whole_snapshots(
    database_url: str, engine: Engine, target: Path, tmp_path: Path
) -> None:
    export(engine, Selection(), target, clock=SystemClock())
    dead = target / ".20240101T000000Z-00000000.partial" / "bar_size=1m"
    dead.mkdir(parents=True)
    old = check(target)
    found: set[int] = set()
    answers: list[str] = []
    with victim(database_url, tmp_path / "try") as tell:
        while answers[-1:] != ["done"]:
            shutil.copytree(target, tmp_path / "try", symlinks=True)  # the same steps every time, or some are missed
            answers.append(tell(f"after {len(answers) + 1}"))
            found.add(len(set(check(tmp_path / "try", old)) - set(old)))
            shutil.rmtree(tmp_path / "try")
    assert answers == ["killed"] * (len(answers) - 1) + ["done"]
    assert len(answers) > 40  # sweeping, folders, file, manifest, rename, link, pruning: each was a place to die
    assert found == {0, 1}  # some died before the new snapshot was there, some after


def test_the_next_run_tidies_up_after_the_dead(engine: Engine, target: Path) -> None:
    (target / ".20240101T000000Z-00000000.partial" / "bar_size=1m").mkdir(parents=True)
    (target / ".20240101T000000Z-00000000.other").mkdir()
    (target / ".latest.new").symlink_to("nowhere")
    after = export(engine, Selection(), target, clock=SystemClock(), keep_last=1)
    assert after.swept == (".20240101T000000Z-00000000.partial",)
    assert check(target) == [after.id]
    assert {path.name for path in target.iterdir() if path.name.startswith(".")} == {".20240101T000000Z-00000000.other"}


def test_a_kill_at_any_moment_leaves_whole_snapshots(database_url: str, target: Path) -> None:
    chance = random.Random(7)
    with victim(database_url, target) as tell:
        for _ in range(8):
            assert tell(f"within {chance.uniform(0.02, 0.5):.3f}") == "killed"
            check(target)
