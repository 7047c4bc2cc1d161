"""Universes by what people write: made, filled, emptied, and turned into what a job asks for.

Nothing here asks IB. A member's contract is found when a job runs or by a diff (`universe_diff`), and is then kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

from sqlalchemy import Connection, Engine

from ingest.domain.instrument import InstrumentQuery
from ingest.domain.series import Origin
from ingest.errors import UsageError
from ingest.store import instruments, universes, wishes
from ingest.store.universes import MemberRow, UniverseRow
from ingest.wishes import Universe, read_universe
from ingest.wishes.places import is_there
from ingest.wishes.sections import checked_currency, checked_sec_type
from ingest.wishes.universe import checked_name

_DEFAULTS = ("sec_type", "exchange", "currency")


@dataclass(frozen=True, slots=True)
class Asked:
    """An instrument, or a chain, that a universe asks for. `member`: whose contract it will be, once it is found."""

    symbol: str
    query: InstrumentQuery
    member: int | None = None


@dataclass(frozen=True, slots=True)
class Filled:
    """What became of symbols: those that are members now, and those that were before. `is_new`: the universe is."""

    universe: UniverseRow
    added: tuple[str, ...]
    known: tuple[str, ...]
    is_new: bool = False


def asked_of(engine: Engine, universe: Universe, origin: Origin | None) -> tuple[Asked, ...]:
    """What a job's universe asks for at a gateway of this origin (None: not known yet, which one it will be).

    Raises UsageError when it is one of the database and there is none of that name, or nobody in it.
    """
    if not universe.name:
        return tuple(Asked(symbol, universe.query(symbol)) for symbol in universe.symbols)
    with engine.connect() as connection:
        row = named(connection, universe.name)
        members = universes.members(connection, row.id)
    if not members:
        raise UsageError(
            f"The universe {row.name!r} has no members.", hint=f"Add some: `ingest universe add {row.name} AAPL`."
        )
    kept = universe_of(row)
    return tuple(asked(kept, member, origin) for member in members)


def asked(universe: Universe, member: MemberRow, origin: Origin | None) -> Asked:
    """A member by its contract where that is known, else by its text."""
    chosen = list(member.con_ids.values()) if origin is None else [member.con_ids.get(origin, 0)]
    if len(chosen) == 1 and chosen[0]:
        return Asked(member.symbol, InstrumentQuery(con_id=chosen[0]))
    query = universe.query(member.symbol)
    return Asked(member.symbol, query, None if query.front else member.id)


def named(connection: Connection, name: str) -> UniverseRow:
    """Raises UsageError, naming those there are."""
    found = universes.by_name(connection, name)
    if found is not None:
        return found
    known = universes.names(connection)
    shown = ", ".join(known[:8]) + (f" and {len(known) - 8} more" if len(known) > 8 else "")
    there = f"there {'is' if len(known) == 1 else 'are'} {shown}" if known else "there is none yet"
    raise UsageError(
        f"There is no universe {name!r}; {there}; create it with `ingest universe create {name}`.",
        hint=f"Did you mean {near[0]}?" if (near := get_close_matches(name, known, n=1)) else "",
    )


def universe_of(row: UniverseRow, symbols: Sequence[str] = ()) -> Universe:
    """A universe of the database as one that reads symbols with its defaults."""
    return Universe(tuple(symbols), row.sec_type, row.exchange, row.currency, name=row.name)


def create(engine: Engine, wanted: Universe, description: str = "") -> Filled:
    """Make a universe with its first members. Raises UsageError for what cannot be one, or exists."""
    checked = _checked(wanted)
    with engine.begin() as connection:
        row = _made(connection, checked, description)
        return _fill(connection, row, wanted.symbols, is_new=True)


def add(engine: Engine, name: str, symbols: Sequence[str]) -> Filled:
    """Add members; one that is there under another spelling is not added again. Raises UsageError."""
    with engine.begin() as connection:
        return _fill(connection, named(connection, name), symbols)


def import_file(engine: Engine, wanted: Universe, file: Path, description: str = "") -> Filled:
    """Add what a CSV or a TOML file names; the universe is made where there is none. Raises UsageError.

    `wanted` has its name, and defaults for one that is made. Symbols must mean here what they mean in the file, so
    defaults that contradict each other are refused.
    """
    checked = _checked(wanted)
    with engine.begin() as connection:
        row = universes.by_name(connection, checked.name)
        usual = checked if row is None else universe_of(row)
        found = read_universe(file, replace(usual, name=""))
        agreed = _agreed(usual, [(str(file), found), ("the command", checked)], is_new=row is None)
        is_new = row is None
        row = row or _made(connection, agreed, description)
        return _fill(connection, row, found.symbols, is_new=is_new)


def remove(engine: Engine, name: str, symbols: Sequence[str], reason: str) -> tuple[MemberRow, ...]:
    """Mark members as gone; all or, when one is none, nobody. Raises UsageError."""
    if not reason.strip():
        raise UsageError("A removal needs a reason.")
    with engine.begin() as connection:
        row = named(connection, name)
        members = universes.members(connection, row.id)
        going = [member for text in symbols for member in _called(connection, row, members, text)]
        universes.remove(connection, [member.id for member in going], reason.strip())
    return tuple({member.id: member for member in going}.values())


def delete(engine: Engine, name: str) -> int:
    """Delete a universe for good; bars and instruments stay. Gives how many members it had.

    Raises UsageError while a job asks for it that a scheduler fires, or whose file is there. One that nobody fires and
    whose file is gone is removed with it.
    """
    with engine.begin() as connection:
        row = named(connection, name)
        users = [wish for wish in wishes.listing(connection) if wish.removed_at is None and _names(wish, name)]
        _check_unused(name, [wish for wish in users if wish.next_due is not None or is_there(Path(wish.path))])
        for wish in users:
            wishes.remove(connection, wish.name)
        members = universes.members(connection, row.id)
        universes.drop(connection, row.id)
    return len(members)


def _check_unused(name: str, users: Sequence[wishes.WishRow]) -> None:
    if not users:
        return
    names, files = (", ".join(each) for each in ((wish.name for wish in users), (wish.path for wish in users)))
    raise UsageError(
        f"The universe {name!r} is what {names} {'asks' if len(users) == 1 else 'ask'} for.",
        hint=f"Change or remove the job file first: {files}. A scheduler that fires it must have seen that.",
    )


def _names(wish: wishes.WishRow, universe: str) -> bool:
    return bool(wish.document.get("universe", {}).get("name") == universe)


def _checked(wanted: Universe) -> Universe:
    """Raises UsageError for a name, a type or a currency that cannot be."""
    try:
        return replace(
            wanted,
            name=checked_name(wanted.name),
            sec_type=wanted.sec_type and checked_sec_type(wanted.sec_type),
            exchange=wanted.exchange.upper(),
            currency=wanted.currency and checked_currency(wanted.currency),
        )
    except ValueError as error:
        raise UsageError(f"{error}.") from None


def _made(connection: Connection, wanted: Universe, description: str) -> UniverseRow:
    defaults = {key: getattr(wanted, key) for key in _DEFAULTS}
    row = universes.create(connection, wanted.name, description=description, **defaults)
    if row is None:
        raise UsageError(
            f"There is a universe {wanted.name!r} already.",
            hint=f"Add to it with `ingest universe add {wanted.name}`, or choose another name.",
        )
    return row


def _agreed(usual: Universe, others: Sequence[tuple[str, Universe]], *, is_new: bool) -> Universe:
    """`usual` with the defaults of all, where no two differ. Those of a universe that exists do not change."""
    agreed = usual
    for said_by, other in others:
        for key in _DEFAULTS:
            has, says = getattr(agreed, key), getattr(other, key)
            if says and says != has and (has or not is_new):
                kept = f"has {has!r}" if has else "has none"
                raise UsageError(
                    f"{said_by} says {key} {says!r}, and the universe {usual.name!r} {kept}.",
                    hint="Import it into a universe of its own, or write the symbols out in full.",
                )
            if says:
                agreed = replace(agreed, **{key: says})
    return agreed


def _fill(connection: Connection, row: UniverseRow, symbols: Sequence[str], *, is_new: bool = False) -> Filled:
    """Instruments are told apart by what they mean, not by how they are spelled."""
    universe = universe_of(row)
    present = {universe.query(member.symbol) for member in universes.members(connection, row.id)}
    fresh: dict[InstrumentQuery, str] = {}
    known = []
    for text in symbols:
        query = _query(universe, text)
        if query in present or query in fresh:
            known.append(text.strip())
        else:
            fresh[query] = text.strip()
    added = universes.add(connection, row.id, fresh.values())
    return Filled(row, added, tuple(known), is_new)


def _query(universe: Universe, text: str) -> InstrumentQuery:
    try:
        return universe.query(text)
    except ValueError as error:
        raise UsageError(f"{error}.") from None


def _called(connection: Connection, row: UniverseRow, members: Sequence[MemberRow], text: str) -> tuple[MemberRow, ...]:
    """Members by their text, or by any name of their contract."""
    universe = universe_of(row)
    query = _query(universe, text)
    if found := tuple(member for member in members if universe.query(member.symbol) == query):
        return found
    con_ids = {(known.origin, known.instrument.con_id) for known in instruments.find(connection, text)}
    if found := tuple(member for member in members if con_ids & set(member.con_ids.items())):
        return found
    near = get_close_matches(text.upper(), [member.symbol for member in members], n=1)
    raise UsageError(
        f"{text!r} is no member of the universe {row.name!r}.",
        hint=f"Did you mean {near[0]}?" if near else f"See `ingest universe show {row.name}`.",
    )
