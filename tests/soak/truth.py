"""What a database holds against the market that the simulator serves: the same bars, not one more or less."""

import numpy as np
import pyarrow as pa

from ingest.domain.what import WhatToShow
from ingest.domain.window import Window
from ingest.simulator.market.types import BAR_SIZES, Bars, Market
from ingest.store.series import SeriesRow


def true_bars(market: Market, row: SeriesRow, span: Window) -> Bars:
    """The market's bars of a series."""
    series = row.series
    contract = next(one for one in market.contracts() if one.con_id == series.instrument.con_id)
    size = next(each for each in BAR_SIZES if each.text == series.bar_size.value)
    start, end = int(span.start.timestamp()), int(span.end.timestamp())
    return market.bars(contract, series.what.value, size, start, end, use_rth=series.use_rth)


def difference(market: Market, row: SeriesRow, held: pa.Table, span: Window, *, exactly: bool = False) -> str:
    """What is wrong with what is held, in a few words; empty when nothing is.

    A span may reach further than what was asked for, unless it is held `exactly`.
    """
    truth = true_bars(market, row, span)
    got = held["ts"].cast("int64").to_numpy() // 1_000_000
    if not len(got):
        return "nothing is held"
    both = np.ones(len(truth), bool) if exactly else (truth.start >= got[0]) & (truth.start <= got[-1])
    if not np.array_equal(got, truth.start[both]):
        return f"{len(got)} bars held, {int(both.sum())} exist"
    near = 0.0005 if row.series.what is WhatToShow.BID_ASK else 0.0  # averages are sent with three decimals
    for name in ("open", "high", "low", "close"):
        if not np.allclose(held[name].to_numpy(), getattr(truth, name)[both], rtol=0, atol=near + 1e-9):
            return f"{name} differs"
    return ""
