"""`ingest jobs …` on a real queue: what is listed, and what each command does to jobs in every state.

Most of it calls the command line in this process; the last tests do one pass of it as a user does. No worker is at
work here: jobs are put into their states as Procrastinate's would.
"""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from ingest.cli.root import run
from ingest.domain.bar_size import BarSize
from ingest.domain.instrument import Instrument
from ingest.domain.job import Fill, JobProgress, JobState, Lane
from ingest.domain.ledger import Entry, State
from ingest.domain.series import Origin
from ingest.store import firings, job_listing, jobs, ledger, posts, requests, universes, wishes
from ingest.store import series as series_store
from ingest.store.series import SeriesRow
from tests import given
from tests.acceptance.running import CommandLine, Simulator, simulator
from tests.store import settled
from tests.store.test_jobs import status

JUNE = given.window("2024-06-03", "2024-06-29")
JULY = given.window("2024-07-01", "2024-07-27")
MSFT = Instrument(272093, "MSFT", "STK", "SMART", "USD", primary_exchange="NASDAQ", local_symbol="MSFT")

WISH = """\
name = "night"
priority = 7

[universe]
symbols = ["AAPL", "MSFT"]

[[series]]
bar_size = "1 min"

[want]
since = 2024-06-03
until = 2024-06-29
"""


