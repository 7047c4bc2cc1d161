"""`ingest jobs queue`, and `--queue` of `ingest backfill` and `update`."""

import re

import pytest
from sqlalchemy import Engine

from ingest.domain.bar_size import BarSize
from ingest.domain.job import JobState
from ingest.domain.ledger import Entry, State
from ingest.domain.series import Origin
from ingest.store import firings, job_listing, ledger, universes, wishes
from ingest.store import series as series_store
from ingest.store.series import SeriesRow
from tests import given
from tests.acceptance.job_commands.scene import JUNE, SPAN, WISH, Here, states
from tests.store.test_jobs import status


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


def test_a_wish_by_hand_whose_file_is_gone_keeps_neither_its_universe_nor_its_place_in_the_status(
    ingest: Here, engine: Engine
) -> None:
    (ingest.folder / "night.toml").write_text(WISH.replace('symbols = ["AAPL", "MSFT"]', 'name = "us"'))
    ingest.told("universe", "create", "us", "AAPL")
    ingest.told("jobs", "queue", "night.toml")
    said = ingest.refused("universe", "delete", "us", "--yes")
    assert f"is what night asks for. Change or remove the job file first: {ingest.folder}/night.toml." in said
    (ingest.folder / "night.toml").unlink()
    ingest.told("universe", "delete", "us", "--yes")
    with engine.connect() as connection:
        assert [wish.removed_at is not None for wish in wishes.listing(connection)] == [True]


# -- backfill --queue, update --queue


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
