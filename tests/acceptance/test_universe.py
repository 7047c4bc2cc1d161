"""Universes as a user meets them: made, used in jobs, compared with IB after delistings, renames and moves; chains."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from ingest.app.universes import named
from ingest.store import universes
from tests.acceptance.running import CommandLine, Simulator, simulator

pytestmark = pytest.mark.slow

AAPL, MSFT, IBM, KO, THIN = (900_000_000 + place for place in (1, 2, 3, 9, 10))
DAY = "2024-06-10T12:00:00Z"

#: KO becomes COKE and its old name goes to another contract, IBM moves, THIN is delisted.
NEWS = f"""\
[[fault]]
action = "renamed"
con_id = {KO}
symbol = "COKE"
long_name = "COKE INC"

[[fault]]
action = "renamed"
con_id = {MSFT}
symbol = "KO"

[[fault]]
action = "moved"
con_id = {IBM}
primary_exchange = "NASDAQ"

[[fault]]
action = "delisted"
con_id = {THIN}
"""

JOB = """\
name = "kept"

[universe]
name = "us-large"

[[series]]
bar_size = "1 day"

[want]
since = 2024-05-20
until = 2024-05-25
"""


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with simulator(tmp_path_factory.mktemp("sim"), "--now", DAY) as running:
        yield running


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """The same market after the news."""
    folder = tmp_path_factory.mktemp("later")
    (folder / "news.toml").write_text(NEWS)
    with simulator(folder, "--now", DAY, "--faults", str(folder / "news.toml")) as running:
        yield running


@pytest.fixture
def ingest(tmp_path: Path, sim: Simulator, database_url: str) -> CommandLine:
    return CommandLine.at(tmp_path, port=sim.port, database_url=database_url, INGEST_CLOCK_SHOWS=DAY)


def at(ingest: CommandLine, running: Simulator, now: str = DAY) -> CommandLine:
    """The same folder and database with another gateway, perhaps on another day."""
    elsewhere = {"INGEST_GATEWAY_PORT": str(running.port), "INGEST_CLOCK_SHOWS": now}
    return CommandLine(ingest.folder, ingest.environment | elsewhere)


def write(folder: Path, text: str, name: str = "job.toml") -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return name


def document(done: "subprocess.CompletedProcess[str]", code: int) -> Any:
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def shown(ingest: CommandLine) -> dict[str, dict[str, Any]]:
    members = ingest.json("universe", "show", "us-large", "--history")["members"]
    return {member["symbol"]: member for member in members}


def present(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        universe = named(connection, "us-large")
        return [member.symbol for member in universes.members(connection, universe.id)]


def held(engine: Engine) -> dict[str, int]:
    """Bars by series."""
    query = text(
        "SELECT label, count(*) AS bars FROM ingest.bars_daily JOIN ingest.series ON series.id = series_id "
        "JOIN ingest.instruments ON instruments.id = instrument_id GROUP BY label"
    )
    with engine.connect() as connection:
        return {row.label: row.bars for row in connection.execute(query)}


def test_a_universe_meets_the_news(ingest: CommandLine, engine: Engine, sim: Simulator, later: Simulator) -> None:
    file = write(ingest.folder, "symbol\nAAPL\nKO\nIBM\nTHIN\n", "us.csv")
    made = ingest.run("universe", "import", "us-large", file, "--exchange", "SMART", "--currency", "USD")
    assert made.returncode == 0, made.stderr
    assert made.stderr.splitlines()[0] == "Made the universe us-large: 4 members added."
    assert "Next: `ingest universe diff us-large`" in made.stderr
    assert ingest.json("jobs", "run", write(ingest.folder, JOB))["complete"]
    bars = held(engine)
    assert bars["KO"] == 5

    then = at(ingest, later)
    news = document(then.run("universe", "diff", "us-large", "--json"), 9)["differences"]
    assert [(each["symbol"], each["kind"], each["was"], each["now"], each["applied"]) for each in news] == [
        ("KO", "renamed", "KO (COCA-COLA CO/THE)", "COKE (COKE INC)", False),
        ("IBM", "moved", "SMART NYSE", "SMART NASDAQ", False),
        ("THIN", "delisted", "THIN (THINLY TRADED HOLDINGS INC)", "", False),
    ]
    assert present(engine) == ["AAPL", "KO", "IBM", "THIN"], "nothing changes unless told"

    applied = then.run("universe", "diff", "us-large", "--apply")
    assert applied.returncode == 0, applied.stderr
    assert "THIN    delisted" in applied.stdout
    assert "3 differences applied; bars stay." in applied.stderr
    after = shown(ingest)
    assert [member["contracts"][0]["con_id"] for member in after.values()] == [AAPL, KO, IBM, THIN]
    assert after["THIN"]["reason"] == f"delisted: IB no longer knows con_id {THIN} (2024-06-10)"
    assert after["THIN"]["removed_at"]
    assert [(name["label"], name["long_name"]) for name in after["KO"]["contracts"][0]["names"]] == [
        ("KO", "COCA-COLA CO/THE"),
        ("COKE", "COKE INC"),
    ]
    assert [name["primary_exchange"] for name in after["IBM"]["contracts"][0]["names"]] == ["NYSE", "NASDAQ"]
    assert document(then.run("universe", "diff", "us-large", "--json"), 0)["differences"] == []

    mark = later.last_seq
    done = then.json("jobs", "run", write(ingest.folder, JOB.replace("05-20", "05-13")))
    assert [each["series"] for each in done["series"]] == ["AAPL 1d TRADES", "COKE 1d TRADES", "IBM 1d TRADES"]
    asked = {each["contract"]["con_id"] for each in later.bar_requests(after=mark)}
    assert asked == {AAPL, KO, IBM}, "a change of symbol follows the con_id, whoever has the name now"
    assert held(engine) == {"AAPL": 10, "COKE": 10, "IBM": 10, "THIN": bars["THIN"]}, "a delisted member's bars stay"


def test_a_universe_is_listed_changed_and_deleted(ingest: CommandLine) -> None:
    made = ingest.json("universe", "create", "us-large", "AAPL", "KO", "--exchange", "SMART", "--description", "big")
    assert (made["name"], made["exchange"], made["added"], made["new"]) == ("us-large", "SMART", ["AAPL", "KO"], True)
    assert ingest.json("universe", "add", "us-large", "aapl", "BRK B")["added"] == ["BRK B"]
    gone = ingest.run("universe", "remove", "us-large", "KO", "--reason", "too sweet")
    assert gone.returncode == 0, gone.stderr
    members = shown(ingest)
    assert (members["KO"]["reason"], members["AAPL"]["contracts"]) == ("too sweet", [])
    (listed,) = ingest.json("universe", "list")
    assert (listed["description"], listed["members"], listed["found"], listed["former"]) == ("big", 2, 0, 1)
    assert ingest.json("universe", "delete", "us-large", "--yes") == {"deleted": "us-large", "members": 2}


@pytest.mark.parametrize("command", ["plan", "run"])
def test_a_universe_there_is_not_is_one_clear_line(
    ingest: CommandLine, engine: Engine, sim: Simulator, command: str
) -> None:
    with engine.begin() as connection:
        universes.create(connection, "minis")
    file, before = write(ingest.folder, JOB), sim.last_seq
    done = ingest.run("jobs", command, file)
    assert done.returncode == 2
    assert done.stderr == (
        "error: There is no universe 'us-large'; there is minis; create it with `ingest universe create us-large`.\n"
    )
    assert sim.last_seq == before, "no gateway is needed to say so"


def test_a_gateway_that_is_lost_changes_nothing(ingest: CommandLine, engine: Engine) -> None:
    assert ingest.run("universe", "create", "us-large", "AAPL", "THIN", "NOSUCH").returncode == 0
    found = ingest.run("universe", "diff", "us-large")
    assert found.returncode == 9
    assert "NOSUCH  unknown" in found.stdout
    assert "Write what is unknown or ambiguous otherwise" in found.stderr
    script = '[[fault]]\naction = "drop"\nmatch = { message = "contract", nth = 3 }\n'
    write(ingest.folder, script + NEWS, "drop.toml")
    with simulator(ingest.folder, "--now", DAY, "--faults", str(ingest.folder / "drop.toml")) as dropping:
        lost = at(ingest, dropping).run("universe", "diff", "us-large", "--apply")
    assert lost.returncode == 5
    assert len(lost.stderr.splitlines()) == 1
    assert lost.stderr.startswith("error: ")
    assert present(engine) == ["AAPL", "THIN", "NOSUCH"]


def test_chains_are_planned(ingest: CommandLine) -> None:
    days = ("-b", "1d", "--start", "2024-06-01")
    plan = ingest.json("plan", "ES:FUT:front2@CME", "NQ:FUT:front@CME", *days)
    assert [each["series"] for each in plan["series"]] == ["ESM4 1d TRADES", "ESU4 1d TRADES", "NQM4 1d TRADES"]
    shipped = Path(__file__).parents[2] / "jobs" / "futures-roll-weekly.toml"
    planned = ingest.json("jobs", "plan", write(ingest.folder, shipped.read_text(encoding="utf-8")))
    assert {each["series"].split()[0] for each in planned["series"]} == {"ESM4", "ESU4", "NQM4", "NQU4"}


def test_a_chain_is_not_shown_as_one_that_was_never_found(ingest: CommandLine) -> None:
    assert ingest.run("universe", "create", "e-minis", "ES:FUT:front2", "NQ", "--sec-type", "FUT").returncode == 0
    chain, never = ingest.run("universe", "show", "e-minis").stdout.splitlines()[-2:]
    assert "rolls: looked up at each run" in chain
    assert "rolls" not in never