@dataclass(frozen=True, slots=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True)
class Here:
    """The command line in this process."""

    capture: pytest.CaptureFixture[str]
    folder: Path

    def run(self, *words: str) -> Done:
        self.capture.readouterr()
        code = run(words)
        said = self.capture.readouterr()
        return Done(code, said.out, said.err)

    def json(self, *words: str) -> Any:
        done = self.run(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def told(self, *words: str) -> str:
        """What a command that succeeds says in words."""
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        assert not done.stdout
        return done.stderr

    def refused(self, *words: str) -> str:
        """The one line of a command that is refused."""
        done = self.run(*words)
        assert done.returncode == 2, done.stderr
        assert not done.stdout
        (line,) = done.stderr.splitlines()
        assert line.startswith("error: ")
        return line.removeprefix("error: ")


@pytest.fixture
def ingest(
    tmp_path: Path,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Here:
    """With a gateway at which nobody answers."""
    for name in [name for name in os.environ if name.startswith("INGEST_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("INGEST_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("INGEST_DATABASE_URL", database_url)
    monkeypatch.setenv("INGEST_GATEWAY_PORT", "1")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    return Here(capsys, tmp_path)


@pytest.fixture
def rows(engine: Engine) -> dict[str, SeriesRow]:
    with engine.begin() as connection:
        return {
            one.symbol: series_store.ensure(connection, given.series(one), Origin.LIVE)
            for one in (given.AAPL, MSFT, given.EURUSD)
        }


def queued(engine: Engine, row: SeriesRow, state: str = "todo", **more: Any) -> int:
    """A job in a state of Procrastinate's."""
    with engine.begin() as connection:
        (made,) = jobs.queue_fills(connection, [Fill(row.id, more.pop("windows", (JUNE,)), Lane.LARGE, **more)])
        for each in {"succeeded": ("doing",), "failed": ("doing",)}.get(state, ()):
            status(connection, made.job_id, each)
        if state != "todo":
            status(connection, made.job_id, state)
    return made.job_id


def states(engine: Engine) -> dict[int, JobState]:
    with engine.connect() as connection:
        return {job.id: job.state for job in job_listing.listing(connection)}


@pytest.fixture
def queue(engine: Engine, rows: dict[str, SeriesRow]) -> dict[str, int]:
    """One job in each state, by its name: of two wishes, and one by hand."""
    made = {
        "running": queued(engine, rows["AAPL"], "doing", wish="night", priority=2),
        "waiting": queued(engine, rows["MSFT"], wish="night", priority=5, estimate=30),
        "by hand": queued(engine, rows["AAPL"], estimate=7),
        "failed": queued(engine, rows["EUR"], "failed", wish="night"),
        "done": queued(engine, rows["MSFT"], "succeeded", wish="other"),
        "cancelled": queued(engine, rows["EUR"], "cancelled", wish="other"),
        "paused": queued(engine, rows["EUR"], wish="slow"),
    }
    with engine.begin() as connection:
        jobs.pause(connection, "universe", "slow")
        noted = JobProgress("main", 3, 1, settled=40, remaining=60, bars=1234)
        job_listing.save_progress(connection, made["running"], noted)
        said = "Not settled: timed_out: no answer [in time]"
        job_listing.save_progress(connection, made["failed"], JobProgress("main", 5, 5, 9, 2, 10, note=said))
    return made


# -- list


def test_an_empty_queue_says_what_fills_it(ingest: Here) -> None:
    done = ingest.run("jobs", "list")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "The queue is empty. `ingest jobs queue FILE` fills it.\n"
    assert ingest.json("jobs", "list")["jobs"] == []


def test_what_is_open_or_failed_lately_is_listed_in_the_order_of_work(ingest: Here, queue: dict[str, int]) -> None:
    done = ingest.run("jobs", "list")
    lines = [line.split() for line in done.stdout.splitlines()]
    order = [queue[name] for name in ("running", "waiting", "by hand", "paused", "failed")]
    assert [int(line[0]) for line in lines[1:6]] == order
    assert lines[1][1:10] == ["fill", "running", "2", "night", "AAPL", "1m", "TRADES", "2024-06-03", "…"]
    assert "40/100" in done.stdout
    assert "about 30" in done.stdout
    assert f"behind job {queue['running']}" in done.stdout
    assert "answer [in time]" in done.stdout, "brackets are no markup"
    assert "In the queue: 1 running, 2 waiting, 1 paused, 1 failed, 1 cancelled, 1 done." in done.stdout
    assert "Paused: universe slow." in done.stdout
    assert "No worker is at work; times are as if one began now" in done.stdout


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["--all"], ["running", "waiting", "by hand", "paused", "cancelled", "done", "failed"]),
        (["--state", "done", "-s", "CANCELLED"], ["cancelled", "done"]),
        (["--state", "waiting"], ["waiting", "by hand"]),
        (["--state", "paused"], ["paused"]),
        (["--wish", "night"], ["running", "waiting", "failed"]),
        (["aapl"], ["running", "by hand"]),
        (["MSFT", "EUR.USD", "--all"], ["waiting", "paused", "cancelled", "done", "failed"]),
        (["--limit", "2"], ["running", "waiting"]),
        (["--wish", "other"], []),
    ],
)
def test_jobs_are_listed_as_they_are_chosen(
    ingest: Here, queue: dict[str, int], words: list[str], names: list[str]
) -> None:
    found = ingest.json("jobs", "list", *words)
    assert [each["id"] for each in found["jobs"]] == [queue[name] for name in names]
    assert found["more"] == ("--limit" in words)
    assert found["counts"]["waiting"] == 2, "the counts are of the whole queue"


def test_what_failed_long_ago_is_left_out(ingest: Here, engine: Engine, queue: dict[str, int]) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE ingest_queue.procrastinate_events SET at = at - interval '2 days'"))
    assert queue["failed"] not in [each["id"] for each in ingest.json("jobs", "list")["jobs"]]
    assert queue["failed"] in [each["id"] for each in ingest.json("jobs", "list", "-s", "failed")["jobs"]]
    assert "--limit shows more" in ingest.run("jobs", "list", "--limit", "1").stdout


def test_everything_about_a_job_is_in_the_json(ingest: Here, queue: dict[str, int]) -> None:
    found = {each["id"]: each for each in ingest.json("jobs", "list", "--all")["jobs"]}
    running, waiting, failed = (found[queue[name]] for name in ("running", "waiting", "failed"))
    assert running["series"] == "AAPL 1m TRADES"
    assert (running["con_id"], running["bar_size"], running["use_rth"]) == (265598, "1 min", True)
    assert running["windows"] == [{"start": "2024-06-03T00:00:00+00:00", "end": "2024-06-29T00:00:00+00:00"}]
    assert (running["settled"], running["remaining"], running["bars"], running["gateway"]) == (40, 60, 1234, "main")
    assert (waiting["estimate"], waiting["remaining"], waiting["lane"], waiting["priority"]) == (30, None, "large", 5)
    assert (failed["state"], failed["rounds"]) == ("failed", 5)
    assert found[queue["by hand"]]["behind"] == [queue["running"]]


def test_each_job_says_when_it_will_be_done(ingest: Here, engine: Engine, queue: dict[str, int]) -> None:
    """Guessed where nothing was measured: two answers a second. Two jobs of one series follow each other."""
    found = ingest.json("jobs", "list")
    ends = {each["id"]: seconds_ahead(each["expected_end"]) for each in found["jobs"]}
    even = {"requests_per_second": 2.0, "measured": False, "at_once": None, "afterwards_per_second": None}
    assert found["paces"]["large"] == even
    assert found["paces"]["small"] == even | {"at_once": 60.0, "afterwards_per_second": 0.1}
    assert ends[queue["waiting"]] == pytest.approx(30, abs=3)
    assert ends[queue["running"]] == pytest.approx(45, abs=3)
    assert ends[queue["by hand"]] == pytest.approx((60 + 30 + 7) / 2, abs=3)
    assert ends[queue["paused"]] is None
    assert ends[queue["failed"]] is None


def test_the_pace_of_a_working_gateway_is_measured(
    ingest: Here, engine: Engine, rows: dict[str, SeriesRow], queue: dict[str, int]
) -> None:
    with engine.begin() as connection:
        working = posts.sign_on(connection, "main", "main", "here", 1)
        posts.sign(connection, working, "working", "", 1)
        now = job_listing.database_now(connection)
        for place in range(10):  # each open for a minute, two at a time
            sent = now - timedelta(minutes=9) + (place // 2) * given.MINUTE
            requests.save(connection, rows["AAPL"], settled.record(rows["AAPL"], sent_at=sent))
    found = ingest.json("jobs", "list")
    assert found["working"] == ["main"]
    large = found["paces"]["large"]
    assert (large["requests_per_second"], large["measured"]) == (pytest.approx(10 / 300), True)
    assert "No worker" not in ingest.run("jobs", "list").stdout


def test_every_login_at_work_adds_its_pace(ingest: Here, engine: Engine, queue: dict[str, int]) -> None:
    with engine.begin() as connection:
        for login, state in (("one", "working"), ("two", "working"), ("two", "working"), ("three", "paused")):
            posts.sign(connection, posts.sign_on(connection, login, login, "here", 1), state, "", 1)
        posts.sign(connection, posts.sign_on(connection, "dead", "dead", "here", 1), "working", "", 1)
        silent = "UPDATE ingest.workers SET seen_at = now() - interval '1 minute' WHERE gateway = 'dead'"
        connection.execute(text(silent))
    found = ingest.json("jobs", "list")
    assert found["paces"]["large"]["requests_per_second"] == 4.0
    assert found["paces"]["small"]["at_once"] == 120
    assert found["paces"]["small"]["afterwards_per_second"] == pytest.approx(0.2)


def test_nobody_knows_when_while_everything_is_paused(ingest: Here, queue: dict[str, int]) -> None:
    ingest.told("jobs", "pause", "--all")
    found = ingest.json("jobs", "list")
    assert all(each["expected_end"] is None for each in found["jobs"])
    assert {"scope": "all", "name": ""} in found["paused"]
    assert "Paused: everything, universe slow." in ingest.run("jobs", "list").stdout


def test_a_job_for_later_says_from_when(ingest: Here, engine: Engine, queue: dict[str, int]) -> None:
    later = "UPDATE ingest_queue.procrastinate_jobs SET scheduled_at = now() + interval '2 days' WHERE id = :id"
    with engine.begin() as connection:
        connection.execute(text(later), {"id": queue["waiting"]})
    (found,) = ingest.json("jobs", "list", "MSFT")["jobs"]
    assert seconds_ahead(found["not_before"]) == pytest.approx(172_800, abs=5)
    assert seconds_ahead(found["expected_end"]) == pytest.approx(172_800 + 15, abs=5)
    assert re.search(r"from \d{4}-\d\d-\d\d \d\d:\d\d", ingest.run("jobs", "list", "MSFT").stdout)


def test_a_faster_clock_is_there_sooner(
    ingest: Here, engine: Engine, queue: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The queue waits by the database's clock, of which a second is sixty of ours."""
    monkeypatch.setenv("INGEST_CLOCK_SCALE", "60")
    later = "UPDATE ingest_queue.procrastinate_jobs SET scheduled_at = now() + interval '1 hour' WHERE id = :id"
    with engine.begin() as connection:
        connection.execute(text(later), {"id": queue["waiting"]})
    (found,) = ingest.json("jobs", "list", "MSFT")["jobs"]
    assert seconds_ahead(found["not_before"]) == pytest.approx(60 * 3600, abs=600)
    assert seconds_ahead(found["expected_begin"]) == pytest.approx(60 * 3600, abs=600)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["list", "--state", "lost"],
            "Unknown state 'lost'; there is waiting, paused, running, done, failed, cancelled.",
        ),
        (["list", "--wish", "nobody"], "There is no wish 'nobody'; none was queued yet."),
        (["list", "NOSUCH"], "The database holds nothing called 'NOSUCH'."),
        (["list", "--limit", "0"], "--limit"),
        (["list", "--watch"], "--watch draws on a terminal."),
        (["show", "99"], "There is no job 99. `ingest jobs list --all` shows those that are remembered."),
        (["show", "x"], "See `ingest jobs show --help`."),
        (["show", "9" * 30], "See `ingest jobs show --help`."),
        (["cancel"], "Cancel which jobs? Give their numbers, --wish NAME or --all."),
        (["cancel", "1", "--all"], "Cancel which jobs?"),
        (["cancel", "98", "99"], "There are no jobs 98, 99."),
        (["cancel", "--wish", "nobody"], "There is no wish 'nobody'"),
        (["cancel", "--all"], "--all cancels every job that waits or runs. Say --yes if that is meant."),
        (["retry"], "Try which jobs again? Give their numbers, --wish NAME or --all-failed."),
        (["retry", "99"], "There is no job 99."),
        (["retry", "--wish", "nobody"], "There is no wish 'nobody'"),
        (["pause"], "Pause what? Give --all, --gateway NAME or --universe NAME."),
        (["pause", "--all", "--gateway", "x"], "Pause what?"),
        (["pause", "--gateway", "x"], "There is no gateway 'x'; there is default."),
        (["pause", "--universe", "x"], "There is no universe or wish 'x'; none is known yet."),
        (["pause", "--universe", ""], "There is no universe or wish ''"),
        (["resume"], "Resume what?"),
        (["resume", "--gateway", "x"], "There is no gateway 'x'; there is default."),
        (["resume", "--universe", "x"], "There is no universe or wish 'x'"),
        (["queue"], "See `ingest jobs queue --help`."),
        (["queue", "none.toml"], "none.toml:1: file: cannot be read: no such file or directory"),
        (["queue", "night.toml", "--priority", "101"], "--priority"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(ingest: Here, words: list[str], said: str) -> None:
    assert said in ingest.refused("jobs", *words)


@pytest.mark.parametrize("command", ["list", "show", "cancel", "pause", "resume", "retry", "queue"])
def test_every_command_shows_how_it_is_used(ingest: Here, command: str) -> None:
    done = ingest.run("jobs", command, "--help")
    assert done.returncode == 0
    assert "Examples:" in done.stdout
    assert f"ingest jobs {command} " in done.stdout


def test_an_error_is_a_document_where_one_is_asked_for(ingest: Here) -> None:
    done = ingest.run("jobs", "cancel", "99", "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["message"] == "There is no job 99."


# -- show


def test_a_job_is_shown_with_its_history_and_what_is_lacking(
    ingest: Here, engine: Engine, rows: dict[str, SeriesRow], queue: dict[str, int]
) -> None:
    entries = [
        Entry(given.window("2024-06-03", "2024-06-05"), State.COVERED),
        Entry(given.window("2024-06-05", "2024-06-06"), State.TIMED_OUT),
        Entry(given.window("2024-06-06", "2024-06-07"), State.FAILED, "200: No [b]security", permanent=True),
        Entry(given.window("2024-06-28", "2024-07-10"), State.PENDING, "empty once"),
    ]
    with engine.begin() as connection:
        ledger.record(connection, rows["AAPL"].id, entries, None)
        worker = connection.execute(text("SELECT ingest_queue.procrastinate_register_worker_v1()")).scalar_one()
        status(connection, queue["running"], "doing", worker)
    said = ingest.run("jobs", "show", str(queue["running"])).stdout
    for line in (
        f"Job {queue['running']}: fill, running",
        "  series    AAPL 1m TRADES (live)",
        "  windows   [2024-06-03, 2024-06-29)",
        "  wish      night",
        "  priority  2, lane large",
        "  requests  40/100",
        "  done      3 slices, 1 full round, 1,234 bars, last on main",
        f"  beside    job {queue['by hand']} (waiting)",
        "Not settled",
        "  [2024-06-05, 2024-06-06) timed out",
        "  [2024-06-06, 2024-06-07) failed: 200: No [b]security (for good)",
        "  [2024-06-28, 2024-06-29) pending: empty once",
        "  [2024-06-07, 2024-06-28) never asked for",
    ):
        assert line in said.splitlines()
    assert re.search(r"  ETA       done in 4\d s \(.* UTC\), if a worker began now", said)
    assert re.search(rf"  held by   worker {worker}, \d s since its last sign", said)
    assert re.search(r"  \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC  queued\n.*  taken up\n", said)
    found = ingest.json("jobs", "show", str(queue["running"]))
    assert [each["event"] for each in found["events"]] == ["queued", "taken up"]
    assert [each["state"] for each in found["unsettled"]] == ["timed_out", "failed", "pending"]
    assert found["unsettled"][1]["permanent"]
    assert [each["start"] for each in found["never_asked"]] == ["2024-06-07T00:00:00+00:00"]
    assert (found["held_by"]["worker"], found["beside"]) == (worker, [queue["by hand"]])


def test_jobs_that_wait_and_have_ended_are_shown(ingest: Here, queue: dict[str, int]) -> None:
    waiting = ingest.run("jobs", "show", str(queue["by hand"])).stdout
    assert "  wish      none: queued by hand" in waiting
    assert f"  behind    job {queue['running']}, which works on the series now" in waiting
    failed = ingest.run("jobs", "show", str(queue["failed"])).stdout
    assert "  note      Not settled: timed_out: no answer [in time]" in failed
    assert failed.splitlines()[-1].endswith("never asked for")
    assert "ETA" not in failed


def test_what_is_not_over_yet_is_not_lacking(ingest: Here, engine: Engine, rows: dict[str, SeriesRow]) -> None:
    job_id = queued(engine, rows["AAPL"], windows=(given.window("2024-06-03", "2099-01-01"),))
    (found,) = ingest.json("jobs", "show", str(job_id))["never_asked"]
    assert found["start"] == "2024-06-03T00:00:00+00:00"
    assert -300 < (seconds_ahead(found["end"]) or 0) <= 0


def test_an_expansion_is_shown_with_its_firing(ingest: Here) -> None:
    (ingest.folder / "night.toml").write_text(WISH)
    made = ingest.json("jobs", "queue", "night.toml")
    said = ingest.run("jobs", "show", str(made["job"])).stdout
    assert said.startswith(f"Job {made['job']}: expand, waiting\n")
    assert re.search(rf"  firing    {made['firing']}, by hand, due .* UTC\n", said)
    assert ingest.json("jobs", "show", str(made["job"]))["fired"]["cause"] == "by_hand"
    assert " expand  waiting     7  night  –  " in ingest.run("jobs", "list").stdout


# -- cancel


def test_jobs_are_cancelled_by_number(ingest: Here, engine: Engine, queue: dict[str, int]) -> None:
    ids = [str(queue[name]) for name in ("running", "waiting", "paused", "done")]
    assert ingest.told("jobs", "cancel", *ids) == (
        "Cancelled 2 jobs that waited.\n"
        "1 running job is told to stop; what came is kept.\n"
        f"Job {queue['done']} had ended before (done).\n"
    )
    now = states(engine)
    assert (now[queue["waiting"]], now[queue["paused"]]) == (JobState.CANCELLED, JobState.CANCELLED)
    assert now[queue["by hand"]] is JobState.WAITING
    assert " stopping " in ingest.run("jobs", "list").stdout
    assert "fill, running, told to stop" in ingest.run("jobs", "show", str(queue["running"])).stdout


def test_one_number_that_is_wrong_cancels_nothing(ingest: Here, engine: Engine, queue: dict[str, int]) -> None:
    assert "There is no job 999." in ingest.refused("jobs", "cancel", str(queue["waiting"]), "999")
    assert states(engine)[queue["waiting"]] is JobState.WAITING


def test_all_jobs_of_a_wish_are_cancelled(ingest: Here, engine: Engine, queue: dict[str, int]) -> None:
    found = ingest.json("jobs", "cancel", "--wish", "night")
    assert found == {"cancelled": [queue["waiting"]], "stopping": [queue["running"]], "ended_before": {}}
    assert states(engine)[queue["by hand"]] is JobState.WAITING
    assert ingest.told("jobs", "cancel", "--wish", "other") == "Nothing to do: no such job waits or runs.\n"


def test_all_jobs_are_cancelled(ingest: Here, engine: Engine, queue: dict[str, int]) -> None:
    with engine.begin() as connection:
        conclusion = jobs.queue_conclusion(connection, "night", 1, 0)
    assert "Cancelled 3 jobs that waited." in ingest.told("jobs", "cancel", "--all", "--yes")
    now = states(engine)
    assert [job_id for job_id, state in now.items() if state is JobState.WAITING] == [conclusion]


def test_a_firing_whose_expansion_is_cancelled_ends(ingest: Here, engine: Engine) -> None:
    (ingest.folder / "night.toml").write_text(WISH)
    made = ingest.json("jobs", "queue", "night.toml")
    ingest.told("jobs", "cancel", str(made["job"]))
    with engine.begin() as connection:
        (ended,) = firings.claim_ended(connection)
    assert (ended.id, ended.unmet[0]["kind"]) == (made["firing"], "Cancelled")
    said = ingest.told("jobs", "retry", str(made["job"]))
    assert said.endswith("was to put night to work, which is over; `ingest jobs queue` does it anew.\n")


# -- pause, resume


def test_everything_is_paused_and_resumed(ingest: Here, engine: Engine, queue: dict[str, int]) -> None:
    assert ingest.told("jobs", "pause", "--all") == (
        "Everything is paused.\n1 running job gives way at the end of the slice.\n`ingest jobs resume --all` ends it.\n"
    )
    assert "Everything is paused (it was already)." in ingest.told("jobs", "pause", "--all")
    with engine.connect() as connection:
        assert ("all", "") in jobs.pauses(connection)
    said = ingest.told("jobs", "resume", "--all")
    assert said == "Everything is no longer paused.\nStill paused: universe slow.\n"
    assert ingest.told("jobs", "resume", "--all").startswith("Nothing to do: everything is not paused.\n")


def test_a_gateway_is_paused_and_resumed(
    ingest: Here, engine: Engine, queue: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    (ingest.folder / "ingest.toml").write_text("[gateways.east]\nport = 1\n[gateways.west]\nport = 2\n")
    with engine.begin() as connection:
        posts.sign(connection, posts.sign_on(connection, "elsewhere", "x", "far", 1), "working", "", 3)
    assert ingest.told("jobs", "pause", "--gateway", "east") == (
        "Gateway east is paused.\n`ingest jobs resume --gateway east` ends it.\n"
    )
    assert "3 running jobs give way at the end of the slice." in ingest.told("jobs", "pause", "-g", "elsewhere")
    assert "there is east, elsewhere, west." in ingest.refused("jobs", "pause", "-g", "north")
    assert ingest.json("jobs", "resume", "-g", "east") == {
        "scope": "gateway",
        "name": "east",
        "was_paused": True,
        "put_back": 0,
        "still_paused": [{"scope": "gateway", "name": "elsewhere"}, {"scope": "universe", "name": "slow"}],
    }


def test_a_wish_is_paused_and_resumed(ingest: Here, engine: Engine, queue: dict[str, int]) -> None:
    with engine.begin() as connection:
        wishes.save(connection, "night", "/x/night.toml", {"universe": {"name": None}}, None)
    assert ingest.told("jobs", "pause", "--universe", "night") == (
        "Universe night is paused.\n"
        "1 waiting job is put aside.\n"
        "1 running job gives way at the end of the slice.\n"
        "`ingest jobs resume --universe night` ends it.\n"
    )
    assert states(engine)[queue["waiting"]] is JobState.PAUSED
    assert ingest.told("jobs", "resume", "-u", "night") == (
        "Universe night is no longer paused; 1 job waits for a worker again.\nStill paused: universe slow.\n"
    )
    assert states(engine)[queue["waiting"]] is JobState.WAITING
    assert "there is night." in ingest.refused("jobs", "pause", "-u", "knight")
    assert "1 job waits" in ingest.told("jobs", "resume", "-u", "slow"), "what is paused is known, though no wish is"


def test_a_named_universe_pauses_all_its_wishes(ingest: Here, engine: Engine, queue: dict[str, int]) -> None:
    with engine.begin() as connection:
        universes.create(connection, "us")
        for name in ("night", "other"):
            wishes.save(connection, name, f"/x/{name}.toml", {"universe": {"name": "us"}}, None)
    assert ingest.json("jobs", "pause", "-u", "us") == {
        "scope": "universe",
        "name": "us",
        "was_paused": False,
        "put_aside": 1,
        "running": 1,
    }
    assert states(engine)[queue["waiting"]] is JobState.PAUSED
    assert "there is night, other, us." in ingest.refused("jobs", "pause", "-u", "eu")


# -- retry


def test_failed_and_cancelled_jobs_are_tried_again(ingest: Here, engine: Engine, queue: dict[str, int]) -> None:
    names = ("failed", "cancelled", "running", "done")
    said = ingest.told("jobs", "retry", *(str(queue[name]) for name in names)).splitlines()
    now = states(engine)
    new = max(now)
    assert said == [
        "1 failed job waits again.",
        f"Job {queue['cancelled']} was cancelled; job {new} waits in its place.",
        f"Job {queue['running']} is left alone: it is running.",
        f"Job {queue['done']} is left alone: it is done.",
    ]
    assert (now[queue["failed"]], now[new]) == (JobState.WAITING, JobState.WAITING)


def test_failed_jobs_are_tried_again_by_wish_and_all_together(
    ingest: Here, engine: Engine, rows: dict[str, SeriesRow], queue: dict[str, int]
) -> None:
    other = queued(engine, rows["MSFT"], "failed", wish="more")
    assert ingest.json("jobs", "retry", "--wish", "night") == {
        "queued": {str(queue["failed"]): queue["failed"]},
        "left_alone": {},
    }
    found = ingest.json("jobs", "retry", "--all-failed", "--retry-failed")
    assert found["queued"] == {str(other): other}
    listed = {each["id"]: each for each in ingest.json("jobs", "list")["jobs"]}
    assert listed[other]["retry_failed"]
    assert not listed[queue["failed"]]["retry_failed"]
    assert ingest.told("jobs", "retry", "--all-failed") == "Nothing to do: no such job has failed.\n"


# -- queue


def test_a_job_file_is_queued(ingest: Here, engine: Engine) -> None:
    (ingest.folder / "night.toml").write_text(WISH)
    said = ingest.told("jobs", "queue", "night.toml")
    assert said.startswith("night is queued: job 1, priority 7.\nNext: `ingest run`")
    with engine.connect() as connection:
        (job,) = job_listing.listing(connection)
        (firing,) = firings.recent(connection)
        (wish,) = wishes.listing(connection)
    assert (job.kind, job.state, job.wish, job.firing) == ("expand", JobState.WAITING, "night", firing.id)
    assert (firing.cause, firing.document["universe"]["symbols"]) == ("by_hand", ["AAPL", "MSFT"])
    assert (wish.name, wish.path, wish.next_due) == ("night", str(ingest.folder / "night.toml"), None)


def test_another_priority_counts_for_the_jobs_that_follow(ingest: Here, engine: Engine) -> None:
    (ingest.folder / "night.toml").write_text(WISH)
    made = ingest.json("jobs", "queue", "night.toml", "--priority", "-3")
    assert (made["wish"], made["priority"], made["paused"]) == ("night", -3, False)
    with engine.connect() as connection:
        (job,) = job_listing.listing(connection)
        (firing,) = firings.recent(connection)
        (wish,) = wishes.listing(connection)
    assert (job.priority, firing.document["priority"], wish.document["priority"]) == (-3, -3, 7)


def test_queueing_by_hand_leaves_the_schedule_alone(ingest: Here, engine: Engine) -> None:
    (ingest.folder / "night.toml").write_text(WISH)
    due = given.at("2030-01-01 21:00")
    with engine.begin() as connection:
        wishes.save(connection, "night", str(ingest.folder / "night.toml"), {}, due)
    ingest.told("jobs", "queue", "night.toml")
    with engine.connect() as connection:
        (wish,) = wishes.listing(connection)
    assert wish.next_due == due


def test_a_paused_wish_waits_and_says_so(ingest: Here) -> None:
    (ingest.folder / "night.toml").write_text(WISH)
    ingest.told("jobs", "queue", "night.toml")
    ingest.told("jobs", "pause", "-u", "night")
    said = ingest.told("jobs", "queue", "night.toml")
    assert "It is paused, and so this waits: `ingest jobs resume --universe night`." in said
    assert ingest.json("jobs", "list")["counts"] == {"paused": 2}


def test_the_name_of_another_files_wish_is_refused(ingest: Here, engine: Engine) -> None:
    (ingest.folder / "night.toml").write_text(WISH)
    (ingest.folder / "other.toml").write_text(WISH)
    ingest.told("jobs", "queue", "night.toml")
    said = ingest.refused("jobs", "queue", "other.toml")
    assert said.startswith(f"other.toml: the name 'night' belongs to {ingest.folder}/night.toml.")
    (ingest.folder / "night.toml").unlink()
    ingest.told("jobs", "queue", "other.toml")


def test_every_problem_of_a_job_file_is_told_and_nothing_queued(ingest: Here, engine: Engine) -> None:
    text = WISH.replace('bar_size = "1 min"', 'bar_size = "7m"').replace("[want]", "[want]\nuntill = 1")
    (ingest.folder / "night.toml").write_text(text)
    done = ingest.run("jobs", "queue", "night.toml")
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert lines[0] == "error: 2 problems:"
    assert lines[1].startswith("night.toml:8: series.bar_size: unknown bar size '7m'")
    assert lines[2] == "night.toml:11: want.untill: unknown key; did you mean 'until'?"
    assert states(engine) == {}


@pytest.mark.parametrize("line", ["0 0 30 feb mon", "0 0 31 feb,apr *"])
def test_a_schedule_that_never_comes_is_refused(ingest: Here, engine: Engine, line: str) -> None:
    (ingest.folder / "night.toml").write_text(WISH + f'\n[schedule]\ncron = "{line}"\ntime_zone = "UTC"\n')
    said = ingest.refused("jobs", "queue", "night.toml")
    assert said == f"night.toml:15: schedule.cron: '{line}' never fires: no month has such a day"
    assert states(engine) == {}


def test_a_universe_that_the_database_does_not_hold_is_refused(ingest: Here, engine: Engine) -> None:
    (ingest.folder / "night.toml").write_text(WISH.replace('symbols = ["AAPL", "MSFT"]', 'name = "us"'))
    said = ingest.refused("jobs", "queue", "night.toml")
    assert said.startswith("night.toml: there is no universe 'us' in the database; there is none yet.")
    with engine.begin() as connection:
        assert wishes.listing(connection) == ()
        universes.create(connection, "us")
    ingest.told("jobs", "queue", "night.toml")


# -- backfill --queue, update --queue

SPAN = ("--start", "2024-06-03", "--end", "2024-06-29")


def test_two_jobs_for_one_series_get_a_clear_answer(ingest: Here, engine: Engine, rows: dict[str, SeriesRow]) -> None:
    """The instruments are known, and so no gateway is asked."""
    first = ingest.run("backfill", "AAPL", "MSFT", "-b", "1m", *SPAN, "--queue", "--priority", "3")
    assert first.returncode == 0, first.stderr
    assert re.search(r"AAPL 1m TRADES +1 +about 3 +new\n", first.stdout)
    assert first.stderr == "2 new jobs. Next: `ingest worker` does it, `ingest jobs list` shows how far it is.\n"
    again = ingest.run("backfill", "AAPL", "-b", "1m", "--start", "2024-06-03", "--end", "2024-07-20", "--queue")
    assert re.search(r"AAPL 1m TRADES +1 +about 5 +added to job 1, which waited already\n", again.stdout)
    assert again.stderr.startswith("1 job that waited now wants more.")
    with engine.begin() as connection:
        status(connection, 1, "doing")
    third = ingest.run("backfill", "AAPL", "-b", "1m", *SPAN, "--queue")
    assert "new; begins when job 1, which works on this series now, gives way" in third.stdout
    (found,) = ingest.json("jobs", "list", "AAPL", "-s", "running")["jobs"]
    assert (found["priority"], found["wish"], found["estimate"]) == (3, "", 5)
    assert [each["end"][:10] for each in found["windows"]] == ["2024-07-22"]


def test_what_is_complete_is_not_queued(ingest: Here, engine: Engine, rows: dict[str, SeriesRow]) -> None:
    with engine.begin() as connection:
        ledger.record(
            connection, rows["AAPL"].id, [Entry(given.window("2024-06-01", "2024-07-05"), State.COVERED)], None
        )
    done = ingest.run("backfill", "AAPL", "-b", "1m", *SPAN, "--queue")
    assert re.search(r"AAPL 1m TRADES +– +– +complete already\n", done.stdout)
    assert done.stderr == "Nothing to queue: all of it is complete.\n"
    found = ingest.json("backfill", "AAPL", "MSFT", "-b", "1m", *SPAN, "--queue")["series"]
    assert [(each["series"], each["complete"], each["job"]) for each in found] == [
        ("AAPL 1m TRADES", True, None),
        ("MSFT 1m TRADES", False, 1),
    ]


def test_a_priority_is_for_what_is_queued(ingest: Here) -> None:
    words = ("backfill", "AAPL", "-b", "1m", *SPAN, "--priority", "3")
    assert ingest.refused(*words) == "--priority is for queued jobs. Add --queue."
    assert ingest.refused("update", "--priority", "3") == "--priority is for queued jobs. Add --queue."


def test_an_unknown_instrument_needs_the_gateway(ingest: Here, engine: Engine) -> None:
    done = ingest.run("backfill", "AAPL", "-b", "1m", *SPAN, "--queue")
    assert done.returncode == 5
    assert len(done.stderr.splitlines()) == 1
    assert states(engine) == {}


def test_what_is_held_is_queued_for_an_update(ingest: Here, engine: Engine, rows: dict[str, SeriesRow]) -> None:
    assert "Nothing to queue: no series is held" in ingest.told("update", "--queue")
    with engine.begin() as connection:
        ledger.record(connection, rows["AAPL"].id, [Entry(JUNE, State.COVERED)], None)
    done = ingest.run("update", "--queue", "--priority", "1")
    assert re.search(r"AAPL 1m TRADES +1 +about \d+ +new\n", done.stdout)
    (found,) = ingest.json("jobs", "list")["jobs"]
    assert found["windows"][0]["start"].startswith("2024-06-29")
    assert found["priority"] == 1


def test_a_series_of_each_kind_needs_the_gateway_to_say_which(
    ingest: Here, engine: Engine, rows: dict[str, SeriesRow]
) -> None:
    with engine.begin() as connection:
        made = series_store.ensure(connection, given.series(bar_size=BarSize.DAY_1), Origin.SYNTHETIC)
        for row in (made, rows["MSFT"]):
            ledger.record(connection, row.id, [Entry(JUNE, State.COVERED)], None)
    assert ingest.run("update", "--queue").returncode == 5
    assert ingest.run("backfill", "AAPL", "-b", "1m", *SPAN, "--queue").returncode == 5
    assert ingest.run("backfill", "MSFT", "-b", "1m", *SPAN, "--queue").returncode == 0
    with engine.begin() as connection:
        series_store.ensure(connection, given.series(given.BTC), Origin.SYNTHETIC)
    assert ingest.run("backfill", "MSFT", "BTC:CRYPTO", "-b", "1m", *SPAN, "--queue").returncode == 5
    assert ingest.run("backfill", "BTC:CRYPTO", "-b", "1m", *SPAN, "--queue").returncode == 0


# -- as a user does it


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with simulator(tmp_path_factory.mktemp("sim"), "--now", "2024-08-10T12:00:00Z") as running:
        yield running


def test_one_pass_of_every_command(tmp_path: Path, database_url: str, engine: Engine, sim: Simulator) -> None:
    command = CommandLine.at(tmp_path, port=sim.port, database_url=database_url)
    (tmp_path / "night.toml").write_text(WISH)
    (found,) = command.json("backfill", "AAPL", "-b", "1m", *SPAN, "--queue")["series"]
    assert (found["job"], found["requests"]) == (1, 3)
    assert command.json("jobs", "queue", "night.toml")["job"] == 2
    assert command.json("jobs", "pause", "--universe", "night")["put_aside"] == 1
    assert "Paused: universe night." in command.run("jobs", "list").stdout
    assert command.json("jobs", "resume", "--universe", "night")["put_back"] == 1
    assert command.json("jobs", "cancel", "1")["cancelled"] == [1]
    assert command.json("jobs", "retry", "1")["queued"] == {"1": 3}
    assert command.json("jobs", "show", "3")["series"] == "AAPL 1m TRADES"
    assert command.json("update", "--queue")["series"] == []
    with engine.connect() as connection:
        (row,) = series_store.listing(connection)
    assert row.origin is Origin.SYNTHETIC


@contextmanager
def on_a_terminal(folder: Path, database_url: str, *words: str) -> "Iterator[tuple[subprocess.Popen[bytes], int]]":
    """The command line on a terminal of its own, and our end of that."""
    environment = CommandLine.at(folder, database_url=database_url, TERM="xterm", LINES="30").environment
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "ingest", *words]
    with subprocess.Popen(command, cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        try:
            yield process, ours
        finally:
            process.kill()
            os.close(ours)


def read_until(terminal: int, wanted: str) -> None:
    """Read what a program writes on its terminal, until it has said something."""
    heard = b""
    while wanted not in re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", heard.decode(errors="replace")):
        ready, _, _ = select.select([terminal], [], [], 30.0)
        assert ready, heard
        assert len(heard) < 100_000, heard
        heard += os.read(terminal, 65_536)


def test_the_list_is_drawn_anew_until_it_is_stopped(tmp_path: Path, database_url: str, engine: Engine) -> None:
    with engine.begin() as connection:
        row = series_store.ensure(connection, given.series(), Origin.LIVE)
    with on_a_terminal(tmp_path, database_url, "jobs", "list", "--watch") as (watching, terminal):
        read_until(terminal, "The queue is empty.")
        queued(engine, row)
        read_until(terminal, "In the queue: 1 waiting.")
        watching.send_signal(signal.SIGINT)
        assert watching.wait(20) == 0


def test_nothing_is_cancelled_unless_it_is_meant(tmp_path: Path, database_url: str, engine: Engine) -> None:
    with engine.begin() as connection:
        row = series_store.ensure(connection, given.series(), Origin.LIVE)
    job_id = queued(engine, row)
    with on_a_terminal(tmp_path, database_url, "jobs", "cancel", "--all") as (asking, terminal):
        read_until(terminal, "Cancel 1 job?")
        os.write(terminal, b"n\n")
        read_until(terminal, "Nothing was cancelled.")
        assert asking.wait(20) == 0
    assert states(engine)[job_id] is JobState.WAITING


def seconds_ahead(moment: str | None) -> float | None:
    return None if moment is None else (datetime.fromisoformat(moment) - datetime.now(UTC)).total_seconds()
