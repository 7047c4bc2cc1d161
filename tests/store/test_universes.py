"""Universes in the database: members come, are found, leave for a reason, and stay listed."""

from dataclasses import replace

import pytest
from sqlalchemy import Connection, Engine, text

from ingest.domain.series import Origin
from ingest.errors import DatabaseError
from ingest.store import instruments, universes
from tests import given


def made(connection: Connection, name: str = "us-large", *symbols: str) -> universes.UniverseRow:
    universe = universes.create(connection, name, exchange="SMART", currency="USD")
    assert universe is not None
    universes.add(connection, universe.id, symbols)
    return universe


def present(connection: Connection, universe: universes.UniverseRow) -> list[str]:
    return [member.symbol for member in universes.members(connection, universe.id)]


def test_a_universe_comes_back_as_it_was_made(engine: Engine) -> None:
    with engine.begin() as connection:
        made_now = universes.create(connection, "us", description="d", sec_type="STK", exchange="SMART", currency="USD")
        assert made_now is not None
        assert (made_now.name, made_now.description, made_now.sec_type) == ("us", "d", "STK")
        assert universes.by_name(connection, "us") == made_now
        assert universes.by_name(connection, "US") is None


def test_a_name_is_taken_once(engine: Engine) -> None:
    with engine.begin() as connection:
        made(connection)
        assert universes.create(connection, "us-large") is None
        assert universes.names(connection) == ("us-large",)


def test_members_are_added_once_and_keep_their_order(engine: Engine) -> None:
    with engine.begin() as connection:
        universe = made(connection, "us", "MSFT", "AAPL")
        other = made(connection, "more", "KO")
        assert universes.add(connection, universe.id, ["AAPL", "BRK B", "BRK B"]) == ("BRK B",)
        assert present(connection, universe) == ["MSFT", "AAPL", "BRK B"]
        assert present(connection, other) == ["KO"]


def test_who_leaves_stays_listed_with_the_reason_and_may_come_back(engine: Engine) -> None:
    with engine.begin() as connection:
        universe = made(connection, "us", "MSFT", "AAPL")
        (first, _) = universes.members(connection, universe.id)
        assert universes.remove(connection, [first.id], "too dear") == 1
        assert universes.remove(connection, [first.id], "again") == 0
        assert present(connection, universe) == ["AAPL"]
        assert universes.add(connection, universe.id, ["MSFT"]) == ("MSFT",)
    with engine.connect() as connection:
        everybody = universes.members(connection, universe.id, with_former=True)
        (standing,) = universes.listing(connection)
    assert [(one.symbol, one.reason, one.removed_at is None) for one in everybody] == [
        ("MSFT", "too dear", False),
        ("AAPL", "", True),
        ("MSFT", "", True),
    ]
    assert (standing.members, standing.found, standing.left) == (2, 0, 1)


def test_nobody_leaves_without_a_reason(engine: Engine) -> None:
    with engine.begin() as connection:
        universe = made(connection, "us", "AAPL")
        (member,) = universes.members(connection, universe.id)
    with pytest.raises(DatabaseError, match="leave_for_a_reason"), engine.begin() as connection:
        universes.remove(connection, [member.id], "")


def test_a_member_is_one_contract_for_each_origin_and_keeps_it(engine: Engine) -> None:
    other = replace(given.AAPL, con_id=7)
    with engine.begin() as connection:
        universe = made(connection, "us", "AAPL", "KO")
        member, _ = universes.members(connection, universe.id)
        for instrument, origin in ((given.AAPL, Origin.LIVE), (other, Origin.SYNTHETIC), (other, Origin.LIVE)):
            instruments.save(connection, instrument, origin)
            universes.bind(connection, member.id, origin, instrument.con_id)
        found, unfound = universes.members(connection, universe.id)
        assert found.con_ids == {Origin.LIVE: given.AAPL.con_id, Origin.SYNTHETIC: 7}
        assert unfound.con_ids == {}
        assert universes.listing(connection)[0].found == 1


def test_a_contract_nobody_knows_cannot_be_a_members(engine: Engine) -> None:
    with engine.begin() as connection:
        instruments.save(connection, given.AAPL, Origin.SYNTHETIC)
        universe = made(connection, "us", "AAPL")
        (member,) = universes.members(connection, universe.id)
    with pytest.raises(DatabaseError, match="universe_contracts_instrument"), engine.begin() as connection:
        universes.bind(connection, member.id, Origin.LIVE, given.AAPL.con_id)


def test_a_deleted_universe_leaves_instruments_and_other_universes(engine: Engine) -> None:
    with engine.begin() as connection:
        kept, gone = made(connection, "kept", "AAPL"), made(connection, "gone", "AAPL")
        instruments.save(connection, given.AAPL, Origin.LIVE)
        for universe in (kept, gone):
            (member,) = universes.members(connection, universe.id)
            universes.bind(connection, member.id, Origin.LIVE, given.AAPL.con_id)
        universes.drop(connection, gone.id)
    with engine.connect() as connection:
        assert universes.names(connection) == ("kept",)
        assert universes.members(connection, kept.id)[0].con_ids == {Origin.LIVE: given.AAPL.con_id}
        assert instruments.by_con_id(connection, given.AAPL.con_id, Origin.LIVE) is not None
        assert connection.execute(text("SELECT count(*) FROM ingest.universe_members")).scalar() == 1


def test_a_new_long_name_or_exchange_leaves_a_trace(engine: Engine) -> None:
    named = replace(given.AAPL, long_name="APPLE COMPUTER INC")
    with engine.begin() as connection:
        row = instruments.save(connection, named, Origin.LIVE)
        for _ in range(2):
            instruments.save(connection, replace(named, long_name="APPLE INC"), Origin.LIVE)
        instruments.save(connection, replace(named, long_name="APPLE INC", primary_exchange="NYSE"), Origin.LIVE)
        spells = instruments.names(connection, row)
    assert sorted((spell.long_name, spell.primary_exchange, spell.seen_to is None) for spell in spells) == [
        ("APPLE COMPUTER INC", "NASDAQ", False),
        ("APPLE INC", "NASDAQ", False),
        ("APPLE INC", "NYSE", True),
    ]
