"""Which server version turns what: the gates of the protocol, as numbers with names.

Message ids are those of the text protocol. In a protobuf frame the raw id is the same number plus `PROTOBUF_OFFSET`.
The client decides per message, by the negotiated version alone, whether it writes text or protobuf, and so do we.
"""

#: The oldest version whose layouts are written here (the oldest that clients in use still offer), and the newest.
OLDEST, NEWEST = 157, 225

ASCII_ESCAPES = 153
FRACTIONAL_SIZES = 163
SIZE_RULES = 164
HISTORICAL_SCHEDULE = 165
ORDER_REJECT_JSON = 166
INSTRUMENT_TIME_ZONE = 174
VOLUME_IN_SHARES = 175
ISSUER_ID = 176
FUND_FIELDS = 179
LAST_TRADE_DATE = 182
INELIGIBILITY = 186
ERROR_TIME = 194
SEPARATE_HISTORICAL_END = 196
CURRENT_TIME_IN_MILLIS = 197
BINARY_MESSAGE_ID = 201

PROTOBUF_OFFSET = 200

_ORDERS, _COMPLETED, _CONTRACTS, _QUOTES, _ACCOUNTS, _HISTORY = 203, 204, 205, 206, 207, 208
_NEWS, _SCANS, _REST_1, _REST_2, _REST_3 = 209, 210, 211, 212, 213

_REQUEST_GROUPS: tuple[tuple[int, tuple[int, ...]], ...] = (
    (BINARY_MESSAGE_ID, (7,)),
    (_ORDERS, (3, 4, 58)),
    (_COMPLETED, (5, 15, 16, 99)),
    (_CONTRACTS, (9,)),
    (_QUOTES, (1, 2, 10, 11, 59)),
    (_ACCOUNTS, (6, 17, 61, 62, 63, 64, 74, 75, 76, 77)),
    (_HISTORY, (20, 25, 50, 51, 87, 88, 89, 90, 96, 97, 98)),
    (_NEWS, (12, 13, 84, 85, 86, 100, 101, 102, 103)),
    (_SCANS, (22, 23, 24, 52, 53, 92, 93, 94, 95)),
    (_REST_1, (18, 19, 21, 54, 55, 56, 57)),
    (_REST_2, (78, 79, 80, 81, 83, 91, 104)),
    (_REST_3, (8, 14, 49, 65, 66, 67, 68, 69, 70, 71, 82, 105)),
    # Younger than protobuf itself: these never had a text form.
    (BINARY_MESSAGE_ID, (106, 107, 108, 109)),
)

#: Client message id → the version from which the client writes it as protobuf.
REQUEST_PROTOBUF_FROM: dict[int, int] = {message_id: version for version, ids in _REQUEST_GROUPS for message_id in ids}

#: Server message id → the version from which the server writes it as protobuf. 106 is inferred: no capture shows it.
ANSWER_PROTOBUF_FROM: dict[int, int] = {
    4: BINARY_MESSAGE_ID,
    9: _REST_3,
    10: _CONTRACTS,
    15: _ACCOUNTS,
    17: _HISTORY,
    49: _REST_3,
    52: _CONTRACTS,
    53: _COMPLETED,
    54: _ACCOUNTS,
    55: BINARY_MESSAGE_ID,
    62: _ACCOUNTS,
    64: _ACCOUNTS,
    72: _ACCOUNTS,
    74: _ACCOUNTS,
    76: _REST_2,
    79: _REST_2,
    85: _NEWS,
    88: _HISTORY,
    102: _COMPLETED,
    106: _REST_1,
    108: _HISTORY,
    109: _REST_3,
}


def answers_in_protobuf(version: int, message_id: int) -> bool:
    """Whether the server writes `message_id` as protobuf at this version."""
    return version >= ANSWER_PROTOBUF_FROM[message_id]
