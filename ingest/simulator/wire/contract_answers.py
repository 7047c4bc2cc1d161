"""Contract details and symbol samples: the two messages that describe contracts rather than prices."""

from collections.abc import Sequence
from dataclasses import dataclass

from ingest.simulator.market.types import Contract
from ingest.simulator.wire import protobuf as pb
from ingest.simulator.wire.answers import escaped
from ingest.simulator.wire.framing import protobuf_frame, text_frame
from ingest.simulator.wire.versions import (
    FUND_FIELDS,
    INELIGIBILITY,
    ISSUER_ID,
    LAST_TRADE_DATE,
    SIZE_RULES,
    answers_in_protobuf,
)


@dataclass(frozen=True, slots=True)
class ContractDetails:
    """A contract and what the Gateway adds to it on the day it is asked."""

    contract: Contract
    exchange: str
    last_trade: str  # `20260918 08:30:00 US/Central`, empty for what does not expire
    trading_hours: str
    liquid_hours: str


@dataclass(frozen=True, slots=True)
class _Class:
    """What captures show per security type: sizes (least, step, suggested), aggregation group, market rule."""

    sizes: tuple[str, str, str]
    group: str
    rule: str
    order_types: str


_COMMON_ORDERS = (
    "ACTIVETIM,AD,ADJUST,ALERT,ALGO,ALLOC,AVGCOST,BASKET,BENCHPX,COND,CONDORDER,DAY,DEACT,DEACTDIS,DEACTEOD"
)
_CLASSES = {
    "STK": _Class(("0.0001", "0.0001", "100"), "1", "26", f"{_COMMON_ORDERS},GTC,LMT,LOC,MKT,MOC,RTH,STP,WHATIF"),
    "CASH": _Class(("0.01", "0.01", "0.01"), "4", "3188", f"{_COMMON_ORDERS},CASHQTY,GTC,LMT,MKT,STP,WHATIF"),
    "CRYPTO": _Class(("0.00000001", "0.00000001", "0.00000001"), "2147483647", "26", "DAY,IOC,LMT,MKT,WHATIF"),
    "IND": _Class(("", "", ""), "", "", "DAY"),
}
_DERIVATIVE = _Class(("1", "1", "1"), "", "67", f"{_COMMON_ORDERS},GTC,LMT,MKT,STP,STPLMT,TRAIL,WHATIF")


def tick_text(value: float) -> str:
    """A tick or strike without exponent or trailing zeros: 0.00005, 0.25, 1."""
    text = f"{value:.10f}".rstrip("0")
    return text.rstrip(".")


def contract_data(version: int, req_id: int, details: ContractDetails) -> bytes:
    if answers_in_protobuf(version, 10):
        contract, more = _contract_message(details), _details_message(details)
        return protobuf_frame(10, pb.integer(1, req_id) + pb.raw(2, contract) + pb.raw(3, more))
    return text_frame(version, 10, *_text_fields(version, req_id, details))


def _rules(contract: Contract, kind: _Class) -> str:
    return ",".join([kind.rule] * len(contract.valid_exchanges.split(","))) if kind.rule else ""


def _text_fields(version: int, req_id: int, details: ContractDetails) -> list[object]:
    c = details.contract
    kind = _CLASSES.get(c.sec_type, _DERIVATIVE)
    fields: list[object] = [] if version >= SIZE_RULES else [8]
    fields += [req_id, c.symbol, c.sec_type, details.last_trade]
    fields += [c.expiry] if version >= LAST_TRADE_DATE else []
    fields += [tick_text(c.strike), c.right, details.exchange, c.currency, c.local_symbol, c.market_name]
    fields += [c.trading_class, c.con_id, tick_text(c.min_tick)]
    fields += [] if version >= SIZE_RULES else [100]
    fields += [c.multiplier, kind.order_types, c.valid_exchanges, 1, c.under_con_id, escaped(version, c.long_name)]
    fields += [c.primary_exchange, c.contract_month, c.industry, c.category, c.subcategory, c.time_zone_id]
    fields += [details.trading_hours, details.liquid_hours, "", "", len(c.sec_ids)]
    fields += [text for pair in c.sec_ids for text in pair]
    fields += [kind.group, c.under_symbol, c.under_sec_type, _rules(c, kind), c.expiry, c.stock_type]
    fields += kind.sizes if version >= SIZE_RULES else (["1"] if version == SIZE_RULES - 1 else [])
    fields += [""] * 17 if version >= FUND_FIELDS and c.sec_type == "FUND" else []
    fields += [0] if version >= INELIGIBILITY else []
    return fields


