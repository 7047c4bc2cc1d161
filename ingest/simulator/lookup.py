"""Finding contracts the way IB does: by conId, or by whatever of the description the client filled in.

An expired future is only found when the client asks for expired ones, and two years after its expiry not even then;
expired options are gone at once. A description that fits several contracts is fine for details and fatal for history.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from ingest.simulator.manners import texts
from ingest.simulator.market.types import Contract, Market, Session
from ingest.simulator.wire.contract_answers import ContractDetails
from ingest.simulator.wire.requests import ContractQuery
from ingest.simulator.wire.times import stamp, zone
from ingest.simulator.wire.versions import NEWEST

#: History and definitions of an expired future end here.
_EXPIRED_FOR = timedelta(days=2 * 365)

#: How many days the trading hours look ahead; days without a session at the end are left off.
_HOURS_DAYS = 6

_SAMPLES = 16


def find(contracts: Sequence[Contract], query: ContractQuery, today: date) -> list[Contract]:
    """Every contract the description fits."""
    if query.con_id:
        found = _by_id(contracts, query)
    elif query.symbol or query.local_symbol or query.sec_id or query.trading_class:
        found = [one for one in contracts if _fits(one, query)]
    else:
        found = []
    found = [one for one in found if _is_listed(one, query, today)]
    return [one for one in found if _reaches(one, query.exchange)]


def _by_id(contracts: Sequence[Contract], query: ContractQuery) -> list[Contract]:
    """A continuous future goes by the id of its front contract, so the security type tells the two apart."""
    found = [one for one in contracts if one.con_id == query.con_id]
    if query.sec_type != "CONTFUT":
        return [one for one in found if one.sec_type != "CONTFUT"]
    return [one for one in contracts if one.sec_type == "CONTFUT" and any(_is_line_of(one, other) for other in found)]


def _is_line_of(continuous: Contract, other: Contract) -> bool:
    """Whether a contract is one of the futures a continuous one strings together, or that one itself."""
    names = ("symbol", "exchange", "currency", "multiplier", "trading_class")
    return all(getattr(continuous, name) == getattr(other, name) for name in names)


def as_front(contracts: Sequence[Contract], contract: Contract, today: date) -> Contract:
    """What IB shows of a continuous future: id, local symbol and expiry of the front contract."""
    if contract.sec_type != "CONTFUT":
        return contract
    first = f"{today:%Y%m%d}"
    line = [one for one in contracts if one.sec_type == "FUT" and one.expiry >= first and _is_line_of(contract, one)]
    if not line:
        return contract
    front = min(line, key=lambda one: one.expiry)
    return replace(
        contract,
        con_id=front.con_id,
        local_symbol=front.local_symbol,
        expiry=front.expiry,
        contract_month=front.contract_month,
    )


def find_one(contracts: Sequence[Contract], query: ContractQuery, today: date) -> Contract | texts.Refusal:
    """The one contract a historical request is about, or why there is none."""
    found = find(contracts, query, today)
    if len(found) == 1:
        return found[0]
    if not found:
        elsewhere = query.con_id and any(one.con_id == query.con_id for one in contracts)
        known = elsewhere and not any(_reaches(one, query.exchange) for one in contracts if one.con_id == query.con_id)
        return texts.BAD_DESTINATION if known else texts.NO_DEFINITION
    symbol = query.symbol or query.local_symbol
    return texts.ambiguous(symbol, by_multiplier=len({one.multiplier for one in found}) > 1)


def _fits(contract: Contract, query: ContractQuery) -> bool:
    equals = (
        (query.symbol, contract.symbol),
        (query.currency, contract.currency),
        (query.local_symbol, contract.local_symbol),
        (query.trading_class, contract.trading_class),
        (query.multiplier, contract.multiplier),
        (query.right[:1], contract.right[:1]),
        (query.primary_exchange, contract.primary_exchange or query.primary_exchange),
    )
    return (
        all(not wanted or wanted == has for wanted, has in equals)
        and (not query.sec_type or contract.sec_type in query.sec_type.split("+"))
        and (not query.expiry or query.expiry in (contract.expiry, contract.contract_month))
        and (not query.strike or query.strike == contract.strike)
        and (not query.sec_id or (query.sec_id_type, query.sec_id) in contract.sec_ids)
    )


def _reaches(contract: Contract, exchange: str) -> bool:
    reachable = {contract.exchange, contract.primary_exchange, *contract.valid_exchanges.split(",")}
    return not exchange or exchange in reachable


def _is_listed(contract: Contract, query: ContractQuery, today: date) -> bool:
    if not contract.expiry or contract.sec_type == "CONTFUT":
        return True
    expiry = datetime.strptime(contract.expiry, "%Y%m%d").replace(tzinfo=UTC).date()
    if expiry >= today:
        return True
    return query.include_expired and contract.sec_type == "FUT" and today - expiry <= _EXPIRED_FOR


def samples(contracts: Sequence[Contract], pattern: str) -> list[tuple[Contract, tuple[str, ...]]]:
    """Up to sixteen contracts whose symbol or name begins with the pattern, with the derivatives on each."""
    wanted = pattern.upper()
    found = [
        one
        for one in contracts
        if one.sec_type in ("STK", "IND")
        and (one.symbol.startswith(wanted) or one.long_name.upper().startswith(wanted))
    ]
    return [(one, _derivatives(contracts, one)) for one in found[:_SAMPLES]]


def _derivatives(contracts: Sequence[Contract], under: Contract) -> tuple[str, ...]:
    return tuple(sorted({one.sec_type for one in contracts if one.under_con_id == under.con_id}))


def describe(market: Market, contract: Contract, exchange: str, now: float) -> ContractDetails:
    """A contract's details as of `now`."""
    today = datetime.fromtimestamp(now, zone(contract.time_zone_id)).date()
    shown = as_front(market.contracts(), contract, today)
    return ContractDetails(
        shown,
        exchange or contract.exchange,
        _last_trade(market, contract, shown.expiry),
        _hours(market, contract, now, use_rth=False),
        _hours(market, contract, now, use_rth=True),
    )


def _last_trade(market: Market, contract: Contract, expiry: str) -> str:
    """Date, time and zone of the last trade: the close of the regular session on the day of expiry."""
    if not expiry:
        return ""
    day = datetime.strptime(expiry, "%Y%m%d").replace(tzinfo=UTC).date()
    sessions = market.sessions(contract, day, day, use_rth=True)
    return stamp(NEWEST, sessions[-1].close, contract.time_zone_id) if sessions else expiry


def _hours(market: Market, contract: Contract, now: float, *, use_rth: bool) -> str:
    """`20260406:0400-20260406:2000;20260407:CLOSED;…` from today on."""
    where = contract.time_zone_id
    today = datetime.fromtimestamp(now, zone(where)).date()
    days = [today + timedelta(days=ahead) for ahead in range(_HOURS_DAYS)]
    by_day: dict[date, list[Session]] = {}
    for session in market.sessions(contract, days[0], days[-1], use_rth=use_rth):
        by_day.setdefault(session.day, []).append(session)
    last = max(by_day, default=today)
    return ";".join(
        ";".join(_session_text(one, where) for one in by_day[day]) if day in by_day else f"{day:%Y%m%d}:CLOSED"
        for day in days
        if day <= last
    )


def _session_text(session: Session, where: str) -> str:
    start, end = (datetime.fromtimestamp(at, zone(where)) for at in (session.open, session.close))
    return f"{start:%Y%m%d:%H%M}-{end:%Y%m%d:%H%M}"
