"""`ingest jobs cancel`, `pause`, `resume` and `retry`, and what none of the commands takes."""

import json

import pytest
from sqlalchemy import Engine

from ingest.domain.job import JobState
from ingest.store import firings, jobs, posts, universes, wishes
from ingest.store.series import SeriesRow
from tests.acceptance.job_commands.scene import WISH, Here, queued, states


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
    assert ingest.told("jobs", "resume", "--all").startswith("Nothing to do: not everything is paused.\n")


def test_a_gateway_is_paused_and_resumed(ingest: Here, engine: Engine, queue: dict[str, int]) -> None:
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
