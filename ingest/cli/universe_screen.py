"""Universes for people and for machines: tables and documents of members and of differences."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Group
from sqlalchemy import Connection

from ingest.app.universe_diff import Diff, Difference, Kind
from ingest.app.universes import Filled, universe_of
from ingest.cli.screen import say, show, table
from ingest.store import instruments
from ingest.store.instruments import InstrumentRow, NameSpell
from ingest.store.universes import MemberRow, UniverseRow

_ROLLS = "rolls: looked up at each run"


@dataclass(frozen=True, slots=True)
class KnownMember:
    """A member with the contracts it was found to be, and the names each of them had."""

    member: MemberRow
    contracts: tuple[tuple[InstrumentRow, tuple[NameSpell, ...]], ...]


def known_members(connection: Connection, members: Sequence[MemberRow]) -> tuple[KnownMember, ...]:
    return tuple(KnownMember(member, tuple(_contracts(connection, member))) for member in members)


def universe_json(universe: UniverseRow) -> dict[str, Any]:
    document = asdict(universe)
    del document["id"]
    return document


def members_table(universe: UniverseRow, members: Sequence[KnownMember], *, history: bool) -> Any:
    """One row for each contract of a member; `history` adds when they came and went, and former names."""
    said = [f"{key} {value}" for key in ("sec_type", "exchange", "currency") if (value := getattr(universe, key))]
    title = " · ".join([universe.name, *([universe.description] if universe.description else []), *said])
    columns = ["member", "contract", "exchange", "con_id", "name", "origin"]
    made = table(*columns, *(["added", "left", "formerly"] if history else []), right=("con_id",))
    for known in members:
        for row, spells in known.contracts or ((None, ()),):
            rolls = row is None and universe_of(universe).query(known.member.symbol).front > 0
            cells = [_ROLLS, *_cells(row)[1:]] if rolls else _cells(row)
            dates = _dates(known.member, spells) if history else []
            made.add_row(known.member.symbol, *cells, *dates, style="dim" if known.member.removed_at else "")
    return Group(title, made)


def members_json(members: Sequence[KnownMember], *, history: bool) -> list[dict[str, Any]]:
    return [
        {
            "symbol": known.member.symbol,
            "added_at": known.member.added_at,
            "removed_at": known.member.removed_at,
            "reason": known.member.reason,
            "contracts": [_contract_json(row, spells, history=history) for row, spells in known.contracts],
        }
        for known in members
    ]


def diff_table(differences: Sequence[Difference]) -> Any:
    made = table("member", "is", "was", "now", "note")
    for each in differences:
        made.add_row(each.member.symbol, each.kind.value, each.was or "–", each.now or "–", each.note)
    return made


def diff_json(diff: Diff, applied: Sequence[Difference]) -> dict[str, Any]:
    return {
        "universe": diff.universe.name,
        "origin": diff.origin.value,
        "members": diff.members,
        "chains": {symbol: [one.label for one in chain] for symbol, chain in diff.chains.items()},
        "differences": [
            {
                "symbol": each.member.symbol,
                "kind": each.kind.value,
                "con_id": each.today.con_id if each.today else each.member.con_ids.get(diff.origin),
                "was": each.was,
                "now": each.now,
                "note": each.note,
                "applied": each in applied,
            }
            for each in diff.differences
        ],
    }


def tell_filled(filled: Filled) -> None:
    name = filled.universe.name
    known = f", {len(filled.known)} were there" if filled.known else ""
    made = "Made the universe" if filled.is_new else "The universe"
    say(f"{made} {name}: {count(len(filled.added), 'member')} added{known}.")
    if filled.added or filled.known:
        say(f'Next: `ingest universe diff {name}` finds them at IB; [universe] name = "{name}" asks for them in a job.')
    else:
        say(f"Next: `ingest universe add {name} AAPL`, or `ingest universe import {name} FILE`.")


def tell_diff(found: Diff, applied: Sequence[Difference], *, apply: bool) -> None:
    """What was found on stdout, what it comes to and what to do next on stderr."""
    name, several = found.universe.name, found.differences
    for symbol, chain in found.chains.items():
        say(f"{symbol} is {', '.join(one.label for one in chain) or 'nothing'} today.")
    if several:
        show(diff_table(several))
    what = count(len(several), "difference") if several else "nothing differs"
    say(f"{count(found.members, 'member')} of {name} compared with IB: {what}.")
    able = [each for each in several if each.can_be_applied]
    if apply and several:
        say(f"{count(len(applied), 'difference')} applied; bars stay. See `ingest universe show {name} --history`.")
    elif able:
        say(f"Nothing was changed. Next: `ingest universe diff {name} --apply` takes over {len(able)} of them.")
    if any(each.kind in (Kind.UNKNOWN, Kind.AMBIGUOUS) for each in several):
        say(f"Write what is unknown or ambiguous otherwise: `ingest universe remove {name} …`, then `add`.")
    if any(each.kind is Kind.UNCHECKED for each in several):
        say("What is unchecked proves nothing: compare again later.")


def count(number: int, one: str) -> str:
    return f"{number} {one}{'' if number == 1 else 's'}"


def _contracts(connection: Connection, member: MemberRow) -> list[tuple[InstrumentRow, tuple[NameSpell, ...]]]:
    found = (instruments.by_con_id(connection, con_id, origin) for origin, con_id in sorted(member.con_ids.items()))
    return [(row, instruments.names(connection, row.id)) for row in found if row is not None]


def _cells(row: InstrumentRow | None) -> list[str]:
    if row is None:
        return ["–", "–", "–", "–", "–"]
    one = row.instrument
    return [one.label, one.primary_exchange or one.exchange, str(one.con_id), one.long_name, row.origin.value]


def _dates(member: MemberRow, spells: Sequence[NameSpell]) -> list[str]:
    left = f"{member.removed_at:%Y-%m-%d}: {member.reason}" if member.removed_at else "–"
    former = [f"{spell.label} {spell.primary_exchange or spell.exchange}" for spell in spells if spell.seen_to]
    return [f"{member.added_at:%Y-%m-%d}", left, ", ".join(dict.fromkeys(former)) or "–"]


def _contract_json(row: InstrumentRow, spells: Sequence[NameSpell], *, history: bool) -> dict[str, Any]:
    one = row.instrument
    document = {
        "con_id": one.con_id,
        "origin": row.origin.value,
        "label": one.label,
        "exchange": one.exchange,
        "primary_exchange": one.primary_exchange,
        "long_name": one.long_name,
    }
    return document | ({"names": [asdict(spell) for spell in spells]} if history else {})
