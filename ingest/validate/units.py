"""Whether an answer's volumes are in lots of 100 shares instead of shares. Pure.

TWS has a box "Send market data in lots for US stocks", which some start-up scripts tick. Nothing in the answer says so,
but lots betray themselves: shares divided by 100 have two decimals nearly everywhere, and hardly more than one "share"
to a trade. Whole answers are judged, never single bars; real fractional shares have more decimals or larger trades.
"""

import numpy as np
import numpy.typing as npt

from ingest.domain.bars import BarBatch
from ingest.domain.series import Series

#: Fewer bars with a volume than this prove nothing.
_FEWEST = 5
_MOSTLY = 0.8
#: IB's trades of US stocks are tens to hundreds of shares on average; the same in lots is about one.
_SHARES_PER_TRADE = 5.0

IN_LOTS = (
    "volumes seem to be in lots of 100: untick 'Send market data in lots for US stocks' in the API settings of TWS, "
    "then run again"
)


def in_lots(series: Series, batch: BarBatch) -> bool:
    """Whether the volumes of US stocks look like hundredths of themselves."""
    instrument = series.instrument
    if instrument.sec_type != "STK" or instrument.currency != "USD":
        return False
    volume, count = _column(batch, "volume"), _column(batch, "bar_count")
    traded = (volume > 0) & (count > 0)
    if traded.sum() < _FEWEST:
        return False
    volume, count = volume[traded], count[traded]
    hundredths = volume * 100
    in_hundredths = np.abs(hundredths - np.round(hundredths)) < 1e-6 * np.maximum(1.0, hundredths)
    fractional = volume != np.floor(volume)
    return bool(in_hundredths.all() and fractional.mean() >= _MOSTLY and np.median(volume / count) < _SHARES_PER_TRADE)


def _column(batch: BarBatch, name: str) -> npt.NDArray[np.float64]:
    return np.nan_to_num(np.asarray(batch.table[name].to_numpy(), dtype=np.float64))
