# ruff: noqa: N802 -- the callbacks bear ibapi's names
"""Payloads in, events out. ibapi's own `Decoder` reads the small messages; bars are only addressed, not decoded.

ibapi swallows what it cannot match (a field too many is logged and dropped), so a known message that yields no event
raises here, and the transport keeps it as a dead letter instead of losing it silently.
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ibapi.decoder import Decoder as IbDecoder

from ingest.gateway.events import (
    Accounts,
    BarsEnd,
    BarsFrame,
    ContractFound,
    ContractsEnd,
    Event,
    HeadFound,
    Message,
    NextId,
    ScheduleFound,
    ServerTime,
    SymbolMatch,
    SymbolsFound,
    Unknown,
)
from ingest.gateway.frames import PROTOBUF_OFFSET, split_payload
from ingest.gateway.protobuf import leading_request_id

logging.getLogger("ibapi").setLevel(logging.CRITICAL)  # at INFO it logs every frame, at DEBUG every field

HISTORICAL_DATA = 17
_SMALL = frozenset({4, 9, 10, 15, 18, 49, 52, 79, 88, 106, 108, 109})
"""error, nextValidId, contract, accounts, bond, time, contract end, symbols, head, schedule, bars end, time in ms."""

_REQUEST_ID_FIELD = {10: 0, 18: 0, 52: 1, 79: 0, 88: 0, 106: 0, 108: 0}
_CONTRACT_VERSION_UNTIL = 164  # contractData drops its leading version field at 164


class Decoder:
    """Decodes for one session at one server version; not thread-safe, no I/O."""

    def __init__(self, server_version: int) -> None:
        self._server_version = server_version
        self._events: list[Event] = []
        self._ib = IbDecoder(_Listener(self._events.append), server_version)

    def decode(self, payload: bytes) -> tuple[Event, ...]:
        """The events of one payload. Raises ValueError (or what ibapi raises) when it cannot be read."""
        message_id, body = split_payload(payload, self._server_version)
        plain = message_id - PROTOBUF_OFFSET if message_id > PROTOBUF_OFFSET else message_id
        if plain == HISTORICAL_DATA:
            return (BarsFrame(self._bars_request_id(message_id, body), message_id, body),)
        if plain not in _SMALL:
            return (Unknown(message_id),)
        self._events.clear()
        if message_id > PROTOBUF_OFFSET:
            self._ib.processProtoBuf(body, plain)
        else:
            self._ib.interpret(_fields(body), plain)
        if not self._events:
            raise ValueError(f"message {message_id} does not have the shape of version {self._server_version}")
        return tuple(self._events)

    def request_id(self, payload: bytes) -> int | None:
        """Whose answer an unreadable payload was, None when it does not tell or belongs to no request."""
        try:
            message_id, body = split_payload(payload, self._server_version)
            if message_id > PROTOBUF_OFFSET:
                return leading_request_id(body)
            if message_id == HISTORICAL_DATA:
                return self._bars_request_id(message_id, body)
            at = _REQUEST_ID_FIELD.get(message_id)
            if at is None:
                return None
            old = message_id in (10, 18) and self._server_version < _CONTRACT_VERSION_UNTIL
            return int(body.split(b"\0")[at + old])
        except (ValueError, IndexError):
            return None

    def _bars_request_id(self, message_id: int, body: bytes) -> int:
        if message_id > PROTOBUF_OFFSET:
            return leading_request_id(body)
        return int(body[: body.index(b"\0")])


def is_answer(payload: bytes, server_version: int) -> bool:
    """Whether a payload may be part of a request's answer (true as well when it cannot even be told)."""
    try:
        message_id, _ = split_payload(payload, server_version)
    except ValueError:
        return True
    plain = message_id - PROTOBUF_OFFSET if message_id > PROTOBUF_OFFSET else message_id
    return plain == HISTORICAL_DATA or plain in _REQUEST_ID_FIELD or plain == 4


def _fields(body: bytes) -> tuple[bytes, ...]:
    if body and not body.endswith(b"\0"):
        raise ValueError("the last field is not terminated")
    return tuple(body.split(b"\0")[:-1])


class _Listener:
    """The duck-typed `EWrapper` that ibapi's decoder calls back; its protobuf hooks are accepted and ignored."""

    def __init__(self, emit: Callable[[Event], None]) -> None:
        self._emit = emit

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.endswith("ProtoBuf"):
            return _ignore
        raise AttributeError(name)

    def error(self, request_id: int, moment: int, code: int, text: str, rejected: str = "") -> None:
        self._emit(Message(request_id, code, text))

    def managedAccounts(self, names: str) -> None:
        self._emit(Accounts(tuple(name for name in names.split(",") if name)))

    def nextValidId(self, order_id: int) -> None:
        self._emit(NextId())

    def contractDetails(self, request_id: int, details: Any) -> None:
        self._emit(ContractFound(request_id, details))

    def bondContractDetails(self, request_id: int, details: Any) -> None:
        self._emit(ContractFound(request_id, details))

    def contractDetailsEnd(self, request_id: int) -> None:
        self._emit(ContractsEnd(request_id))

    def symbolSamples(self, request_id: int, descriptions: list[Any]) -> None:
        self._emit(SymbolsFound(request_id, tuple(_match(found) for found in descriptions)))

    def headTimestamp(self, request_id: int, text: str) -> None:
        self._emit(HeadFound(request_id, text))

    def historicalDataEnd(self, request_id: int, start: str, end: str) -> None:
        self._emit(BarsEnd(request_id))

    def historicalSchedule(self, request_id: int, start: str, end: str, zone: str, sessions: list[Any]) -> None:
        found = tuple((one.startDateTime, one.endDateTime, one.refDate) for one in sessions)
        self._emit(ScheduleFound(request_id, zone, found))

    def currentTime(self, seconds: int) -> None:
        self._emit(ServerTime(datetime.fromtimestamp(seconds, UTC)))

    def currentTimeInMillis(self, milliseconds: int) -> None:
        self._emit(ServerTime(datetime.fromtimestamp(milliseconds / 1000, UTC)))


def _ignore(message: object) -> None:
    """ibapi's protobuf hooks come before the classic callbacks, which are the ones used here."""


def _match(found: Any) -> SymbolMatch:
    contract = found.contract
    return SymbolMatch(
        con_id=contract.conId,
        symbol=contract.symbol,
        sec_type=contract.secType,
        primary_exchange=contract.primaryExchange,
        currency=contract.currency,
        description=contract.description,
        derivatives=tuple(found.derivativeSecTypes),
    )
