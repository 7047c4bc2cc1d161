"""Arrow bars as PostgreSQL's binary wire forms, a column at a time: COPY rows and array parameters.

A COPY row has a fixed width as long as the same fields are null, so rows are grouped by which are (three nullable
fields, eight groups at most); each group is one big-endian structured array. Row order inside a COPY means nothing.
NaN in a nullable column is "not available" here as in IB's own −1, so it is written as null.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import psycopg
import pyarrow as pa
from psycopg import pq
from psycopg.adapt import Dumper

from ingest.domain.bars import BAR_SCHEMA

Column = npt.NDArray[np.generic]

NO_COUNT = -(2**31)  # stands for a null bar_count inside an array parameter and in what is read
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_POSTGRES_EPOCH = np.datetime64("2000-01-01", "us").astype(np.int64)
_NULLABLE = ("volume", "wap", "bar_count")
_KINDS = {"ts": "i8", "bar_count": "i4"}  # the rest are f8; so for the type numbers below
_ELEMENT_OIDS, _FLOAT_OID = {"ts": 1184, "bar_count": 23}, 701
_ARRAY_OIDS, _FLOAT_ARRAY_OID = {"ts": 1185, "bar_count": 1007}, 1022
_ARRAY_HEAD_BYTES = 20  # dimensions, null flag, element type, length, lower bound


@dataclass(frozen=True, slots=True)
class ArrayParameter:
    """A one-dimensional array without nulls, in PostgreSQL's binary form."""

    oid: int
    payload: bytes


class _ArrayDumper(Dumper):
    format = pq.Format.BINARY

    def dump(self, obj: ArrayParameter) -> bytes:
        return obj.payload

    def get_key(self, obj: ArrayParameter, _format: object) -> tuple[type, int]:  # type: ignore[override]
        return (self.cls, obj.oid)

    def upgrade(self, obj: ArrayParameter, _format: object) -> "_ArrayDumper":
        typed = _ArrayDumper(self.cls)
        typed.oid = obj.oid
        return typed


psycopg.adapters.register_dumper(ArrayParameter, _ArrayDumper)


def copy_rows(table: pa.Table, keys: Mapping[str, Column], order: tuple[str, ...]) -> Iterator[bytes | memoryview]:
    """A whole binary COPY of `table` (BAR_SCHEMA) and `keys` (int32 or int64, one value per row), fields in `order`."""
    columns = bar_columns(table) | dict(keys)
    missing = {name: _is_null(name, columns[name]) for name in _NULLABLE}
    pattern = sum((missing[name].astype(np.uint8) << bit for bit, name in enumerate(_NULLABLE)), np.uint8(0))
    yield _HEADER
    for kind in np.unique(pattern):
        absent = {name for bit, name in enumerate(_NULLABLE) if kind >> bit & 1}
        chosen = slice(None) if not absent and not pattern.any() else np.flatnonzero(pattern == kind)
        yield _fixed_width({name: columns[name][chosen] for name in order}, absent)
    yield _TRAILER


def array_parameters(table: pa.Table) -> dict[str, ArrayParameter]:
    """Each column of a bar table as an array parameter; null is NaN, or `NO_COUNT` in bar_count."""
    return {name: _array(name, column) for name, column in bar_columns(table).items()}


def bar_columns(table: pa.Table) -> dict[str, Column]:
    """Columns as numpy: `ts` in PostgreSQL microseconds (int64), null as NaN or `NO_COUNT`."""
    columns: dict[str, Column] = {}
    for name in table.column_names:
        column = table[name]
        if name == "ts":
            columns[name] = column.cast(pa.int64()).to_numpy() - _POSTGRES_EPOCH
        elif name == "bar_count":
            columns[name] = column.fill_null(NO_COUNT).to_numpy()
        else:
            columns[name] = column.to_numpy()
    return columns


def bar_column(name: str, array: bytes) -> pa.Array:
    """The inverse of an array parameter: a column of BAR_SCHEMA from a binary array as the server sends it."""
    kind = BAR_SCHEMA.field(name).type
    values = np.frombuffer(array, _element(np.dtype(_KINDS.get(name, "f8"))), offset=_ARRAY_HEAD_BYTES)["value"]
    values = values.astype(values.dtype.newbyteorder("="))
    if name == "ts":
        return pa.array(values + _POSTGRES_EPOCH).cast(kind)
    return pa.array(values, kind, mask=_is_null(name, values) if name in _NULLABLE else None)


def _is_null(name: str, column: Column) -> npt.NDArray[np.bool_]:
    return column == NO_COUNT if name == "bar_count" else np.isnan(column)


def _fixed_width(columns: Mapping[str, Column], absent: set[str]) -> memoryview:
    """Rows in which exactly `absent` are null: field count, then for each field its length and its value."""
    parts: list[tuple[str, str]] = [("fields", ">i2")]
    for name, column in columns.items():
        parts.append((f"{name} length", ">i4"))
        if name not in absent:
            parts.append((name, column.dtype.newbyteorder(">").str))
    sample = np.zeros((), dtype=parts)
    sample["fields"] = len(columns)
    for name, column in columns.items():
        sample[f"{name} length"] = -1 if name in absent else column.dtype.itemsize
    rows = np.frombuffer(bytearray(sample.tobytes()) * len(next(iter(columns.values()))), sample.dtype)
    for name, column in columns.items():
        if name not in absent:
            rows[name] = column
    return rows.view(np.uint8).data


def _array(name: str, column: Column) -> ArrayParameter:
    head = np.array([1, 0, _ELEMENT_OIDS.get(name, _FLOAT_OID), len(column), 1], dtype=">i4")
    body = np.empty(len(column), dtype=_element(column.dtype))
    body["length"] = column.dtype.itemsize
    body["value"] = column
    return ArrayParameter(_ARRAY_OIDS.get(name, _FLOAT_ARRAY_OID), head.tobytes() + body.tobytes())


def _element(kind: np.dtype[np.generic]) -> np.dtype[np.void]:
    return np.dtype([("length", ">i4"), ("value", kind.newbyteorder(">"))])
