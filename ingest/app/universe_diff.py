"""A universe against what IB lists today: who is gone, goes by another name, has moved, or cannot be found at all.

A contract is taken for delisted only when IB itself denies it by con_id, at its exchange and anywhere, twice, and knows
another contract just before and just after the second time: during its nightly reset IB denies every one. A time-out
proves nothing (`UNCHECKED`), and a lost session ends the whole comparison.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from sqlalchemy import Engine

from ingest.app.expiring import unfinished
from ingest.app.universes import asked, named, universe_of
from ingest.app.wishing import resolve_asked
from ingest.clock import Clock
from ingest.domain.chain import is_over
from ingest.domain.instrument import SEC_TYPES, Instrument, InstrumentQuery
from ingest.domain.series import Origin
from ingest.errors import AmbiguousInstrument, IngestError, RequestError, RequestTimedOut
from ingest.errors import UnknownInstrument as Unknown
from ingest.gateway.client import Gateway
from ingest.store import instruments, universes
from ingest.store.instruments import InstrumentRow
from ingest.store.universes import MemberRow, UniverseRow
from ingest.wishes import Universe

#: So many contracts are asked for at once; the gate keeps them below IB's messages a second.
_AT_ONCE = 16
#: What IB is asked for to see whether it knows any contract, where it has described none of the members.
_CONTROL = InstrumentQuery(symbol="SPY", sec_type="STK", exchange="SMART", currency="USD")

Tell = Callable[[int, int], None]


class Kind(StrEnum):
    """How a member differs. A diff applies the first four; the others are for a person."""

    DELISTED = "delisted"  # IB no longer knows the con_id
    RENAMED = "renamed"  # symbol, local symbol or long name
    MOVED = "moved"  # primary exchange, or the one it is asked for at
    EXPIRED = "expired"  # a future or option whose last day is over
    UNKNOWN = "unknown"  # never found
    AMBIGUOUS = "ambiguous"  # several contracts fit the text
    UNCHECKED = "unchecked"  # IB gave no answer that proves anything


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing about one member. `today` is the contract as IB describes it, where that is to be kept.

    `is_final` False: an expired contract whose bars are not complete, which therefore stays.
    """

    member: MemberRow
    kind: Kind
    was: str = ""
    now: str = ""
    note: str = ""
    today: Instrument | None = None
    is_final: bool = True

    @property
    def can_be_applied(self) -> bool:
        return self.is_final and self.kind in (Kind.DELISTED, Kind.RENAMED, Kind.MOVED, Kind.EXPIRED)


