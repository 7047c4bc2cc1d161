"""Universes by what people write: made, filled from files, emptied; and what a job asks for by them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ingest.app import universes
from ingest.domain.instrument import InstrumentQuery
from ingest.domain.series import Origin
from ingest.errors import UsageError
from ingest.store import instruments, wishes
from ingest.store import universes as store
from ingest.wishes import JobError, Universe
from tests import given

US = Universe(("AAPL", "BRK B"), exchange="SMART", currency="USD", name="us")


def members(engine: Engine, name: str = "us") -> list[str]:
    return [asked.symbol for asked in universes.asked_of(engine, Universe((), name=name), None)]


def bound(engine: Engine, symbol: str, con_id: int, origin: Origin, label: str = "") -> None:
    """A member that was found to be a contract."""
    contract = replace(given.AAPL, con_id=con_id, symbol=label or symbol, local_symbol=label or symbol)
    with engine.begin() as connection:
        row = universes.named(connection, "us")
        instruments.save(connection, contract, origin)
        (member,) = (one for one in store.members(connection, row.id) if one.symbol == symbol)
        store.bind(connection, member.id, origin, con_id)


def test_a_universe_is_made_with_its_defaults_and_members(engine: Engine) -> None:
    made = universes.create(engine, replace(US, exchange="smart", currency="usd", sec_type="stk"), "large")
    assert (made.universe.exchange, made.universe.currency, made.universe.sec_type) == ("SMART", "USD", "STK")
    assert (made.added, made.known, made.is_new, made.universe.description) == (("AAPL", "BRK B"), (), True, "large")


def test_an_instrument_is_added_once_however_it_is_spelled(engine: Engine) -> None:
    universes.create(engine, US)
    filled = universes.add(engine, "us", ["aapl", "AAPL@SMART", " KO ", "ko", "SHOP@TSE"])
    assert (filled.added, filled.known) == (("KO", "SHOP@TSE"), ("aapl", "AAPL@SMART", "ko"))
    assert members(engine) == ["AAPL", "BRK B", "KO", "SHOP@TSE"]


@pytest.mark.parametrize(
    ("attempt", "said"),
    [
        (lambda engine: universes.create(engine, US), "There is a universe 'us' already. Add to it with"),
        (lambda engine: universes.create(engine, replace(US, name="a b")), "'a b' is no name: letters, digits"),
        (lambda engine: universes.create(engine, replace(US, name="")), "'' is no name"),
        (lambda engine: universes.create(engine, replace(US, name="u" * 65)), "longer than 64 letters"),
        (lambda engine: universes.create(engine, replace(US, name="x", currency="$")), "'$' is no currency"),
        (lambda engine: universes.create(engine, replace(US, name="x", sec_type="STOCK")), "unknown security type"),
        (lambda engine: universes.add(engine, "us", ["KO", "a/b"]), "'A/B' cannot be a symbol"),
        (lambda engine: universes.add(engine, "sus", ["KO"]), "There is no universe 'sus'; there is us; create it"),
        (lambda engine: universes.remove(engine, "us", ["AAPL", "BRKB"], "x"), "Did you mean BRK B?"),
        (lambda engine: universes.remove(engine, "us", ["ZZZ"], "x"), "See `ingest universe show us`"),
        (lambda engine: universes.remove(engine, "us", ["AAPL"], " "), "needs a reason"),
        (lambda engine: universes.delete(engine, "usa"), "There is no universe 'usa'"),
    ],
)
def test_what_cannot_be_meant_changes_nothing(engine: Engine, attempt: Callable[[Engine], object], said: str) -> None:
    universes.create(engine, US)
    with pytest.raises(UsageError) as refused:
        attempt(engine)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert members(engine) == ["AAPL", "BRK B"]
    with engine.connect() as connection:
        assert store.names(connection) == ("us",)


def test_a_file_is_imported_into_a_universe_that_is_made(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "us.csv").write_text("symbol,name\nAAPL,Apple\n# T\nBRK B,x\n")
    filled = universes.import_file(engine, replace(US, symbols=()), tmp_path / "us.csv", "from a file")
    assert (filled.is_new, filled.added, filled.universe.description) == (True, ("AAPL", "BRK B"), "from a file")
    (tmp_path / "us.csv").write_text("KO\naapl\n")
    again = universes.import_file(engine, Universe((), name="us"), tmp_path / "us.csv")
    assert (again.is_new, again.added, again.known) == (False, ("KO",), ("aapl",))
    assert members(engine) == ["AAPL", "BRK B", "KO"], "nobody is removed"


def test_a_job_file_brings_its_defaults(engine: Engine, tmp_path: Path) -> None:
    job = tmp_path / "job.toml"
    job.write_text('[universe]\nsymbols = ["ES:FUT:front2"]\nexchange = "CME"\n[want]\nsince = "1 year"\n')
    filled = universes.import_file(engine, Universe((), currency="USD", name="minis"), job)
    assert (filled.universe.exchange, filled.universe.currency) == ("CME", "USD")
    (asked,) = universes.asked_of(engine, Universe((), name="minis"), Origin.LIVE)
    assert asked.query == InstrumentQuery("ES", "FUT", exchange="CME", currency="USD", front=2)
    assert asked.member is None, "a chain is never one contract"


@pytest.mark.parametrize(
    ("options", "kept"),
    [({}, {"exchange": "SMART"}), ({"exchange": "SMART"}, {}), ({}, {"currency": "USD"}), ({"sec_type": "STK"}, {})],
)
def test_symbols_are_not_imported_where_they_mean_something_else(
    engine: Engine, tmp_path: Path, options: dict[str, str], kept: dict[str, str]
) -> None:
    job = tmp_path / "job.toml"
    job.write_text('[universe]\nsymbols = ["ES:FUT:front2"]\nexchange = "CME"\nsec_type = "FUT"\n')
    if kept:
        universes.create(engine, Universe((), name="us", **kept))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="Import it into a universe of its own"):
        universes.import_file(engine, Universe((), name="us", **options), job)  # type: ignore[arg-type]
    with engine.connect() as connection:
        assert store.names(connection) == (("us",) if kept else ())


def test_a_file_with_a_fault_makes_no_universe(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "us.csv").write_text("AAPL\n../x\n")
    with pytest.raises(JobError, match=r"us.csv:2: symbol: '../X' cannot be a symbol"):
        universes.import_file(engine, US, tmp_path / "us.csv")
    with engine.connect() as connection:
        assert store.names(connection) == ()


def test_a_member_is_asked_for_by_its_contract_where_it_has_one(engine: Engine) -> None:
    universes.create(engine, US)
    bound(engine, "AAPL", 7, Origin.LIVE)
    text = InstrumentQuery("AAPL", exchange="SMART", currency="USD")

    def asked(origin: Origin | None) -> universes.Asked:
        return universes.asked_of(engine, Universe((), name="us"), origin)[0]

    assert (asked(Origin.LIVE).query, asked(Origin.LIVE).member) == (InstrumentQuery(con_id=7), None)
    assert asked(Origin.SYNTHETIC).query == text, "a simulator has con_ids of its own"
    assert asked(Origin.SYNTHETIC).member is not None
    assert asked(None).query == InstrumentQuery(con_id=7)
    bound(engine, "AAPL", 8, Origin.SYNTHETIC)
    assert asked(Origin.SYNTHETIC).query == InstrumentQuery(con_id=8)
    assert asked(None).query == text, "which one it will be is the gateway's to say"


@pytest.mark.parametrize("name", ["AAPL", "aapl@smart", "con_id:7", "PEAR"])
def test_a_member_is_removed_by_any_of_its_names(engine: Engine, name: str) -> None:
    universes.create(engine, US)
    bound(engine, "AAPL", 7, Origin.LIVE, "PEAR")
    assert [one.symbol for one in universes.remove(engine, "us", [name], "because")] == ["AAPL"]
    assert members(engine) == ["BRK B"]


def test_a_universe_without_members_asks_for_nothing_and_says_so(engine: Engine) -> None:
    universes.create(engine, Universe((), name="us"))
    with pytest.raises(UsageError, match=r"has no members\. Add some: `ingest universe add us AAPL`"):
        universes.asked_of(engine, Universe((), name="us"), Origin.LIVE)


def test_a_universe_that_a_job_asks_for_is_not_deleted(engine: Engine, tmp_path: Path) -> None:
    universes.create(engine, US)
    file = tmp_path / "nightly.toml"
    file.touch()
    with engine.begin() as connection:
        wishes.save(connection, "nightly", str(file), {"universe": {"name": "us"}}, None)
        wishes.save(connection, "other", str(file), {"universe": {"symbols": ["AAPL"]}}, None)
    with pytest.raises(
        UsageError, match=r"is what nightly asks for\. Change or remove the job file first: /.*nightly\.toml"
    ):
        universes.delete(engine, "us")
    with engine.begin() as connection:
        wishes.remove(connection, "nightly")
    assert universes.delete(engine, "us") == 2


def test_a_wish_that_is_fired_keeps_its_universe_wherever_its_file_is(engine: Engine, tmp_path: Path) -> None:
    universes.create(engine, US)
    with engine.begin() as connection:
        due = given.at("2030-01-01 21:00")
        wishes.save(connection, "nightly", str(tmp_path / "elsewhere.toml"), {"universe": {"name": "us"}}, due)
        wishes.save(connection, "by-hand", str(tmp_path / "gone.toml"), {"universe": {"name": "us"}}, None)
    with pytest.raises(UsageError, match=r"is what nightly asks for\."):
        universes.delete(engine, "us")
    with engine.connect() as connection:
        assert [wish.removed_at for wish in wishes.listing(connection)] == [None, None]


def test_a_wish_that_nobody_fires_and_whose_file_is_gone_goes_with_its_universe(engine: Engine, tmp_path: Path) -> None:
    universes.create(engine, US)
    with engine.begin() as connection:
        wishes.save(connection, "by-hand", str(tmp_path / "gone.toml"), {"universe": {"name": "us"}}, None)
        wishes.save(connection, "other", str(tmp_path / "gone.toml"), {"universe": {"symbols": ["AAPL"]}}, None)
    assert universes.delete(engine, "us") == 2
    with engine.connect() as connection:
        assert [(wish.name, wish.removed_at is None) for wish in wishes.listing(connection)] == [
            ("by-hand", False),
            ("other", True),
        ]
