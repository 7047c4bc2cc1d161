"""Just enough of the protobuf wire format to read requests and write answers, without generated classes.

A parsed message is a mapping from field number to its values in order of arrival; scalars keep their wire form until
asked for. Fields with explicit presence are written even when zero: real captures carry `strike = 0.0`.
"""

import struct
from collections.abc import Mapping

Parsed = Mapping[int, list[int | bytes]]

_DOUBLE = struct.Struct("<d")
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class ProtobufError(ValueError):
    """The bytes are not a protobuf message."""


def varint(value: int) -> bytes:
    """Negative numbers take ten bytes, as int32 and int64 do on the wire."""
    value &= 0xFFFF_FFFF_FFFF_FFFF
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def tag(number: int, wire_type: int) -> bytes:
    return varint(number << 3 | wire_type)


def integer(number: int, value: int) -> bytes:
    return tag(number, _VARINT) + varint(value)


def double(number: int, value: float) -> bytes:
    return tag(number, _FIXED64) + _DOUBLE.pack(value)


def raw(number: int, value: bytes) -> bytes:
    """A length-delimited field: an embedded message, or a string already encoded."""
    return tag(number, _BYTES) + varint(len(value)) + value


def string(number: int, value: str) -> bytes:
    """A string field, absent when empty as the Gateway leaves it."""
    return raw(number, value.encode()) if value else b""


def parse(data: bytes) -> dict[int, list[int | bytes]]:
    """Every field of a message; raises `ProtobufError` on anything malformed."""
    fields: dict[int, list[int | bytes]] = {}
    at = 0
    while at < len(data):
        key, at = _read_varint(data, at)
        value, at = _read_value(data, at, key & 7)
        fields.setdefault(key >> 3, []).append(value)
    return fields


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise ProtobufError("a number runs past the end")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ProtobufError("a number longer than ten bytes")


def _read_value(data: bytes, at: int, wire_type: int) -> tuple[int | bytes, int]:
    if wire_type == _VARINT:
        return _read_varint(data, at)
    if wire_type == _BYTES:
        length, at = _read_varint(data, at)
    elif wire_type in (_FIXED64, _FIXED32):
        length = 8 if wire_type == _FIXED64 else 4
    else:
        raise ProtobufError(f"wire type {wire_type}")
    if at + length > len(data):
        raise ProtobufError("a field runs past the end")
    return data[at : at + length], at + length


def get_integer(fields: Parsed, number: int, default: int = 0) -> int:
    """A signed integer field."""
    value = fields.get(number, [default])[-1]
    if isinstance(value, bytes):
        raise ProtobufError(f"field {number} is not a number")
    return value - (1 << 64) if value >= 1 << 63 else value


def get_flag(fields: Parsed, number: int) -> bool:
    return get_integer(fields, number) != 0


def get_bytes(fields: Parsed, number: int) -> bytes:
    value = fields.get(number, [b""])[-1]
    if isinstance(value, int):
        raise ProtobufError(f"field {number} is not length-delimited")
    return value


def get_string(fields: Parsed, number: int) -> str:
    try:
        return get_bytes(fields, number).decode()
    except UnicodeDecodeError as error:
        raise ProtobufError(f"field {number} is not UTF-8") from error


def get_double(fields: Parsed, number: int) -> float:
    value = get_bytes(fields, number)
    if not value:
        return 0.0
    if len(value) != 8:
        raise ProtobufError(f"field {number} is not a double")
    return float(_DOUBLE.unpack(value)[0])
