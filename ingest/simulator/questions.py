"""Historical questions on their way: understood or refused, and what the log says about each."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime

from ingest.simulator.faults.matching import Incoming
from ingest.simulator.faults.script import Fault
from ingest.simulator.login import Client
from ingest.simulator.lookup import find_one
from ingest.simulator.manners import texts
from ingest.simulator.manners.pacing import PacedRequest
from ingest.simulator.manners.validation import Wanted, validate
from ingest.simulator.market.types import Contract, Market
from ingest.simulator.window import SMALL_BAR_SECONDS, Window, resolve
from ingest.simulator.wire.requests import ContractQuery, HeadTimestampRequest, HistoricalRequest
from ingest.simulator.wire.times import iso, zone


@dataclass(frozen=True, slots=True)
class Prepared:
    """A historical request with everything it refers to found."""

    wanted: Wanted
    contract: Contract
    window: Window

    @property
    def has_small_bars(self) -> bool:
        return self.wanted.size.unit == "seconds" and self.wanted.size.seconds <= SMALL_BAR_SECONDS


@dataclass(slots=True, eq=False)
class Question:
    """A request from its arrival until it is answered or cancelled. `facts` go into every log line about it.

    A deaf question is answered even after its cancellation was confirmed.
    """

    client: Client
    req_id: int
    message: str
    asked_at: float
    facts: dict[str, object]
    large_bars: bool = False
    answered: bool = False
    is_deaf: bool = False
    fault: Fault | None = None
    task: asyncio.Task[None] | None = None
    seq: int = field(default=0)


def prepare(
    market: Market, request: HistoricalRequest, *, version: int, now: float, local_zone: str
) -> Prepared | texts.Refusal:
    """The request understood, or IB's refusal."""
    wanted = validate(request, version=version, now=now, local_zone=local_zone)
    if isinstance(wanted, texts.Refusal):
        return wanted
    contract = find_one(market.contracts(), request.contract, datetime.fromtimestamp(now, zone(local_zone)).date())
    if isinstance(contract, texts.Refusal):
        return contract
    return Prepared(wanted, contract, resolve(market, contract, wanted, now))


def historical_facts(request: HistoricalRequest, prepared: Prepared | texts.Refusal) -> dict[str, object]:
    facts: dict[str, object] = {
        "contract": contract_facts(request.contract),
        "what": request.what,
        "size": request.bar_size,
        "duration": request.duration,
        "end": request.end,
        "use_rth": request.use_rth,
        "format_date": request.format_date,
    }
    if isinstance(prepared, Prepared):
        window = prepared.window
        facts["contract"] = contract_facts(prepared.contract, request.contract.exchange)
        facts |= {"window_start": iso(window.start), "window_end": iso(window.end)}
    return facts


def contract_facts(contract: Contract | ContractQuery, exchange: str = "") -> dict[str, object]:
    return {
        "con_id": contract.con_id,
        "symbol": contract.symbol,
        "sec_type": contract.sec_type,
        "exchange": exchange or contract.exchange,
        "local_symbol": contract.local_symbol,
    }


def paced(contract: Contract, request: HistoricalRequest | HeadTimestampRequest) -> PacedRequest:
    """The request as the pacing rules see it."""
    exchange = request.contract.exchange or contract.exchange
    instrument = f"{contract.con_id} {contract.sec_type} {exchange} {request.what}"
    if isinstance(request, HeadTimestampRequest):
        return PacedRequest(f"head {instrument} {request.use_rth} {request.format_date}", instrument)
    details = (request.end, request.bar_size, request.duration, request.use_rth, request.format_date)
    cost = 2 if request.what == "BID_ASK" else 1
    return PacedRequest(f"{instrument} {details}", instrument, cost)


def named(contract: Contract, query: ContractQuery) -> tuple[str, str]:
    """Symbol and exchange as the history service writes them: the future by its own name, the rest by symbol."""
    symbol = contract.local_symbol if contract.sec_type in ("FUT", "OPT") else contract.symbol
    return symbol or contract.symbol, query.exchange or contract.exchange


def incoming_of(
    question: Question, contract: Contract, what: str, bar_size: str = "", window: tuple[float, float] | None = None
) -> Incoming:
    """The question as a fault sees it."""
    client_id = question.client.client_id
    return Incoming(question.message, client_id, contract.symbol, contract.sec_type, bar_size, what, window)


def head_facts(request: HeadTimestampRequest) -> dict[str, object]:
    return {
        "contract": contract_facts(request.contract),
        "what": request.what,
        "use_rth": request.use_rth,
        "format_date": request.format_date,
    }
