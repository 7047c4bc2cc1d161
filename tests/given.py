"""Instruments, series and windows that many tests start from, and Hypothesis strategies for them."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from ingest.domain.bar_size import BarSize
from ingest.domain.bars import BAR_SCHEMA, BarBatch
from ingest.domain.instrument import Instrument
from ingest.domain.ledger import Entry, Ledger, State
from ingest.domain.series import Series
from ingest.domain.what import WhatToShow
from ingest.domain.window import Window

AAPL = Instrument(265598, "AAPL", "STK", "SMART", "USD", primary_exchange="NASDAQ", local_symbol="AAPL")
ES = Instrument(495512563, "ES", "FUT", "CME", "USD", local_symbol="ESZ4", expiry="20241220", multiplier="50")
EURUSD = Instrument(12087792, "EUR", "CASH", "IDEALPRO", "USD", local_symbol="EUR.USD")
BTC = Instrument(479624278, "BTC", "CRYPTO", "PAXOS", "USD")
UNKNOWN_EXCHANGE = Instrument(77, "ODD", "STK", "NOWHERE", "XTS", time_zone_id="Asia/Calcutta")

ZERO = datetime(2024, 1, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def at(text: str) -> datetime:
    """`2024-01-02` or `2024-01-02 14:30`, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def window(start: str, end: str) -> Window:
    return Window(at(start), at(end))


def series(
    instrument: Instrument = AAPL,
    bar_size: BarSize = BarSize.MIN_1,
    what: WhatToShow = WhatToShow.TRADES,
    *,
    use_rth: bool = True,
) -> Series:
    return Series(instrument, bar_size, what, use_rth)


def bars_at(*moments: datetime) -> BarBatch:
    """Bars of price 100 and volume 10 at these instants."""
    many = len(moments)
    price = np.full(many, 100.0)
    columns = [list(moments), price, price, price, price, np.full(many, 10.0), price, np.full(many, 1, dtype=np.int32)]
    return BarBatch(pa.table([pa.array(c, f.type) for c, f in zip(columns, BAR_SCHEMA, strict=True)], BAR_SCHEMA))


def bars_every(step: timedelta, held: Window) -> BarBatch:
    """A bar at every step of the window."""
    return bars_at(*(held.start + n * step for n in range(held.span // step)))


def windows_on_grid(minutes: int = 240) -> st.SearchStrategy[Window]:
    """Windows on a minute grid of `minutes` from ZERO."""
    edges = st.tuples(st.integers(0, minutes - 1), st.integers(1, minutes)).filter(lambda pair: pair[0] < pair[1])
    return edges.map(lambda pair: Window(ZERO + pair[0] * MINUTE, ZERO + pair[1] * MINUTE))


def minutes_of(windows: "tuple[Window, ...] | list[Window]") -> set[int]:
    """The minutes (from ZERO) that a set of windows holds: the naive model of window arithmetic."""
    return {m for w in windows for m in range((w.start - ZERO) // MINUTE, (w.end - ZERO) // MINUTE)}


def entries_on_grid(minutes: int = 240) -> st.SearchStrategy[Entry]:
    def entry(held: Window, state: State) -> Entry:
        return Entry(held, state, "because" if state is State.FAILED else "")

    return st.builds(entry, windows_on_grid(minutes), st.sampled_from(list(State)))


def ledgers_on_grid(minutes: int = 240) -> st.SearchStrategy[Ledger]:
    return st.lists(entries_on_grid(minutes), max_size=8).map(lambda entries: Ledger().record(*entries))