def _contract_message(details: ContractDetails) -> bytes:
    """The strike is written even when zero, as captures show; a multiplier only where there is one."""
    c = details.contract
    return b"".join(
        (
            pb.integer(1, c.con_id),
            pb.string(2, c.symbol),
            pb.string(3, c.sec_type),
            pb.string(4, details.last_trade),
            pb.double(5, c.strike),
            pb.string(6, c.right),
            pb.double(7, float(c.multiplier)) if c.multiplier else b"",
            pb.string(8, details.exchange),
            pb.string(9, c.primary_exchange),
            pb.string(10, c.currency),
            pb.string(11, c.local_symbol),
            pb.string(12, c.trading_class),
            pb.string(21, c.expiry),
        )
    )


def _details_message(details: ContractDetails) -> bytes:
    c = details.contract
    kind = _CLASSES.get(c.sec_type, _DERIVATIVE)
    numbered = (
        (1, c.market_name),
        (2, tick_text(c.min_tick)),
        (3, kind.order_types),
        (4, c.valid_exchanges),
    )
    named = (
        (7, c.long_name),
        (8, c.contract_month),
        (9, c.industry),
        (10, c.category),
        (11, c.subcategory),
        (12, c.time_zone_id),
        (13, details.trading_hours),
        (14, details.liquid_hours),
    )
    under = ((19, c.under_symbol), (20, c.under_sec_type), (21, _rules(c, kind)), (22, c.expiry), (23, c.stock_type))
    sizes = tuple(zip((24, 25, 26), kind.sizes, strict=True))
    body = _strings(numbered) + pb.integer(5, 1)
    body += (pb.integer(6, c.under_con_id) if c.under_con_id else b"") + _strings(named)
    body += b"".join(pb.raw(17, pb.string(1, tag) + pb.string(2, value)) for tag, value in c.sec_ids)
    body += pb.integer(18, int(kind.group)) if kind.group else b""
    return body + _strings(under) + _strings(sizes) + pb.string(62, "0")


def _strings(fields: Sequence[tuple[int, str]]) -> bytes:
    return b"".join(pb.string(number, text) for number, text in fields)


def symbol_samples(version: int, req_id: int, found: Sequence[tuple[Contract, Sequence[str]]]) -> bytes:
    """Contracts whose symbol or name begins with a pattern, each with the derivatives that exist on it."""
    if answers_in_protobuf(version, 79):
        return protobuf_frame(79, pb.integer(1, req_id) + b"".join(_sample_message(*one) for one in found))
    fields: list[object] = [req_id, len(found)]
    for contract, derivatives in found:
        fields += [contract.con_id, contract.symbol, contract.sec_type, contract.primary_exchange, contract.currency]
        fields += [len(derivatives), *derivatives]
        fields += [contract.long_name, ""] if version >= ISSUER_ID else []
    return text_frame(version, 79, *fields)


def _sample_message(contract: Contract, derivatives: Sequence[str]) -> bytes:
    body = b"".join(
        (
            pb.integer(1, contract.con_id),
            pb.string(2, contract.symbol),
            pb.string(3, contract.sec_type),
            pb.string(9, contract.primary_exchange),
            pb.string(10, contract.currency),
            pb.string(15, contract.long_name),
        )
    )
    return pb.raw(2, pb.raw(1, body) + b"".join(pb.string(2, one) for one in derivatives))
