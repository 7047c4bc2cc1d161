"""Requests of the text protocol: NUL-terminated fields in a fixed order per message and version."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from ingest.simulator.wire import requests as ask
from ingest.simulator.wire.versions import ISSUER_ID


@dataclass(slots=True)
class _Fields:
    """A reading position over the fields of one message."""

    values: list[str]
    at: int = 0

    def text(self) -> str:
        if self.at >= len(self.values):
            raise ValueError(f"field {self.at + 1} is missing")
        self.at += 1
        return self.values[self.at - 1]

    def integer(self) -> int:
        return int(self.text() or "0")

    def number(self) -> float:
        return float(self.text() or "0")

    def flag(self) -> bool:
        return self.integer() != 0

    def skip(self, count: int = 1) -> None:
        for _ in range(count):
            self.text()


def decode_text(version: int, message_id: int, body: bytes) -> ask.Request:
    """The request in a text body (the message id already taken off); raises `MalformedRequest`."""
    reader = _READERS.get(message_id)
    if reader is None:
        return _unnamed(message_id, body)
    fields = _Fields(body.decode("utf-8", "backslashreplace").split("\0")[:-1])
    try:
        return reader(fields, version)
    except ValueError as error:
        raise ask.MalformedRequest(message_id, str(error)) from error


def _unnamed(message_id: int, body: bytes) -> ask.Request:
    fields = body.decode("utf-8", "backslashreplace").split("\0")
    if message_id in ask.NOTICES:
        return ask.Notice(message_id)
    if message_id in ask.ORDER_MESSAGES:
        return ask.OrderMessage(message_id, _identity(message_id, fields))
    if message_id in _REQ_ID_AT:
        return ask.Unsimulated(message_id, _identity(message_id, fields))
    return ask.Unknown(message_id, body)


def _identity(message_id: int, fields: list[str]) -> int:
    """The request or order id, best effort: it only decides where the refusal is addressed."""
    at = _REQ_ID_AT.get(message_id, -1)
    if 0 <= at < len(fields) and fields[at].lstrip("-").isdigit():
        return int(fields[at])
    return -1


#: Where the id sits in messages that are only refused; -1: they carry none.
_REQ_ID_AT: dict[int, int] = {
    **dict.fromkeys((3, 22, 79, 81, 83, 84, 86, 88, 92, 94, 96, 97, 100, 102, 104), 0),
    **dict.fromkeys((1, 4, 10, 21, 50, 52, 54, 55, 67, 68, 69), 1),
    **dict.fromkeys((12, 18, 19, 24, 58, 65, 66, 72, 73, 80, 82, 91), -1),
}


def _contract(fields: _Fields) -> ask.ContractQuery:
    return ask.ContractQuery(
        con_id=fields.integer(),
        symbol=fields.text(),
        sec_type=fields.text(),
        expiry=fields.text(),
        strike=fields.number(),
        right=fields.text(),
        multiplier=fields.text(),
        exchange=fields.text(),
        primary_exchange=fields.text(),
        currency=fields.text(),
        local_symbol=fields.text(),
        trading_class=fields.text(),
    )


def _contract_and_expired(fields: _Fields) -> ask.ContractQuery:
    """The contract plus `includeExpired`, which every request here writes right behind it."""
    contract = _contract(fields)
    return replace(contract, include_expired=fields.flag())


def _historical(fields: _Fields, _: int) -> ask.Request:
    req_id, contract = fields.integer(), _contract_and_expired(fields)
    end, bar_size, duration = fields.text(), fields.text(), fields.text()
    use_rth, what, format_date = fields.flag(), fields.text(), fields.integer()
    if contract.sec_type == "BAG":
        fields.skip(4 * fields.integer())
    keep_up_to_date = fields.flag()
    return ask.HistoricalRequest(req_id, contract, end, bar_size, duration, use_rth, what, format_date, keep_up_to_date)


def _head_timestamp(fields: _Fields, _: int) -> ask.Request:
    req_id, contract = fields.integer(), _contract_and_expired(fields)
    return ask.HeadTimestampRequest(req_id, contract, fields.flag(), fields.text(), fields.integer())


def _contract_data(fields: _Fields, version: int) -> ask.Request:
    fields.skip()
    req_id, contract = fields.integer(), _contract_and_expired(fields)
    contract = replace(contract, sec_id_type=fields.text(), sec_id=fields.text())
    if version >= ISSUER_ID:
        fields.skip()
    return ask.ContractRequest(req_id, contract)


def _start_api(fields: _Fields, _: int) -> ask.Request:
    fields.skip()
    return ask.StartApi(fields.integer(), fields.text())


def _account_data(fields: _Fields, _: int) -> ask.Request:
    fields.skip()
    return ask.AccountQuestion(6, account=fields.text()) if fields.flag() else ask.Notice(6)


def _account(message_id: int, *, versioned: bool, numbered: bool) -> Callable[[_Fields, int], ask.Request]:
    def read(fields: _Fields, _: int) -> ask.Request:
        fields.skip(int(versioned))
        return ask.AccountQuestion(message_id, fields.integer() if numbered else -1)

    return read


def _versioned_id(fields: _Fields) -> int:
    fields.skip()
    return fields.integer()


_READERS: dict[int, Callable[[_Fields, int], ask.Request]] = {
    5: _account(5, versioned=False, numbered=False),
    6: _account_data,
    7: _account(7, versioned=True, numbered=True),
    8: lambda _fields, _version: ask.NextId(),
    9: _contract_data,
    16: _account(16, versioned=False, numbered=False),
    17: lambda _fields, _version: ask.ManagedAccounts(),
    20: _historical,
    25: lambda fields, _version: ask.CancelHistorical(_versioned_id(fields)),
    49: lambda _fields, _version: ask.CurrentTime(),
    61: _account(61, versioned=False, numbered=False),
    62: _account(62, versioned=True, numbered=True),
    71: _start_api,
    74: _account(74, versioned=True, numbered=True),
    76: _account(76, versioned=True, numbered=True),
    78: _account(78, versioned=False, numbered=True),
    81: lambda fields, _version: ask.MatchingSymbolsRequest(fields.integer(), fields.text()),
    85: _account(85, versioned=False, numbered=False),
    87: _head_timestamp,
    90: lambda fields, _version: ask.CancelHeadTimestamp(fields.integer()),
    99: _account(99, versioned=False, numbered=False),
    105: lambda _fields, _version: ask.CurrentTime(in_milliseconds=True),
}
