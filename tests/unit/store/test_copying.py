"""The wire forms against a decoder that goes byte by byte, as PostgreSQL's documentation describes them."""

import struct
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from ingest.domain.bars import BAR_SCHEMA
from ingest.store.copying import array_parameters, bar_column, copy_rows

ORDER = ("series_id", *BAR_SCHEMA.names, "request_id")
FORMATS = {"series_id": "i", "ts": "q", "bar_count": "i", "request_id": "q"}
PG_ZERO = datetime(2000, 1, 1, tzinfo=UTC)


def decoded(stream: bytes) -> list[tuple[Any, ...]]:
    assert stream[:19] == b"PGCOPY\n\xff\r\n\0" + bytes(8)
    rows: list[tuple[Any, ...]] = []
    at = 19
    while True:
        (fields,) = struct.unpack_from(">h", stream, at)
        at += 2
        if fields == -1:
            assert at == len(stream)
            return rows
        row = []
        for name in ORDER[:fields]:
            (length,) = struct.unpack_from(">i", stream, at)
            at += 4
            value = None
            if length >= 0:
                (value,) = struct.unpack_from(">" + FORMATS.get(name, "d"), stream, at)
                at += length
            row.append(PG_ZERO + timedelta(microseconds=value) if name == "ts" and value is not None else value)
        rows.append(tuple(row))


def table(volumes: list[float | None], waps: list[float | None], counts: list[int | None]) -> pa.Table:
    many = len(volumes)
    ts = [datetime(1995, 6, 1, tzinfo=UTC) + timedelta(days=n, microseconds=n) for n in range(many)]
    prices = [[price + n for n in range(many)] for price in (1.5, 2.5, -0.5, 1.0)]
    columns = [ts, *prices, volumes, waps, counts]
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, BAR_SCHEMA, strict=True)], BAR_SCHEMA)


def copied(bars: pa.Table) -> list[tuple[Any, ...]]:
    keys = {
        "series_id": np.arange(bars.num_rows, dtype=np.int32) + 7,
        "request_id": np.full(bars.num_rows, 2**40, dtype=np.int64),
    }
    return decoded(b"".join(copy_rows(bars, keys, ORDER)))


def expected(bars: pa.Table) -> list[tuple[Any, ...]]:
    rows = zip(*(bars[name].to_pylist() for name in BAR_SCHEMA.names), strict=True)
    return [(7 + n, *row, 2**40) for n, row in enumerate(rows)]


def test_every_pattern_of_nulls_arrives_as_it_was() -> None:
    patterns = [(v, w, c) for v in (None, 10.0) for w in (None, -3.25) for c in (None, 0)]
    bars = table(*map(list, zip(*patterns, *reversed(patterns), strict=True)))
    assert sorted(copied(bars), key=lambda row: row[0]) == expected(bars)


@pytest.mark.parametrize("value", [None, 5.0])
def test_bars_of_one_pattern_keep_their_order(value: float | None) -> None:
    bars = table([value] * 50, [value] * 50, [1] * 50)
    assert copied(bars) == expected(bars)


def test_no_bars_are_an_empty_copy() -> None:
    assert copied(BAR_SCHEMA.empty_table()) == []


def test_not_a_number_is_null_where_null_can_be() -> None:
    ((_, _, _, _, _, _, volume, wap, _, _),) = copied(table([float("nan")], [float("nan")], [3]))
    assert (volume, wap) == (None, None)


def test_bars_in_several_arrow_chunks_are_one_copy() -> None:
    one, other = table([1.0, None], [None, 2.0], [1, None]), table([3.0], [4.0], [5])
    assert len(copied(pa.concat_tables([one, other]))) == 3


def test_array_parameters_are_read_back_as_the_same_columns() -> None:
    bars = table([1.0, None, 3.0], [None, None, 2.5], [None, 2, 3])
    parameters = array_parameters(bars)
    back = pa.table([bar_column(name, parameters[name].payload) for name in BAR_SCHEMA.names], BAR_SCHEMA)
    assert back.equals(bars)
    assert [parameters[name].oid for name in ("ts", "open", "bar_count")] == [1185, 1022, 1007]
