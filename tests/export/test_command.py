"""`ingest export` as people and scripts meet it: what it prints, where, and with which exit code."""

import json
import re
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ingest.cli.export import _Telling
from ingest.cli.root import run
from ingest.clock import FakeClock
from ingest.export import Progress, snapshots
from tests.export import stock

Said = Callable[[], tuple[str, str]]


@pytest.fixture(autouse=True)
def held(engine: Engine, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INGEST_DATABASE_URL", database_url)
    monkeypatch.setenv("INGEST_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    stock.hold_mixture(engine)


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    def read() -> tuple[str, str]:
        captured = capsys.readouterr()
        return captured.out, captured.err

    return read


def test_it_prints_a_table_and_two_lines_that_read_it_back(said: Said) -> None:
    assert run(["export"]) == 0
    out, err = said()
    assert err == ""
    assert re.search(r"AAPL 1m TRADES +live +780 +2023-12-29 14:30 +2024-01-02 20:59 +2", out)
    assert re.search(r"EUR\.USD 1m MIDPOINT +live +500", out)
    assert "2,315 bars of 6 series" in out
    first, second = out.splitlines()[-2:]
    read: dict[str, object] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the line has no end, and today is not held
        exec(f"{first.strip()}\n{second.strip()}", read)
    assert len(read["bars"]) == 780  # type: ignore[arg-type]


def test_json_tells_the_same_to_machines(said: Said) -> None:
    assert run(["export", "AAPL", "-b", "1m", "--rth-only", "--origin", "live", "--to", "out", "--json"]) == 0
    told = json.loads(said()[0])
    assert (told["rows"], [each["label"] for each in told["series"]]) == (780, ["AAPL"])
    assert [file["rows"] for file in told["series"][0]["files"]] == [390, 390]
    assert Path(told["path"]) == Path("out") / told["id"]
    assert (Path(told["path"]) / "manifest.json").is_file()


@pytest.mark.parametrize(
    ("flags", "rows"),
    [
        (["MSFT"], 390),
        (["--what", "midpoint"], 500),
        (["--outside-rth"], 600),
        (["--origin", "synthetic"], 40),
        (["-b", "1d"], 5),
        (["MSFT", "--start", "2024-01-02T15:00", "--end", "2024-01-02T15:10"], 10),
        (["MSFT", "--start", "2024-01-02T10:00", "--end", "2024-01-02T10:10", "--tz", "America/New_York"], 10),
        (["-b", "1d", "--start", "2023-12-29", "--end", "2023-12-31"], 2),
    ],
    ids=str,
)
def test_flags_choose_series_and_stretches(said: Said, flags: list[str], rows: int) -> None:
    assert run(["export", *flags, "--json"]) == 0
    assert json.loads(said()[0])["rows"] == rows


@pytest.mark.parametrize(
    ("flags", "code", "says"),
    [
        (["ZZZ"], 2, r"^error: The database holds nothing called 'ZZZ'\. `ingest status` lists what it holds\.$"),
        (["-b", "7m"], 2, r"^error: unknown bar size '7m'; use one of 1s, "),
        (["--start", "soon"], 2, r"^error: 'soon' is not a date"),
        (["--tz", "Mars/Olympus"], 2, r"^error: unknown time zone 'Mars/Olympus'"),
        (["--origin", "real"], 2, r"^error: --origin is live or synthetic, not 'real'\.$"),
        (["--keep-last", "0"], 2, r"^error: .*--keep-last"),
        (["-b", "1h"], 7, r"^error: Nothing to export: no series fits; held are AAPL 1m TRADES"),
        (["--start", "2030-01-02"], 7, r"^error: Nothing to export: no bars are held"),
        (["--verify", "nowhere"], 7, r"^error: There is no snapshot at nowhere\. Name"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_done_is_one_line_and_a_code(said: Said, flags: list[str], code: int, says: str) -> None:
    assert run(["export", *flags]) == code
    out, err = said()
    assert out == ""
    assert re.search(says, err)
    assert len(err.splitlines()) == 1


def test_old_snapshots_are_removed_with_a_word(said: Said) -> None:
    for _ in range(3):
        assert run(["export", "MSFT", "--keep-last", "1", "--json"]) == 0
    assert len(snapshots(Path("snapshots"))) == 1
    assert len(re.findall(r"Removed the old snapshot 20\d+T\d+Z-[0-9a-f]{8}\.", said()[1])) == 2


def test_the_unfinished_snapshot_of_a_dead_run_is_removed_with_a_word(said: Said) -> None:
    Path("snapshots/.20240101T000000Z-00000000.partial").mkdir(parents=True)
    assert run(["export", "MSFT"]) == 0
    assert "Removed .20240101T000000Z-00000000.partial, the unfinished snapshot of a run that died." in said()[1]


def test_verify_says_sound_or_names_what_is_wrong(said: Said) -> None:
    assert run(["export", "MSFT"]) == 0
    said()
    assert run(["export", "--verify", "snapshots"]) == 0
    assert re.search(r"is what its manifest says: 1 files, 390 bars\.", " ".join(said()[0].split()))
    (file,) = Path("snapshots").glob("2*/**/*.parquet")
    file.unlink()
    assert run(["export", "--verify", "snapshots/latest"]) == 7
    out, err = said()
    assert out == ""
    assert re.search(r"2024\.parquet is missing\nerror: .* is not what its manifest says", err)
    assert run(["export", "--verify", "snapshots/latest", "--json"]) == 7
    told = json.loads(said()[0])
    assert (told["sound"], len(told["problems"])) == (False, 1)


def test_progress_is_told_only_once_it_takes_over_two_seconds(said: Said) -> None:
    clock = FakeClock()
    progress = Progress(series=1, series_total=4, rows=1_000_000, rows_total=3_000_000, bytes=16_000_000)
    with _Telling(clock) as telling:
        for _ in range(5):
            clock.advance(0.9)
            telling(progress)
    assert said()[1].splitlines() == ["1,000,000/3,000,000 bars, 1/4 series, 16.0 MB"]


def test_on_a_terminal_progress_is_a_bar(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    clock = FakeClock()
    progress = Progress(series=1, series_total=4, rows=1_000, rows_total=3_000, current="AAPL 1m TRADES")
    with _Telling(clock) as telling:
        telling(progress)
        assert said()[1] == ""
        clock.advance(2.5)
        telling(progress)
        progress.rows, progress.current = 3_000, "MSFT 1m TRADES"
        telling(progress)
    drawn = said()[1]
    assert re.search(r"AAPL 1m TRADES.*1000/3000", drawn)
    assert re.search(r"MSFT 1m TRADES.*3000/3000", drawn)
