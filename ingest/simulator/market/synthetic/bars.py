"""From prints to bars: seconds, the cut at an instant, sums over a bar, and the columns IB would send."""

from dataclasses import dataclass

import numpy as np

from ingest.simulator.market.arrays import Counts, Floats, Ints
from ingest.simulator.market.grid import runs
from ingest.simulator.market.synthetic.minutes import Prints
from ingest.simulator.market.types import Bars

_SECOND = np.arange(60)[:, None]


@dataclass(frozen=True, slots=True)
class Ticks:
    """Bars in whole ticks; `turnover` is Σ price · volume."""

    start: Ints
    session: Ints
    open: Ints
    high: Ints
    low: Ints
    close: Ints
    volume: Ints
    turnover: Ints
    count: Ints

    def between(self, low: int, high: int) -> "Ticks":
        """The rows from `low` to `high`."""
        return Ticks(*(getattr(self, name)[low:high] for name in self.__slots__))


def minute_ticks(prints: Prints) -> Ticks:
    """One row for each minute."""
    price = prints.price
    return Ticks(
        prints.start,
        prints.session,
        price[0],
        price.max(axis=0),
        price.min(axis=0),
        price[3],
        prints.volume.sum(axis=0),
        (price * prints.volume).sum(axis=0),
        prints.count.sum(axis=0),
    )


def _so_far(total: Ints, elapsed: Ints, length: Ints) -> Ints:
    """How much of a print's total has happened after `elapsed` of its `length` seconds."""
    return total * elapsed // length


def second_ticks(prints: Prints) -> Ticks:
    """One row for each second in which something happened: a print's trades are spread evenly over its seconds."""
    which = (prints.until[:3, None, :] <= _SECOND).sum(axis=0)  # [60, minutes]: the print of each second
    begins = np.concatenate([np.zeros_like(prints.until[:1]), prints.until[:3]])
    length = np.take_along_axis(prints.until - begins, which, axis=0)
    elapsed = _SECOND - np.take_along_axis(begins, which, axis=0)
    count = np.take_along_axis(prints.count, which, axis=0)
    volume = np.take_along_axis(prints.volume, which, axis=0)
    before, after = _so_far(count, elapsed, length), _so_far(count, elapsed + 1, length)
    some = np.maximum(count, 1)
    size = volume * after // some - volume * before // some
    happened = (after > before).T
    price = np.take_along_axis(prints.price, which, axis=0).T[happened]
    start = (prints.start + _SECOND).T[happened]
    session = np.broadcast_to(prints.session, which.shape).T[happened]
    size = size.T[happened]
    return Ticks(start, session, price, price, price, price, size, price * size, (after - before).T[happened])


def cut(prints: Prints, end: int) -> Prints:
    """Only what had happened before `end`; the minute that holds `end` keeps the seconds before it."""
    kept = prints.only(slice(0, int(np.searchsorted(prints.start, end))))
    if len(kept.start) == 0 or kept.start[-1] + 60 <= end:
        return kept
    last = kept.only(slice(-1, None))
    begins = np.concatenate([np.zeros_like(last.until[:1]), last.until[:3]])
    length = last.until - begins
    elapsed = np.clip(end - last.start - begins, 0, length)
    count = _so_far(last.count, elapsed, length)
    volume = last.volume * count // np.maximum(last.count, 1)
    present = np.flatnonzero(count[:, 0])
    whole = kept.only(slice(0, -1))
    if len(present) == 0:
        return whole
    heard = present[np.clip(np.searchsorted(present, np.arange(4), side="right") - 1, 0, None)]
    return _joined(whole, Prints(last.start, last.session, last.price[heard], volume, count, last.until))


def _joined(left: Prints, right: Prints) -> Prints:
    return Prints(*(np.concatenate([getattr(left, name), getattr(right, name)], axis=-1) for name in Prints.__slots__))


def merged(ticks: Ticks, start: Ints) -> Ticks:
    """Rows of one session with an equal `start` become one bar with that start."""
    begin = runs(start, ticks.session)
    if len(begin) == 0:
        return ticks
    end = np.append(begin[1:], len(start)) - 1
    return Ticks(
        start[begin],
        ticks.session[begin],
        ticks.open[begin],
        np.maximum.reduceat(ticks.high, begin),
        np.minimum.reduceat(ticks.low, begin),
        ticks.close[end],
        np.add.reduceat(ticks.volume, begin),
        np.add.reduceat(ticks.turnover, begin),
        np.add.reduceat(ticks.count, begin),
    )


def stacked(pieces: list[Ticks]) -> Ticks:
    """Pieces in order, as one. There must be at least one."""
    return Ticks(*(np.concatenate([getattr(piece, name) for piece in pieces]) for name in Ticks.__slots__))


def traded_bars(ticks: Ticks, scale: int, volume_units: int) -> Bars:
    """Bars of a series of trades."""
    wap = ticks.turnover / (ticks.volume * scale)
    return _bars(ticks, scale, ticks.volume / volume_units, wap, ticks.count.astype(np.int32))


def bare_bars(ticks: Ticks, scale: int, missing: float) -> Bars:
    """Bars of a series without trades; `missing` stands in volume, wap and count."""
    column = np.full(len(ticks.start), missing)
    return _bars(ticks, scale, column, column, column.astype(np.int32))


def both_sides(bid: Ticks, ask: Ticks, scale: int) -> Bars:
    """BID_ASK as IB defines it: time averages of bid and ask in open and close, lowest bid and highest ask between."""
    bars = bare_bars(bid, scale, -1.0)
    average_bid = bid.turnover / (bid.volume * scale)
    average_ask = ask.turnover / (ask.volume * scale)
    return Bars(bid.start, average_bid, ask.high / scale, bars.low, average_ask, bars.volume, bars.wap, bars.count)


def _bars(ticks: Ticks, scale: int, volume: Floats, wap: Floats, count: Counts) -> Bars:
    first, high, low, last = ticks.open / scale, ticks.high / scale, ticks.low / scale, ticks.close / scale
    return Bars(ticks.start, first, high, low, last, volume, wap, count)
