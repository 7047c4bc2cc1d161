"""The few bytes of protobuf that are read by hand: a leading request id, without parsing the message behind it."""


def leading_request_id(body: bytes) -> int:
    """Field 1 of a message that starts with it (all of IB's answers do). Raises ValueError when it does not."""
    value, end = varint(body, 1) if body[:1] == b"\x08" else (0, 0)
    if not end:
        raise ValueError(f"no request id in front of {body[:16]!r}")
    return value - (1 << 64) if value >= 1 << 63 else value


def varint(body: bytes, start: int) -> tuple[int, int]:
    """The unsigned number at `start` and the position behind it. Raises ValueError when it is cut off."""
    value = shift = 0
    for position in range(start, min(start + 10, len(body))):
        byte = body[position]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position + 1
        shift += 7
    raise ValueError(f"a number is cut off at byte {start} of {len(body)}")
