"""Message 217: `HistoricalData{1 reqId, 2 repeated HistoricalDataBar}`, its fields gathered at computed positions.

    HistoricalDataBar{1 date str, 2..5 open high low close double, 6 volume str, 7 WAP str, 8 barCount int32}

Nothing is walked bar by bar; all is arithmetic on arrays of positions. A bar with another layout (a field that is
missing, new, or in another order) sends the whole message through protobuf's own parser.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from google.protobuf.message import DecodeError
from ibapi.protobuf.HistoricalData_pb2 import HistoricalData
from numpy.typing import NDArray

from ingest.gateway.columns import Columns, Unreadable
from ingest.gateway.exact import read_rows
from ingest.gateway.protobuf import varint

_PRICES = np.dtype(
    [
        ("open_tag", "u1"),
        ("open", "<f8"),
        ("high_tag", "u1"),
        ("high", "<f8"),
        ("low_tag", "u1"),
        ("low", "<f8"),
        ("close_tag", "u1"),
        ("close", "<f8"),
        ("volume_tag", "u1"),
        ("volume_size", "u1"),
    ]
)
_PRICE_NAMES = ("open", "high", "low", "close")
_TAGS = {"open_tag": 0x11, "high_tag": 0x19, "low_tag": 0x21, "close_tag": 0x29, "volume_tag": 0x32}
_DATE_TAG, _WAP_TAG, _COUNT_TAG, _BAR_TAG = 0x0A, 0x3A, 0x40, 0x12
_FIELDS = ("date", "open", "high", "low", "close", "volume", "WAP", "barCount")

Positions = NDArray[np.int64]


class _OtherLayout(Exception):
    """The bars are not laid out as they always are; parse them properly."""


def read(body: bytes, *, daily: bool) -> Columns:
    """The message's bars as Columns. Raises Unreadable when it is not such a message."""
    source = ProtobufBars(body)
    try:
        return Columns(_gather(body, *_find(body)), source)
    except (_OtherLayout, pa.ArrowInvalid):
        return read_rows(source.rows(), source, daily=daily)


@dataclass(frozen=True, slots=True)
class ProtobufBars:
    """A message 217, parsed by protobuf itself whenever somebody wants to see a raw value."""

    body: bytes

    def rows(self) -> list[list[str]]:
        """Every bar as eight texts; a missing volume, wap or count is empty. Raises Unreadable."""
        message = HistoricalData()
        try:
            message.ParseFromString(self.body)
        except DecodeError as error:
            raise Unreadable(f"protobuf cannot parse it ({error})", self.body[:40].hex()) from error
        return [_texts(bar) for bar in message.historicalDataBars]

    def raw(self, row: int, column: int) -> str:
        return self.rows()[row][column]


def _texts(bar: object) -> list[str]:
    present = {field.name for field, _ in bar.ListFields()}  # type: ignore[attr-defined]
    return [str(getattr(bar, name)) if name in present else "" for name in _FIELDS]


def _find(body: bytes) -> tuple[Positions, Positions]:
    """Where each bar starts and ends: wherever the first bar's opening bytes come again, one right behind the other.

    The opening is `12 <size> 0a <length of the date> <date> 11`, and all dates of a message are equally long. A chance
    repetition inside a price (it takes four bytes) breaks the chain and sends the message to the proper parser.
    """
    raw = np.frombuffer(body, np.uint8)
    try:
        _, first = varint(body, 1) if body[:1] == b"\x08" else (0, 0)
    except ValueError:
        raise _OtherLayout from None
    _require(first)
    if first == len(body):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    _require(first + 4 < len(body))
    date_size = body[first + 3]
    found = np.flatnonzero(raw == _BAR_TAG)
    found = found[(found >= first) & (found + 4 + date_size < len(body))]
    found = found[raw[found + 2] == _DATE_TAG]
    found = found[(raw[found + 3] == date_size) & (raw[found + 4 + date_size] == _TAGS["open_tag"])]
    _require(len(found) and (raw[found + 1] < 0x80).all())
    starts = found + 2
    ends = starts + raw[found + 1]
    _require(found[0] == first and (found[1:] == ends[:-1]).all() and ends[-1] == len(body))
    return starts, ends


def _gather(body: bytes, starts: Positions, ends: Positions) -> tuple[NDArray[np.float64], ...]:
    """The eight columns. Raises _OtherLayout unless every bar has all eight fields in order, and nothing else."""
    if not len(starts):
        return tuple(np.empty(0) for _ in _FIELDS)
    raw = np.frombuffer(body, np.uint8)
    _require((ends - starts >= 2).all() and (raw[starts] == _DATE_TAG).all())
    date = starts + 2
    date_end = date + raw[starts + 1]
    prices = _prices(body, date_end, ends)
    volume = date_end + _PRICES.itemsize
    volume_end = volume + prices["volume_size"]
    _require((volume_end + 2 < ends).all() and (raw[volume_end] == _WAP_TAG).all())
    wap = volume_end + 2
    wap_end = wap + raw[volume_end + 1]
    _require((wap_end + 1 < ends).all() and (raw[wap_end] == _COUNT_TAG).all())
    count = _counts(raw, wap_end + 1, ends)
    texts = _numbers(body, np.column_stack([date, date_end, volume, volume_end, wap, wap_end]))
    columns = [np.ascontiguousarray(prices[name]) for name in _PRICE_NAMES]
    return (texts[:, 0], *columns, texts[:, 1], texts[:, 2], count)


def _prices(body: bytes, at: Positions, ends: Positions) -> NDArray[np.void]:
    """The four doubles and the tags around them: one record of 38 bytes per bar, read wherever it lies."""
    _require((at + _PRICES.itemsize <= ends).all())
    # As opaque bytes: gathering a structured type copies field by field, ten times slower.
    everywhere = np.ndarray((len(body) - _PRICES.itemsize + 1,), f"V{_PRICES.itemsize}", body, strides=(1,))
    records = everywhere[at].view(_PRICES)
    _require(all((records[name] == tag).all() for name, tag in _TAGS.items()))
    _require((records["volume_size"] < 0x80).all())
    return records


def _numbers(body: bytes, bounds: Positions) -> NDArray[np.float64]:
    """Three texts per bar as numbers: the payload itself is Arrow's string buffer, gaps between texts included."""
    offsets = np.empty(bounds.size + 1, np.int32)
    offsets[0] = 0
    offsets[1:] = bounds.ravel()
    pieces = pa.BinaryArray.from_buffers(pa.binary(), bounds.size, [None, pa.py_buffer(offsets), pa.py_buffer(body)])
    texts = pieces.take(pa.array(np.arange(1, bounds.size, 2))).view(pa.string())
    numbers = pc.cast(texts, pa.float64()).to_numpy(zero_copy_only=False)
    return np.ascontiguousarray(numbers.reshape(-1, 3).T).T


def _counts(raw: NDArray[np.uint8], at: Positions, ends: Positions) -> NDArray[np.float64]:
    """The varint that fills the rest of each bar as an int32; −1 takes ten bytes."""
    sizes = ends - at
    widest = int(sizes.max())
    _require(widest <= 10)
    value = np.zeros(len(at), np.uint64)
    for step in range(widest):
        inside = step < sizes
        byte = raw[np.minimum(at + step, len(raw) - 1)]
        _require(((byte >= 0x80) == (step < sizes - 1))[inside].all())
        if step < 5:
            value |= np.where(inside, byte & 0x7F, 0).astype(np.uint64) << np.uint64(7 * step)
    return value.astype(np.uint32).view(np.int32).astype(np.float64)


def _require(condition: object) -> None:
    if not condition:
        raise _OtherLayout
