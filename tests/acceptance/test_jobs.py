"""Wishes as files, as a user meets them: examples, validation, a plan, a run and its snapshot."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.running import CommandLine, InProcess, Simulator, simulator

SMALL = """\
name = "small"

[universe]
symbols = ["AAPL", "BRK B"]

[[series]]
bar_size = "1 day"

[[series]]
bar_size = "5 mins"
hours = "all"

[want]
since = 2024-05-20
until = 2024-05-25

[export]
to = "out"
keep_last = 1
"""


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with simulator(tmp_path_factory.mktemp("sim"), "--now", "2024-06-10T12:00:00Z") as running:
        yield running


@pytest.fixture
def ingest(tmp_path: Path, sim: Simulator, database_url: str) -> CommandLine:
    return InProcess.at(tmp_path, port=sim.port, database_url=database_url)


@pytest.fixture
def offline(tmp_path: Path) -> CommandLine:
    """No gateway, no database."""
    return InProcess.at(tmp_path)


def write(folder: Path, text: str, name: str = "small.toml") -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return name


def test_an_example_in_an_empty_folder_is_valid_at_once(offline: CommandLine) -> None:
    names = [each["name"] for each in offline.json("jobs", "example")]
    assert names == ["adhoc-backfill", "futures-roll-weekly", "us-equities-nightly"]
    (offline.folder / "jobs").mkdir()
    for name in names:
        write(offline.folder / "jobs", offline.run("jobs", "example", name).stdout, f"{name}.toml")
    done = offline.run("jobs", "validate")
    assert done.returncode == 0, done.stderr
    assert not done.stdout
    assert done.stderr == f"3 job files without a problem: {', '.join(names)}.\n"


def test_every_problem_of_every_file_is_one_line(offline: CommandLine) -> None:
    write(offline.folder, SMALL.replace("5 mins", "7m").replace("[want]", "[want]\nuntill = 1"), "a.toml")
    write(offline.folder, SMALL, "b.toml")
    write(offline.folder, "[universe", "c.toml")
    done = offline.run("jobs", "validate", "a.toml", "b.toml", "c.toml", "d.toml")
    assert done.returncode == 2
    lines = done.stdout.splitlines()
    assert lines[0].startswith("a.toml:10: series.bar_size: unknown bar size '7m'")
    assert lines[1] == "a.toml:14: want.untill: unknown key; did you mean 'until'?"
    assert lines[2].startswith("c.toml:1: syntax: this is not TOML: ")
    assert lines[3:] == ["d.toml:1: file: cannot be read: no such file or directory"]
    assert done.stderr == "error: 4 problems in 3 of 4 job files.\n"


def test_problems_as_json(offline: CommandLine) -> None:
    write(offline.folder, SMALL.replace("keep_last = 1", "keep_last = 0"))
    done = offline.run("jobs", "validate", "small.toml", "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout) == {
        "valid": False,
        "jobs": [],
        "problems": [{"file": "small.toml", "line": 19, "key": "export.keep_last", "message": "must be at least 1"}],
    }


def test_a_right_job_as_json(offline: CommandLine) -> None:
    (found,) = offline.json("jobs", "validate", write(offline.folder, SMALL))["jobs"]
    assert found["want"] == {"since": "2024-05-20", "until": "2024-05-25"}
    assert found["series"][1] == {"bar_size": "5 mins", "what": None, "outside_rth": True}
    assert (found["schedule"], found["export"]) == (None, {"to": "out", "keep_last": 1})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("jobs", "validate"), "There is no job file in jobs/."),
        (("jobs", "validate", "."), "There is no job file in ./."),
        (("jobs", "example", "us-equities"), "Did you mean us-equities-nightly?"),
        (("jobs", "run", "none.toml"), "none.toml:1: file: cannot be read: no such file or directory"),
        (("jobs", "plan"), "--help"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(offline: CommandLine, words: tuple[str, ...], said: str) -> None:
    done = offline.run(*words)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_wrong_file_is_not_run(ingest: CommandLine, sim: Simulator) -> None:
    before = sim.last_seq
    write(ingest.folder, SMALL.replace("bar_size", "barsize"))
    done = ingest.run("jobs", "run", "small.toml")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 5, "a head, and two lines for each of two series"
    assert sim.last_seq == before


def test_a_job_is_planned_run_and_exported(ingest: CommandLine, sim: Simulator) -> None:
    file = write(ingest.folder, SMALL)
    before = sim.last_seq
    plan = ingest.json("jobs", "plan", file)
    assert [each["series"] for each in plan["series"]] == [
        "AAPL 1d TRADES",
        "AAPL 5m TRADES all hours",
        "BRK B 1d TRADES",
        "BRK B 5m TRADES all hours",
    ]
    assert not sim.bar_requests(after=before)
    done = ingest.json("jobs", "run", file)
    assert (done["job"], done["complete"], done["unmet"]) == ("small", True, [])
    assert len(sim.bar_requests(after=before)) == plan["requests"]
    assert done["export"]["rows"] == done["bars"] > 0
    assert sorted(each["series"] for each in done["series"]) == sorted(each["series"] for each in plan["series"])
    again = ingest.json("jobs", "run", file)
    assert (again["bars"], again["requests"]) == (0, 0)
    assert again["export"]["rows"] == done["bars"]
    assert len([each for each in (ingest.folder / "out").iterdir() if not each.is_symlink()]) == 1, "keep_last = 1"


def test_a_snapshot_holds_the_jobs_series_and_no_others(ingest: CommandLine) -> None:
    days = ("--start", "2024-05-13", "--end", "2024-05-25")
    assert ingest.run("backfill", "AAPL", "KO", "-b", "1d", "-b", "5m", *days).returncode == 0
    done = ingest.json("jobs", "run", write(ingest.folder, SMALL))
    exported = done["export"]
    names = {(each["symbol"], each["bar_size"], each["use_rth"]) for each in exported["series"]}
    assert names == {
        (s, size, hours) for s in ("AAPL", "BRK B") for size, hours in (("1 day", True), ("5 mins", False))
    }
    assert exported["selection"]["start"] == "2024-05-20"
    assert sum(each["rows"] for each in exported["series"] if each["bar_size"] == "1 day") == 2 * 5


def test_what_ib_does_not_know_stops_nothing_else(ingest: CommandLine) -> None:
    text = SMALL.replace('"BRK B"', '"NOSUCH", "SHOP", "BRK B"')
    done = ingest.run("jobs", "run", write(ingest.folder, text))
    assert done.returncode == 9, done.stderr
    assert "BRK B 5m TRADES all hours" in done.stdout
    assert "Read it back:" in done.stdout
    assert "  NOSUCH: IB knows no contract for NOSUCH STK." in done.stderr
    assert "  SHOP: SHOP STK is ambiguous: 2 contracts match" in done.stderr
    planned = ingest.run("jobs", "plan", "small.toml", "--json")
    assert planned.returncode == 9
    document = json.loads(planned.stdout)
    assert [(each["symbol"], each["kind"]) for each in document["unmet"]] == [
        ("NOSUCH", "UnknownInstrument"),
        ("SHOP", "AmbiguousInstrument"),
    ]
    assert document["requests"] == 0


def test_a_universe_nobody_knows(ingest: CommandLine) -> None:
    done = ingest.run("jobs", "run", write(ingest.folder, SMALL.replace('"AAPL", "BRK B"', '"NOSUCH"')))
    assert done.returncode == 9
    assert not done.stdout
    assert done.stderr.startswith("error: 1 wish of the job cannot be met:\n  NOSUCH: ")


def test_two_names_of_one_instrument_make_one_series(ingest: CommandLine) -> None:
    done = ingest.json("jobs", "run", write(ingest.folder, SMALL.replace('"BRK B"', '"con_id:900000001"')))
    assert len(done["series"]) == 2


def test_an_export_that_fails_does_not_hide_the_run(ingest: CommandLine) -> None:
    file = write(ingest.folder, SMALL.replace('"out"', '"/proc/out"'))
    done = ingest.run("jobs", "run", file, "--json")
    assert done.returncode == 7
    document = json.loads(done.stdout)
    assert document["complete"]
    assert "/proc/out" in document["export"]["error"]
    assert done.stderr.startswith("Exporting to /proc/out …\nerror: ")


def test_a_job_that_is_stopped_exports_nothing_and_continues(tmp_path: Path, database_url: str) -> None:
    file = write(tmp_path, SMALL.replace("2024-05-20", "2023-05-20"))
    with simulator(tmp_path, "--now", "2024-06-10T12:00:00Z", "--latency", "0.5") as slow:
        ingest = InProcess.at(tmp_path, port=slow.port, database_url=database_url, INGEST_GATEWAY_CONCURRENCY="1")
        running = ingest.start("jobs", "run", file)
        while len(slow.bar_requests()) < 2:
            assert running.poll() is None
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=60)
        assert running.returncode == 130, errors
        assert not (tmp_path / "out").exists()
        sent = len(slow.bar_requests())
        done = ingest.run("jobs", "run", file, INGEST_GATEWAY_CONCURRENCY="8")
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "out" / "latest").exists()
        assert len(slow.bar_requests()) > sent
