"""Requests written as protobuf: the same values as in text, by field number. False and empty scalars are absent."""

from collections.abc import Callable

from ingest.simulator.wire import protobuf as pb
from ingest.simulator.wire import requests as ask


def decode_protobuf(message_id: int, body: bytes) -> ask.Request:
    """The request in a protobuf body; raises `MalformedRequest`."""
    try:
        fields = pb.parse(body)
        reader = _READERS.get(message_id)
        return reader(fields) if reader else _unnamed(message_id, fields, body)
    except ValueError as error:
        raise ask.MalformedRequest(message_id, str(error)) from error


def _unnamed(message_id: int, fields: pb.Parsed, body: bytes) -> ask.Request:
    if message_id in ask.NOTICES:
        return ask.Notice(message_id)
    identity = fields.get(1, [-1])[-1]
    number = pb.get_integer(fields, 1) if isinstance(identity, int) else -1
    if message_id in ask.ORDER_MESSAGES:
        return ask.OrderMessage(message_id, number)
    if message_id in _UNSIMULATED:
        return ask.Unsimulated(message_id, number)
    return ask.Unknown(message_id, body)


_UNSIMULATED = frozenset(
    {1, 10, 12, 18, 22, 24, 50, 52, 54, 55, 65, 66, 67, 68, 69, 79, 80, 82, 83, 84, 86, 88, 91, 92, 94, 96, 97, 100}
    | {102, 104, 108}
)


def _number(value: float) -> str:
    """A multiplier travels as a double; contracts spell it as text."""
    return "" if value == 0 else str(int(value)) if value.is_integer() else str(value)


def _contract(body: bytes) -> ask.ContractQuery:
    fields = pb.parse(body)
    return ask.ContractQuery(
        con_id=pb.get_integer(fields, 1),
        symbol=pb.get_string(fields, 2),
        sec_type=pb.get_string(fields, 3),
        expiry=pb.get_string(fields, 4),
        strike=pb.get_double(fields, 5),
        right=pb.get_string(fields, 6),
        multiplier=_number(pb.get_double(fields, 7)),
        exchange=pb.get_string(fields, 8),
        primary_exchange=pb.get_string(fields, 9),
        currency=pb.get_string(fields, 10),
        local_symbol=pb.get_string(fields, 11),
        trading_class=pb.get_string(fields, 12),
        include_expired=pb.get_flag(fields, 18),
        sec_id_type=pb.get_string(fields, 13),
        sec_id=pb.get_string(fields, 14),
    )


def _historical(fields: pb.Parsed) -> ask.Request:
    return ask.HistoricalRequest(
        req_id=pb.get_integer(fields, 1),
        contract=_contract(pb.get_bytes(fields, 2)),
        end=pb.get_string(fields, 3),
        bar_size=pb.get_string(fields, 4),
        duration=pb.get_string(fields, 5),
        use_rth=pb.get_flag(fields, 6),
        what=pb.get_string(fields, 7),
        format_date=pb.get_integer(fields, 8),
        keep_up_to_date=pb.get_flag(fields, 9),
    )


def _head_timestamp(fields: pb.Parsed) -> ask.Request:
    return ask.HeadTimestampRequest(
        req_id=pb.get_integer(fields, 1),
        contract=_contract(pb.get_bytes(fields, 2)),
        use_rth=pb.get_flag(fields, 3),
        what=pb.get_string(fields, 4),
        format_date=pb.get_integer(fields, 5),
    )


def _account_data(fields: pb.Parsed) -> ask.Request:
    if not pb.get_flag(fields, 1):
        return ask.Notice(6)
    return ask.AccountQuestion(6, account=pb.get_string(fields, 2))


def _account(message_id: int, *, numbered: bool) -> Callable[[pb.Parsed], ask.Request]:
    return lambda fields: ask.AccountQuestion(message_id, pb.get_integer(fields, 1) if numbered else -1)


_READERS: dict[int, Callable[[pb.Parsed], ask.Request]] = {
    5: _account(5, numbered=False),
    6: _account_data,
    7: _account(7, numbered=True),
    8: lambda _fields: ask.NextId(),
    9: lambda fields: ask.ContractRequest(pb.get_integer(fields, 1), _contract(pb.get_bytes(fields, 2))),
    16: _account(16, numbered=False),
    17: lambda _fields: ask.ManagedAccounts(),
    20: _historical,
    25: lambda fields: ask.CancelHistorical(pb.get_integer(fields, 1)),
    49: lambda _fields: ask.CurrentTime(),
    61: _account(61, numbered=False),
    62: _account(62, numbered=True),
    71: lambda fields: ask.StartApi(pb.get_integer(fields, 1), pb.get_string(fields, 2)),
    74: _account(74, numbered=True),
    76: _account(76, numbered=True),
    78: _account(78, numbered=True),
    81: lambda fields: ask.MatchingSymbolsRequest(pb.get_integer(fields, 1), pb.get_string(fields, 2)),
    85: _account(85, numbered=False),
    87: _head_timestamp,
    90: lambda fields: ask.CancelHeadTimestamp(pb.get_integer(fields, 1)),
    99: _account(99, numbered=False),
    105: lambda _fields: ask.CurrentTime(in_milliseconds=True),
}
