"""Message 17: NUL-separated fields → one Arrow string buffer → one cast to float64.

124..195: reqId start end n {date open high low close volume wap count}*n     the end is implied
from 196: reqId n {…}*n                                                       message 108 ends the request
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ingest.gateway.columns import COLUMNS, Columns, Unreadable
from ingest.gateway.exact import read_rows

SEPARATE_END_FROM = 196
_WIDTH = len(COLUMNS)


def read(body: bytes, server_version: int, *, daily: bool) -> Columns:
    """The message's bars as Columns. Raises Unreadable when the count or a field is wrong."""
    header = 2 if server_version >= SEPARATE_END_FROM else 4
    ends = np.flatnonzero(np.frombuffer(body, np.uint8) == 0)
    if len(ends) < header or (body and body[-1]):
        raise Unreadable(f"it ends in the middle of a field, after {len(ends)} of them")
    message = TextBars(body, ends, header)
    announced = message.announced
    if len(ends) - header != announced * _WIDTH:
        held = (len(ends) - header) / _WIDTH
        raise Unreadable(f"{announced} bars were announced and {held:g} came", str(announced))
    numbers = message.cast()
    if numbers is None:
        return read_rows(message.rows(), message, daily=daily)
    table = numbers.reshape(announced, _WIDTH).T.copy()
    return Columns(tuple(table), message)


@dataclass(frozen=True, slots=True)
class TextBars:
    """A message 17 with the positions of its NULs; `header` fields come before the bars."""

    body: bytes
    ends: NDArray[np.int64]
    header: int

    @property
    def announced(self) -> int:
        text = self.field(self.header - 1)
        if not text.isdigit():
            raise Unreadable(f"the number of bars is {text!r}", text)
        return int(text)

    def field(self, number: int) -> str:
        start = int(self.ends[number - 1]) + 1 if number else 0
        return self.body[start : int(self.ends[number])].decode("utf-8", "replace")

    def raw(self, row: int, column: int) -> str:
        return self.field(self.header + row * _WIDTH + column)

    def rows(self) -> list[list[str]]:
        texts = self.body.decode("utf-8", "replace").split("\0")[self.header : -1]
        return [texts[at : at + _WIDTH] for at in range(0, len(texts), _WIDTH)]

    def cast(self) -> NDArray[np.float64] | None:
        """All fields behind the header as numbers; None when one of them is not a plain number."""
        offsets = np.empty(len(self.ends) + 1, np.int32)
        offsets[0] = 0
        np.subtract(self.ends, np.arange(len(self.ends)), out=offsets[1:], casting="unsafe")
        packed = self.body.translate(None, b"\0")
        texts = pa.StringArray.from_buffers(len(self.ends), pa.py_buffer(offsets), pa.py_buffer(packed))
        try:
            numbers = pc.cast(texts[self.header :], pa.float64())
        except pa.ArrowInvalid:
            return None
        return np.asarray(numbers.to_numpy(zero_copy_only=False))
