"""`ingest jobs list` and `show`: what is there, how far it is, and when it will be done."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from ingest.domain.ledger import Entry, State
from ingest.store import job_listing, ledger, posts, requests
from ingest.store.series import SeriesRow
from tests import given
from tests.acceptance.job_commands.scene import WISH, Here, queued, seconds_ahead
from tests.store import settled
from tests.store.test_jobs import status


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
