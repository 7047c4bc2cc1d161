"""Universes in the database. Members are never deleted with time: whoever left stays listed, with when and why."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from ingest.domain.series import Origin
from ingest.store.universe_tables import universe_contracts, universe_members, universes


@dataclass(frozen=True, slots=True)
class UniverseRow:
    """A named list. `sec_type`, `exchange` and `currency` count where a member names none."""

    id: int
    name: str
    description: str
    sec_type: str
    exchange: str
    currency: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class MemberRow:
    """A member as somebody wrote it. `con_ids`: the contract it was found to be, at IB and in a simulator."""

    id: int
    symbol: str
    added_at: datetime
    removed_at: datetime | None
    reason: str
    con_ids: Mapping[Origin, int]


@dataclass(frozen=True, slots=True)
class Standing:
    """A universe with how many are in it now, how many of these were found already, and how many have left."""

    universe: UniverseRow
    members: int
    found: int
    left: int


def create(
    connection: Connection,
    name: str,
    *,
    description: str = "",
    sec_type: str = "",
    exchange: str = "",
    currency: str = "",
) -> UniverseRow | None:
    """Make an empty universe; None where one of this name exists."""
    values = {"description": description, "sec_type": sec_type, "exchange": exchange, "currency": currency}
    statement = insert(universes).values(name=name, **values).on_conflict_do_nothing(constraint="universes_name")
    made = connection.execute(statement.returning(universes)).one_or_none()
    return None if made is None else UniverseRow(*made)


def by_name(connection: Connection, name: str) -> UniverseRow | None:
    found = connection.execute(select(universes).where(universes.c.name == name)).one_or_none()
    return None if found is None else UniverseRow(*found)


def names(connection: Connection) -> tuple[str, ...]:
    return tuple(connection.scalars(select(universes.c.name).order_by(universes.c.name)))


def listing(connection: Connection) -> tuple[Standing, ...]:
    """All universes by name."""
    is_in = universe_members.c.removed_at.is_(None)
    is_found = select(1).where(universe_contracts.c.member_id == universe_members.c.id).exists()
    query = (
        select(
            universes,
            func.count(universe_members.c.id).filter(is_in).label("members"),
            func.count(universe_members.c.id).filter(and_(is_in, is_found)).label("found"),
            func.count(universe_members.c.removed_at).label("left"),
        )
        .join_from(universes, universe_members, universe_members.c.universe_id == universes.c.id, isouter=True)
        .group_by(universes.c.id)
        .order_by(universes.c.name)
    )
    return tuple(Standing(UniverseRow(*row[:-3]), *row[-3:]) for row in connection.execute(query))


def members(connection: Connection, universe_id: int, *, with_former: bool = False) -> tuple[MemberRow, ...]:
    """In the order in which they came; only present ones, unless former members are asked for too."""
    columns = universe_members.c
    chosen = select(columns.id, columns.symbol, columns.added_at, columns.removed_at, columns.reason)
    chosen = chosen.where(columns.universe_id == universe_id).order_by(columns.id)
    rows = connection.execute(chosen if with_former else chosen.where(columns.removed_at.is_(None))).all()
    contracts = _contracts(connection, universe_id)
    return tuple(MemberRow(*row, contracts.get(row.id, {})) for row in rows)


def add(connection: Connection, universe_id: int, symbols: Iterable[str]) -> tuple[str, ...]:
    """Add members; gives those that were none yet, in order."""
    added = []
    for symbol in symbols:
        statement = insert(universe_members).values(universe_id=universe_id, symbol=symbol)
        statement = statement.on_conflict_do_nothing(
            index_elements=["universe_id", "symbol"], index_where=text("removed_at IS NULL")
        )
        if connection.execute(statement.returning(universe_members.c.id)).one_or_none() is not None:
            added.append(symbol)
    return tuple(added)


def remove(connection: Connection, member_ids: Sequence[int], reason: str) -> int:
    """Mark members as gone, for a reason that is not empty. Gives how many were still there."""
    columns = universe_members.c
    going = and_(columns.id.in_(member_ids), columns.removed_at.is_(None))
    left = update(universe_members).where(going).values(removed_at=func.now(), reason=reason)
    return connection.execute(left).rowcount


def bind(connection: Connection, member_id: int, origin: Origin, con_id: int) -> None:
    """Keep which contract (known in `instruments`) a member is. One that is bound keeps its contract."""
    values = {"member_id": member_id, "origin": origin, "con_id": con_id}
    statement = insert(universe_contracts).values(**values)
    connection.execute(statement.on_conflict_do_nothing(constraint="universe_contracts_pk"))


def drop(connection: Connection, universe_id: int) -> None:
    """Delete a universe with the list of its members and their history. Instruments and bars are not touched."""
    columns = universe_members.c
    ids = select(columns.id).where(columns.universe_id == universe_id)
    connection.execute(delete(universe_contracts).where(universe_contracts.c.member_id.in_(ids)))
    connection.execute(delete(universe_members).where(columns.universe_id == universe_id))
    connection.execute(delete(universes).where(universes.c.id == universe_id))


def _contracts(connection: Connection, universe_id: int) -> dict[int, dict[Origin, int]]:
    columns = universe_contracts.c
    query = (
        select(columns.member_id, columns.origin, columns.con_id)
        .join(universe_members, universe_members.c.id == columns.member_id)
        .where(universe_members.c.universe_id == universe_id)
    )
    found: dict[int, dict[Origin, Any]] = {}
    for member_id, origin, con_id in connection.execute(query):
        found.setdefault(member_id, {})[Origin(origin)] = con_id
    return found