@dataclass(frozen=True, slots=True)
class Diff:
    """What was found of a universe's members; `chains` has the expiries that a chain comes to today."""

    universe: UniverseRow
    origin: Origin
    members: int
    differences: tuple[Difference, ...]
    chains: dict[str, tuple[Instrument, ...]]


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one look at a member came to. `denied`: IB knows its contract no more, which wants a second look.

    `described` is what IB described of it.
    """

    differences: tuple[Difference, ...] = ()
    described: tuple[Instrument, ...] = ()
    denied: InstrumentRow | None = None
    timed_out: bool = False


async def compare(gateway: Gateway, engine: Engine, name: str, clock: Clock, tell: Tell) -> Diff:
    """Look up every member; `tell(done, of)` hears how far it is. Members never found before are found on the way.

    Raises UsageError for an unknown universe, GatewayLost when the session ends.
    """
    universe, members = await asyncio.to_thread(_members, engine, name)
    looker = _Looker(gateway, engine, universe_of(universe), clock)
    seen: dict[int, _Seen] = {}

    async def look(member: MemberRow) -> None:
        seen[member.id] = await looker.look(member)
        tell(len(seen), len(members))

    for batch in _batches(members):
        _raise_first(await asyncio.gather(*map(look, batch), return_exceptions=True))
        if len(batch) > 1 and all(seen[member.id].timed_out for member in batch):
            break
    control = next((_by_id(one) for each in seen.values() for one in each.described), _CONTROL)
    found = [await looker.settle(member, seen.get(member.id), control) for member in members]
    chains = {one.symbol: seen[one.id].described for one in members if one.id in seen and looker.has_chain(one)}
    return Diff(universe, gateway.origin, len(members), tuple(each for several in found for each in several), chains)


def apply(engine: Engine, diff: Diff, today: str) -> tuple[Difference, ...]:
    """Take over what can be: names and exchanges into the history, the delisted and the finished out of the universe.

    Nothing else is touched: not a bar, not a ledger. Gives what was applied.
    """
    applied = tuple(difference for difference in diff.differences if difference.can_be_applied)
    with engine.begin() as connection:
        for each in applied:
            if each.today is not None:
                instruments.save(connection, each.today, diff.origin)
            else:
                universes.remove(connection, [each.member.id], f"{each.kind}: {each.note} ({today})")
    return applied


@dataclass(frozen=True, slots=True)
class _Looker:
    """Looks at members of one universe through one gateway."""

    gateway: Gateway
    engine: Engine
    universe: Universe
    clock: Clock

    def has_chain(self, member: MemberRow) -> bool:
        return asked(self.universe, member, self.gateway.origin).query.front > 0

    async def look(self, member: MemberRow) -> _Seen:
        """Raises GatewayLost and DatabaseError; what IB says or does not say of one member is a finding."""
        wanted = asked(self.universe, member, self.gateway.origin)
        try:
            found = await resolve_asked(self.gateway, self.engine, wanted, self.clock)
            return _Seen(described=found) if wanted.query.front else await self._look_at_contract(member, found[0])
        except Unknown as error:
            return _Seen((_said(member, Kind.UNKNOWN, error),))
        except AmbiguousInstrument as error:
            return _Seen((_said(member, Kind.AMBIGUOUS, error),))
        except RequestError as error:
            return _Seen((_said(member, Kind.UNCHECKED, error),), timed_out=isinstance(error, RequestTimedOut))

    async def settle(self, member: MemberRow, seen: _Seen | None, control: InstrumentQuery) -> tuple[Difference, ...]:
        """What is true of a member in the end; a contract that IB denied is looked for once more."""
        if seen is None:
            return (Difference(member, Kind.UNCHECKED, note="not asked: the gateway stopped answering"),)
        if seen.denied is None:
            return seen.differences
        try:
            return await self._look_again(member, seen.denied, control)
        except RequestError as error:
            return (_said(member, Kind.UNCHECKED, error),)

    async def _look_at_contract(self, member: MemberRow, instrument: Instrument) -> _Seen:
        known = await asyncio.to_thread(_known, self.engine, instrument, self.gateway.origin)
        if is_over(known.instrument, self.clock.now()):
            return _Seen((await asyncio.to_thread(_expired, self.engine, member, known),))
        today = await self._today(known.instrument)
        if today is None:
            return _Seen(denied=known)
        return _Seen(_changes(member, known.instrument, today), (today,))

    async def _look_again(
        self, member: MemberRow, known: InstrumentRow, control: InstrumentQuery
    ) -> tuple[Difference, ...]:
        before = await self.gateway.contract_details(control)
        today = await self._today(known.instrument)
        if today is not None:
            return _changes(member, known.instrument, today)
        heir = await self._heir(known.instrument)
        if not before or not await self.gateway.contract_details(control):
            note = f"IB denied it, but {control} as well: it knows no contract at the moment"
            return (Difference(member, Kind.UNCHECKED, note=note),)
        note = f"IB no longer knows con_id {known.instrument.con_id}"
        return (Difference(member, Kind.DELISTED, was=_name(known.instrument), now=heir, note=note),)

    async def _today(self, known: Instrument) -> Instrument | None:
        """The contract as IB describes it now, None where IB denies it: at its exchange, and anywhere."""
        for exchange in dict.fromkeys((known.exchange, "")):
            found = await self.gateway.contract_details(_by_id(known, exchange))
            same = [one for one in found if one.con_id == known.con_id]
            if same and exchange == known.exchange:
                return same[0]
            if same and known.exchange == "SMART":
                return replace(same[0], exchange="SMART")  # how an order would be routed, not where it is listed
            if same:
                return next((one for one in same if one.exchange == known.exchange), same[0])
        return None

    async def _heir(self, known: Instrument) -> str:
        """Who goes by the name of a contract that is gone; "" where nobody does or nobody can say."""
        try:
            found = await self.gateway.contract_details(_by_name(known))
        except (RequestError, ValueError):
            return ""
        return ", ".join(f"{one.label} is con_id {one.con_id}" for one in found if one.con_id != known.con_id)


def _members(engine: Engine, name: str) -> tuple[UniverseRow, tuple[MemberRow, ...]]:
    with engine.connect() as connection:
        row = named(connection, name)
        return row, universes.members(connection, row.id)


def _known(engine: Engine, instrument: Instrument, origin: Origin) -> InstrumentRow:
    with engine.connect() as connection:
        known = instruments.by_con_id(connection, instrument.con_id, origin)
    assert known is not None, "what was resolved is kept"
    return known


def _expired(engine: Engine, member: MemberRow, known: InstrumentRow) -> Difference:
    note = f"its last day was {known.instrument.expiry}"
    with engine.connect() as connection:
        late = unfinished(connection, [known.id])
    if late:
        note += f"; it stays until {', '.join(map(str, late))} {'is' if len(late) == 1 else 'are'} complete"
    return Difference(member, Kind.EXPIRED, was=_name(known.instrument), note=note, is_final=not late)


def _changes(member: MemberRow, known: Instrument, today: Instrument) -> tuple[Difference, ...]:
    found = []
    if any(_differ(known, today, name) for name in ("symbol", "local_symbol", "long_name")):
        found.append(Difference(member, Kind.RENAMED, _name(known), _name(today), today=today))
    if any(_differ(known, today, name) for name in ("primary_exchange", "exchange")):
        found.append(Difference(member, Kind.MOVED, _place(known), _place(today), today=today))
    return tuple(found)


def _differ(known: Instrument, today: Instrument, name: str) -> bool:
    """A field that one of them leaves empty proves nothing; nor does spelling in capitals."""
    was, now = (" ".join(str(getattr(one, name)).casefold().split()) for one in (known, today))
    return bool(was and now and was != now)


def _name(instrument: Instrument) -> str:
    return f"{instrument.label} ({instrument.long_name})" if instrument.long_name else instrument.label


def _place(instrument: Instrument) -> str:
    return " ".join(dict.fromkeys(part for part in (instrument.exchange, instrument.primary_exchange) if part))


def _by_id(known: Instrument, exchange: str = "") -> InstrumentQuery:
    """IB tells expired futures only to those who say FUT; continuous ones have a con_id of ours, and go by symbol."""
    if known.sec_type == "CONTFUT":
        where = known.exchange
        return InstrumentQuery(
            known.symbol, "CONTFUT", exchange=where, currency=known.currency, multiplier=known.multiplier
        )
    return InstrumentQuery(con_id=known.con_id, sec_type="FUT" if known.sec_type == "FUT" else "STK", exchange=exchange)


def _by_name(known: Instrument) -> InstrumentQuery:
    sec_type = known.sec_type if known.sec_type in SEC_TYPES else "STK"
    local_symbol = known.local_symbol if sec_type == "FUT" else ""
    symbol = "" if local_symbol else known.symbol
    return InstrumentQuery(
        symbol, sec_type, exchange=known.exchange, currency=known.currency, local_symbol=local_symbol
    )


def _said(member: MemberRow, kind: Kind, error: IngestError) -> Difference:
    return Difference(member, kind, note=str(error))


def _batches(members: Sequence[MemberRow]) -> Iterator[Sequence[MemberRow]]:
    return (members[first : first + _AT_ONCE] for first in range(0, len(members), _AT_ONCE))


def _raise_first(answers: Sequence[BaseException | None]) -> None:
    """An error that concerns more than its member."""
    for answer in answers:
        if answer is not None:
            raise answer
