"""Finding contracts: details of a query, and the symbol search."""

import asyncio

from ingest.domain.instrument import Instrument, InstrumentQuery
from ingest.errors import RequestRefused, RequestTimedOut
from ingest.gateway.answers import ContractsCollector, SymbolsCollector
from ingest.gateway.bulk import broken
from ingest.gateway.contracts import found_instrument, query_contract
from ingest.gateway.events import SymbolMatch
from ingest.gateway.session import Session, next_request_id

_FUND_TYPES = frozenset({"", "ETF", "ETC", "ETN", "ETP", "ETMF"})
"""IB's stock types of what is traded like a fund; "" where IB does not tell (below server version 152)."""


async def look_up(session: Session, query: InstrumentQuery, seconds: float) -> tuple[Instrument, ...]:
    """All contracts that match; empty on IB's error 200, unless that says "ambiguous" or cannot be believed.

    Raises RequestRefused, RequestTimedOut, AnswerBroken, GatewayLost.
    """
    request_id = next_request_id()
    frame = session.encoder.contract_details(request_id, query_contract(query))
    asked = f"Contract details of {query}"
    try:
        found = await session.ask(request_id, frame, ContractsCollector(), asked=asked, seconds=seconds)
    except RequestRefused as error:
        if error.code == 200 and error.permanent and "ambiguous" not in error.text:
            return ()
        raise
    except (RequestTimedOut, asyncio.CancelledError):
        if cancel := session.encoder.cancel_contract_details(request_id):
            session.tell(cancel)
        raise
    try:
        instruments = tuple(found_instrument(details, query) for details in found)
    except ValueError as error:
        raise broken(f"a contract of {query}: {error}") from error
    if query.sec_type == "ETF" and not query.con_id:
        return tuple(one for one in instruments if one.stock_type in _FUND_TYPES)
    return instruments


async def search(session: Session, pattern: str, seconds: float) -> tuple[SymbolMatch, ...]:
    """Up to 16 instruments by the beginning of their symbol or name. Raises RequestTimedOut, GatewayLost."""
    request_id = next_request_id()
    frame = session.encoder.matching_symbols(request_id, pattern)
    return await session.ask(request_id, frame, SymbolsCollector(), asked=f"A search for {pattern!r}", seconds=seconds)
