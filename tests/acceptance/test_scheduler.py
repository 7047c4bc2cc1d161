"""`ingest scheduler` as a user runs it: in a terminal, twice at once, killed, from a cron, with wrong files."""

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from tests.acceptance.running import CommandLine
from tests.scheduler.scene import HOURLY, SCALE, Scene
from tests.unit.wishes.writing import write


@dataclass(slots=True)
class Running:
    """A scheduler in a process; what it says is in files as it says it."""

    process: "subprocess.Popen[bytes]"
    out: Path
    err: Path

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What `--json` has printed."""
        whole = self.out.read_text(encoding="utf-8").rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    def until(self, holds: Callable[[], object]) -> None:
        deadline = time.monotonic() + 40
        while not holds():
            assert self.process.poll() is None, self.err.read_text(encoding="utf-8")
            assert time.monotonic() < deadline, self.err.read_text(encoding="utf-8")
            time.sleep(0.05)

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=20)


@pytest.fixture
def ingest(tmp_path: Path, database_url: str) -> CommandLine:
    """On a clock that began on a Monday evening in 2024, in all processes alike."""
    return CommandLine.at(
        tmp_path,
        database_url=database_url,
        INGEST_CLOCK_SCALE=str(SCALE),
        INGEST_CLOCK_SINCE=datetime.now(UTC).isoformat(),
        INGEST_CLOCK_SHOWS="2024-06-03T20:30:00Z",
        INGEST_SCHEDULER_POLL_SECONDS="0.1",
    )


@pytest.fixture
def scene(ingest: CommandLine, engine: Engine) -> Scene:
    folder = ingest.folder / "jobs"
    folder.mkdir()
    return Scene(engine, folder)


@contextmanager
def scheduler(ingest: CommandLine, name: str, *words: str, command: str = "scheduler") -> Iterator[Running]:
    out, err = ingest.folder / f"{name}.out", ingest.folder / f"{name}.err"
    line = [sys.executable, "-m", "ingest", command, *words]
    with out.open("wb") as to, err.open("wb") as errors:
        process = subprocess.Popen(line, cwd=ingest.folder, env=ingest.environment, stdout=to, stderr=errors)
    try:
        yield Running(process, out, err)
    finally:
        process.kill()
        process.wait(timeout=20)


def test_it_says_what_it_found_and_what_it_does_until_it_is_stopped(ingest: CommandLine, scene: Scene) -> None:
    scene.put(priority=5)
    scene.put("ad-hoc", "")
    wrong = write(scene.folder, "[universe", "wrong.toml")
    with scheduler(ingest, "terminal") as terminal:
        terminal.until(scene.fired)
        wrong.unlink()
        scene.put("added", HOURLY)
        terminal.until(lambda: scene.fired("added"))
        assert terminal.end(signal.SIGINT) == 130
        table = terminal.out.read_text(encoding="utf-8").splitlines()
        assert table[0].split() == ["wish", "schedule", "next", "due", "(UTC)", "in", "priority", "file"]
        assert table[1].startswith("hourly  0 * * * * UTC  2024-06-")
        assert table[1].split()[-2:] == ["5", "jobs/hourly.toml"]
        assert table[2].split() == ["ad-hoc", "by", "hand", "–", "–", "0", "jobs/ad-hoc.toml"]
        said = terminal.err.read_text(encoding="utf-8")
        assert "jobs/wrong.toml:1: syntax: this is not TOML: " in said
        assert "Scheduling 2 wishes of jobs/; Ctrl-C ends it." in said
        first = scene.fired()[0]
        assert f"due='{first.due_at:%Y-%m-%d %H:%M:%SZ}' firing={first.id}" in said
        assert said.endswith("Stopped.\n")


def test_two_processes_queue_nothing_twice_and_one_goes_on_alone(ingest: CommandLine, scene: Scene) -> None:
    for name in ("hourly", "other"):
        scene.put(name)
    with scheduler(ingest, "one", "--json") as one, scheduler(ingest, "two", "--json") as two:
        for each in (one, two):
            each.until(partial(getattr, each, "lines"))
        many = len(scene.fired()) + 4
        one.until(lambda: len(scene.fired()) >= many)
        assert one.end(signal.SIGKILL) == -signal.SIGKILL
        many = len(scene.fired()) + 2
        two.until(lambda: len(scene.fired()) >= many)
        assert two.end(signal.SIGTERM) == 0
        assert [set(each.lines[0]) for each in (one, two)] == 2 * [{"event", "folder", "wishes", "fired", "problems"}]
        said = [{line["firing"] for line in each.lines if line["event"] == "fired"} for each in (one, two)]
        assert not said[0] & said[1]
        assert said[1]
    for name in ("hourly", "other"):
        fired = scene.fired(name)
        assert max(Counter(each.due_at for each in fired).values()) == 1
        assert sorted(job[1] for job in scene.expansions() if job[0] == name) == [each.id for each in fired]

    ended = scene.fired()[-1].due_at
    document = ingest.json("scheduler", "--once")
    late = [each for each in document["fired"] if each["wish"] == "hourly"]
    assert len(late) == 1
    assert datetime.fromisoformat(late[0]["due_at"]) == scene.fired()[-1].due_at > ended


def test_where_there_is_nothing_to_schedule_one_line_says_so(ingest: CommandLine, scene: Scene) -> None:
    done = ingest.run("scheduler", "--jobs", "nowhere")
    assert done.returncode == 2
    assert done.stderr == (
        "error: The folder of job files nowhere/ cannot be read: no such file or directory."
        " Name another with --jobs, or begin with one of `ingest jobs example`.\n"
    )
    scene.put("never", HOURLY.replace("0 * * * *", "0 0 30 2 *"))
    write(scene.folder, "[universe", "wrong.toml")
    done = ingest.run("scheduler", "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["kind"] == "JobError"
    lines = done.stderr.splitlines()
    assert lines[0] == "error: 2 problems in 2 files:"
    assert lines[1].startswith("jobs/never.toml:19: schedule.cron: '0 0 30 2 *' never fires")
    assert lines[2].startswith("jobs/wrong.toml:1: syntax: ")


def test_once_says_what_it_could_not_read(ingest: CommandLine, scene: Scene) -> None:
    scene.put()
    write(scene.folder, "[universe", "wrong.toml")
    done = ingest.run("scheduler", "--once")
    assert done.returncode == 9
    assert "jobs/wrong.toml:1: syntax: " in done.stderr
    assert "Nothing was due; next is hourly at 2024-06-" in done.stderr


def test_once_fires_what_was_good_before_and_says_that_its_file_is_wrong(ingest: CommandLine, scene: Scene) -> None:
    scene.put()
    assert ingest.run("scheduler", "--once").returncode == 0
    write(scene.folder, "[universe", "hourly.toml")
    done = ingest.run("scheduler", "--once")
    assert done.returncode == 9
    assert done.stderr.count("jobs/hourly.toml:1: syntax: ") == 1
    assert len(scene.fired()) == 1


def test_run_works_although_every_job_file_is_wrong(ingest: CommandLine, scene: Scene) -> None:
    write(scene.folder, "[universe", "wrong.toml")
    with scheduler(ingest, "all", command="run") as running:
        running.until(lambda: "job_file_wrong" in running.err.read_text(encoding="utf-8"))
        scene.put()
        running.until(scene.fired)
        assert running.end(signal.SIGTERM) == 0
    assert "jobs/wrong.toml:1: syntax: " in running.err.read_text(encoding="utf-8")


def test_run_refuses_a_folder_that_was_named_and_is_not_there_and_works_without_the_usual_one(
    ingest: CommandLine, scene: Scene
) -> None:
    scene.folder.rmdir()
    done = ingest.run("run", "--jobs", "nowhere")
    assert done.returncode == 2
    assert done.stderr == (
        "error: The folder of job files nowhere/ cannot be read: no such file or directory."
        " Make it, name another with --jobs, or leave --jobs out.\n"
    )
    with scheduler(ingest, "without", command="run") as running:
        running.until(lambda: "no_job_files" in running.err.read_text(encoding="utf-8"))
        said = running.err.read_text(encoding="utf-8")
        assert "jobs/ cannot be read: no such file or directory" in said
        assert "ingest jobs example" in said
        assert running.end(signal.SIGTERM) == 0


def test_once_says_whose_name_a_wish_has(ingest: CommandLine, scene: Scene) -> None:
    scene.put()
    assert ingest.run("scheduler", "--once").returncode == 0
    elsewhere = Scene(scene.engine, scene.folder.with_name("elsewhere"))
    elsewhere.folder.mkdir()
    elsewhere.put()
    done = ingest.run("scheduler", "--once", "--jobs", "elsewhere")
    assert done.returncode == 9
    said = (
        f"elsewhere/hourly.toml:1: name: 'hourly' is the name of {scene.folder}/hourly.toml already, in another folder"
    )
    assert done.stderr.count(said) == 1
