"""Server messages as whole frames, each written the way the negotiated version demands."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ingest.simulator.wire import protobuf as pb
from ingest.simulator.wire.framing import framed, protobuf_frame, text_body, text_frame, text_payload
from ingest.simulator.wire.requests import ACCOUNT_ENDS, AccountQuestion
from ingest.simulator.wire.versions import (
    ASCII_ESCAPES,
    BINARY_MESSAGE_ID,
    ERROR_TIME,
    ORDER_REJECT_JSON,
    PROTOBUF_OFFSET,
    SEPARATE_HISTORICAL_END,
    answers_in_protobuf,
)

_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")


def managed_accounts(version: int, accounts: str) -> bytes:
    if answers_in_protobuf(version, 15):
        return protobuf_frame(15, pb.string(1, accounts))
    return text_frame(version, 15, 1, accounts)


def next_valid_id(version: int, order_id: int) -> bytes:
    if answers_in_protobuf(version, 9):
        return protobuf_frame(9, pb.integer(1, order_id))
    return text_frame(version, 9, 1, order_id)


def current_time(version: int, now: float, *, in_milliseconds: bool) -> bytes:
    message_id, value = (109, int(now * 1000)) if in_milliseconds else (49, int(now))
    if answers_in_protobuf(version, message_id):
        return protobuf_frame(message_id, pb.integer(1, value))
    return text_frame(version, message_id, *(() if in_milliseconds else (1,)), value)


def error(version: int, req_id: int, code: int, text: str, now: float) -> bytes:
    """An error, warning or notice; `req_id` −1 when it belongs to no request."""
    milliseconds = int(now * 1000)
    if answers_in_protobuf(version, 4):
        body = pb.integer(1, req_id) + pb.integer(2, milliseconds) + pb.integer(3, code) + pb.string(4, text)
        return protobuf_frame(4, body)
    head = () if version >= ERROR_TIME else (2,)
    tail = ("",) if version >= ORDER_REJECT_JSON else ()
    time = (milliseconds,) if version >= ERROR_TIME else ()
    return text_frame(version, 4, *head, req_id, code, escaped(version, text), *tail, *time)


def escaped(version: int, text: str) -> str:
    """Characters beyond ASCII as `\\uXXXX`, which clients of version 153 and later undo."""
    return _BEYOND_ASCII.sub(_escape, text) if version >= ASCII_ESCAPES else text


def _escape(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def historical_head(version: int, req_id: int, count: int, start: str, end: str) -> bytes:
    """What stands before the rows in a historical answer; `start` and `end` are in it up to version 195."""
    if answers_in_protobuf(version, 17):
        return pb.integer(1, req_id)
    window = () if version >= SEPARATE_HISTORICAL_END else (start, end)
    return text_body((req_id, *window, count))


def historical_data(version: int, head: bytes, rows: bytes) -> bytes:
    if answers_in_protobuf(version, 17):
        return protobuf_frame(17, head + rows)
    return framed(text_payload(version, 17, head + rows))


def historical_end(version: int, req_id: int, start: str, end: str) -> bytes:
    """The end marker; nothing before version 196, where the data frame itself is the end."""
    if version < SEPARATE_HISTORICAL_END:
        return b""
    if answers_in_protobuf(version, 108):
        return protobuf_frame(108, pb.integer(1, req_id) + pb.string(2, start) + pb.string(3, end))
    return text_frame(version, 108, req_id, start, end)


@dataclass(frozen=True, slots=True)
class ScheduledSession:
    """One session in the schedule's own spelling."""

    start: str
    end: str
    day: str


def historical_schedule(version: int, req_id: int, zone_name: str, sessions: Sequence[ScheduledSession]) -> bytes:
    """The SCHEDULE answer, from the first session's start to the last one's end; no end marker follows it."""
    start, end = sessions[0].start, sessions[-1].end
    if answers_in_protobuf(version, 106):
        body = pb.integer(1, req_id) + pb.string(2, start) + pb.string(3, end) + pb.string(4, zone_name)
        for one in sessions:
            body += pb.raw(5, pb.string(1, one.start) + pb.string(2, one.end) + pb.string(3, one.day))
        return protobuf_frame(106, body)
    rows = [text for one in sessions for text in (one.start, one.end, one.day)]
    return text_frame(version, 106, req_id, start, end, zone_name, len(sessions), *rows)


def head_timestamp(version: int, req_id: int, text: str) -> bytes:
    if answers_in_protobuf(version, 88):
        return protobuf_frame(88, pb.integer(1, req_id) + pb.string(2, text))
    return text_frame(version, 88, req_id, text)


def contract_data_end(version: int, req_id: int) -> bytes:
    if answers_in_protobuf(version, 52):
        return protobuf_frame(52, pb.integer(1, req_id))
    return text_frame(version, 52, 1, req_id)


#: End markers without a leading version field.
_UNVERSIONED = frozenset({76, 85, 102})


def account_end(version: int, question: AccountQuestion) -> bytes:
    """The end marker of an answer with nothing in it: an account without positions, orders or executions."""
    message_id = ACCOUNT_ENDS[question.message_id]
    numbered = question.req_id >= 0
    if answers_in_protobuf(version, message_id):
        body = pb.integer(1, question.req_id) if numbered else pb.string(1, question.account)
        return protobuf_frame(message_id, body)
    fields: list[object] = [] if message_id in _UNVERSIONED else [1]
    if numbered:
        fields.append(question.req_id)
    elif question.message_id == 6:
        fields.append(question.account)
    elif message_id == 85:
        fields.append(0)
    return text_frame(version, message_id, *fields)


def unknown_message(version: int, message_id: int = 199) -> bytes:
    """A message no client knows."""
    if version >= BINARY_MESSAGE_ID:
        message_id += PROTOBUF_OFFSET
    return framed(text_payload(version, message_id, text_body((1, "?"))))
