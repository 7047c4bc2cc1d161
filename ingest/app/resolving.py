"""Instruments by what people call them: from the database when known there, else from IB's contract details."""

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path

from sqlalchemy import Connection, Engine

from ingest.app.connecting import clock_of, open_gateway
from ingest.clock import Clock
from ingest.config import Settings
from ingest.domain.chain import Product, products, unexpired
from ingest.domain.instrument import Instrument, InstrumentQuery
from ingest.domain.series import Origin
from ingest.errors import (
    AmbiguousInstrument,
    OtherExchange,
    RequestRefused,
    SeveralProblems,
    UnknownInstrument,
    UsageError,
)
from ingest.gateway.client import Gateway
from ingest.gateway.events import SymbolMatch
from ingest.store import instruments, series
from ingest.store.instruments import InstrumentRow
from ingest.wishes.universe import symbols_in


def queries_of(
    symbols: Sequence[str], sec_type: str = "", exchange: str = "", currency: str = ""
) -> tuple[InstrumentQuery, ...]:
    """Raises UsageError for all texts that cannot name an instrument."""
    found, problems = [], []
    for text in symbols:
        try:
            found.append(InstrumentQuery.parse(text, sec_type=sec_type.upper(), exchange=exchange, currency=currency))
        except ValueError as error:
            problems.append(UsageError(f"{error}."))
    SeveralProblems.refuse(problems)
    return tuple(found)


def queries_in(file: Path) -> tuple[tuple[str, InstrumentQuery], ...]:
    """One query a line (a CSV's first column), with its place, FILE:LINE. Raises UsageError for all bad lines."""
    try:
        written = symbols_in(file)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}.") from None
    found, problems = [], []
    for each in written:
        try:
            found.append((f"{file}:{each.line}", InstrumentQuery.parse(each.symbol)))
        except ValueError as error:
            problems.append(UsageError(f"{file}:{each.line}: {error}."))
    SeveralProblems.refuse(problems)
    if not found:
        raise UsageError(f"{file} names no instrument.", hint="Write one a line, such as AAPL or EUR.USD.")
    return tuple(found)


async def add_instruments(
    settings: Settings, engine: Engine, queries: Sequence[tuple[str, InstrumentQuery]]
) -> list[Instrument]:
    """Resolve and keep them, as `resolve_each` does."""
    clock = clock_of(settings)
    async with open_gateway(settings, clock) as gateway:
        return await resolve_each(gateway, engine, queries, clock)


async def search_symbols(settings: Settings, pattern: str) -> tuple[SymbolMatch, ...]:
    async with open_gateway(settings, clock_of(settings)) as gateway:
        return await gateway.matching_symbols(pattern)


def known_instrument(engine: Engine, query: InstrumentQuery, origin: Origin | None) -> InstrumentRow | None:
    """The one instrument in the database that the query can mean, None where there is none or more than one."""
    if _is_open(query):
        return None
    with engine.connect() as connection:
        found = instruments.find(connection, _text_of(query), origin=origin)
    fitting = [row for row in found if _fits(row.instrument, query)]
    return fitting[0] if len(fitting) == 1 else None


def known_instruments(
    engine: Engine, queries: Iterable[InstrumentQuery], origin: Origin | None
) -> dict[InstrumentQuery, Instrument]:
    """Those that the database knows, as `known_instrument` does, but in one question for all."""
    asked = {query: _text_of(query) for query in queries if not _is_open(query)}
    with engine.connect() as connection:
        found = instruments.find_many(connection, asked.values(), origin=origin)
    known = {}
    for query, text in asked.items():
        fitting = [row for row in found[text] if _fits(row.instrument, query)]
        if len(fitting) == 1:
            known[query] = fitting[0].instrument
    return known


async def resolve_each(
    gateway: Gateway, engine: Engine, queries: Iterable[tuple[str, InstrumentQuery]], clock: Clock
) -> list[Instrument]:
    """The instruments of all queries, in their order; each query comes with the place it stands at, if it has one.

    What resolves stays kept. Raises one error for all that do not: UnknownInstrument, AmbiguousInstrument or both.
    """
    found: list[Instrument] = []
    problems: list[UsageError] = []
    for place, query in queries:
        try:
            found += await resolve_all(gateway, engine, query, clock)
        except (UnknownInstrument, AmbiguousInstrument) as error:
            error.message = f"{place}: {error.message}" if place else error.message
            problems.append(error)
    SeveralProblems.refuse(problems)
    return found


async def resolve_all(gateway: Gateway, engine: Engine, query: InstrumentQuery, clock: Clock) -> tuple[Instrument, ...]:
    """What a query means today: one instrument, or the expiries of a chain, the nearest first.

    A chain is always asked of IB: what is in front changes with time. Fewer than wanted come where IB lists fewer.
    Raises what `resolve` raises; a chain is ambiguous where one symbol means several products.
    """
    if not query.front:
        return (await resolve(gateway, engine, query),)
    found = unexpired(await gateway.contract_details(query), clock.now())
    if not found:
        raise UnknownInstrument(f"IB lists no future for {query}.", hint=await _similar(gateway, query))
    if len(several := products(found)) > 1:
        raise AmbiguousInstrument(str(query), [_written(one, query) for one in several])
    chosen = found[: query.front]
    await asyncio.to_thread(_save, engine, chosen, gateway.origin)
    return chosen


async def resolve(gateway: Gateway, engine: Engine, query: InstrumentQuery) -> Instrument:
    """The one instrument a query means: from the database when it is known there, else from IB's contract details.

    Raises UnknownInstrument (naming what IB has that is similar) or AmbiguousInstrument (naming the candidates).
    """
    known = await asyncio.to_thread(known_instrument, engine, query, gateway.origin)
    if known is not None:
        return known.instrument
    found = await gateway.contract_details(query)
    if not found:
        raise UnknownInstrument(f"IB knows no contract for {query}.", hint=await _similar(gateway, query))
    if len(found) > 1:
        raise _ambiguous(query, found)
    await asyncio.to_thread(_save, engine, found, gateway.origin)
    return found[0]


def _ambiguous(query: InstrumentQuery, found: Sequence[Instrument]) -> AmbiguousInstrument:
    error = AmbiguousInstrument(str(query), [describe(one) for one in found])
    if query.sec_type == "FUT" and query.symbol and not query.expiry:
        error.hint = f"Name an expiry, {query.symbol}:FUT:YYYYMM, or the nearest ones, {query.symbol}:FUT:front2."
    return error


def describe(instrument: Instrument) -> str:
    """One line a person can choose by."""
    parts = [instrument.label, instrument.sec_type, instrument.exchange]
    parts += [instrument.primary_exchange] if instrument.primary_exchange not in ("", instrument.exchange) else []
    parts += [part for part in (instrument.currency, instrument.expiry) if part]
    return " ".join(parts) + f" con_id:{instrument.con_id}"


def _written(product: Product, query: InstrumentQuery) -> str:
    """A chain of this product as one writes it, and what tells it apart."""
    text = f"{product.symbol}:FUT:front{query.front}:{product.trading_class}@{product.exchange}"
    return f"{text} in {product.currency}, multiplier {product.multiplier}"


def _save(engine: Engine, found: Sequence[Instrument], origin: Origin) -> None:
    """Raises OtherExchange rather than let what is held at one exchange go on at another."""
    with engine.begin() as connection:
        for instrument in found:
            _check_exchange(connection, instrument, origin)
            instruments.save(connection, instrument, origin)


def _check_exchange(connection: Connection, instrument: Instrument, origin: Origin) -> None:
    """IB gives a contract one con_id at all exchanges, but each has its own bars: in one series they would be mixed."""
    known = instruments.by_con_id(connection, instrument.con_id, origin)
    if known is None or known.instrument.exchange == instrument.exchange:
        return
    if series.listing(connection, instrument_ids=[known.id]):
        label, held = instrument.label, known.instrument.exchange
        raise OtherExchange(
            f"{label} (con_id {instrument.con_id}) is held as it trades at {held}; "
            f"bars of {instrument.exchange} would be mixed with those.",
            hint=f"Ask for {label}@{held}, or keep the other ones in a database of their own (INGEST_HOME).",
        )


def _is_open(query: InstrumentQuery) -> bool:
    """Which ones are in front is IB's to say; and a root names many contracts, even where only one is known here."""
    is_root = query.sec_type in ("FUT", "OPT") and not (query.local_symbol or query.con_id or len(query.expiry) == 8)
    return bool(query.front) or is_root


def _text_of(query: InstrumentQuery) -> str:
    return f"con_id:{query.con_id}" if query.con_id else _name(query)


def _name(query: InstrumentQuery) -> str:
    if query.sec_type == "CASH":
        return f"{query.symbol}.{query.currency}"
    return query.local_symbol or query.symbol


def _fits(instrument: Instrument, query: InstrumentQuery) -> bool:
    wanted_type = "STK" if query.sec_type == "ETF" else query.sec_type
    return (
        (bool(query.con_id) or instrument.sec_type == wanted_type)
        and query.exchange in ("", instrument.exchange, instrument.primary_exchange)
        and query.currency in ("", instrument.currency)
        and instrument.expiry.startswith(query.expiry)
        and query.strike in (None, instrument.strike)
        and query.right in ("", instrument.right)
        and query.trading_class in ("", instrument.trading_class)
    )


async def _similar(gateway: Gateway, query: InstrumentQuery) -> str:
    try:
        matches = await gateway.matching_symbols(query.symbol or query.local_symbol)
    except RequestRefused:
        matches = ()
    if not matches:
        return "Check the symbol and its type (SYMBOL:FUT:YYYYMM, EUR.USD, SPX:IND, BTC:CRYPTO)."
    names = ", ".join(f"{m.symbol} {m.sec_type} {m.primary_exchange} {m.currency}" for m in matches[:4])
    return f"Similar: {names}."
