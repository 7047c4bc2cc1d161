"""The minutes of a session, each told in four prints: opening, the two extremes in either order, closing.

This is the finest truth the market has; the seconds only say when within the minute each print happened. Prices are
whole ticks and volumes whole units, so that sums are exact and every coarser bar agrees with them to the last digit.
"""

from dataclasses import dataclass

import numpy as np

from ingest.simulator.market.arrays import Flags, Floats, Ints, Words
from ingest.simulator.market.synthetic.course import Course
from ingest.simulator.market.synthetic.listing import Liquidity
from ingest.simulator.market.synthetic.noise import BELL_DEVIATION, bell, bits, draw

#: Outside regular hours a minute moves this much less.
_CALM = np.array([0.4, 1.0, 0.4])

#: A price never falls below this: room for the spread under it.
_LOWEST = 8


@dataclass(frozen=True, slots=True)
class Walk:
    """The walk of prices before anybody trades on it.

    `part` is 0, 1, 2: before, in and after regular hours; `share` of the part has passed at the minute's start.
    """

    start: Ints
    session: Ints
    part: Ints
    share: Floats
    price: Ints  # [4, minutes]: opening, first extreme, second extreme, closing
    word: Words


@dataclass(frozen=True, slots=True)
class Prints:
    """`[4, minutes]` arrays. Print k happens in the seconds from `until[k − 1]` (0 for the first) to `until[k]`.

    A print that nobody made has no volume and no count and repeats a neighbour's price.
    """

    start: Ints
    session: Ints
    price: Ints
    volume: Ints
    count: Ints
    until: Ints

    def only(self, chosen: Flags | slice) -> "Prints":
        """A selection of the minutes."""
        return Prints(
            self.start[chosen],
            self.session[chosen],
            self.price[:, chosen],
            self.volume[:, chosen],
            self.count[:, chosen],
            self.until[:, chosen],
        )


def walk(course: Course, low: int, high: int, *, use_rth: bool) -> Walk:
    """Every minute of the sessions `low` to `high` (exclusive); each part bridges the prices at its edges."""
    parts, width = (slice(1, 2), 1) if use_rth else (slice(0, 3), 3)
    begins, ends = course.timetable.edges[low:high, :3][:, parts], course.timetable.edges[low:high, 1:][:, parts]
    lengths = ((ends - begins) // 60).ravel()
    part_of = np.repeat(np.arange(lengths.size), lengths)
    offset = np.cumsum(lengths) - lengths
    place = np.arange(part_of.size) - offset[part_of]
    start = begins.ravel()[part_of] + 60 * place
    part = np.tile(np.arange(3)[parts], high - low)
    sway = np.repeat(course.sway[low:high], width) * _CALM[part]
    share = place / lengths[part_of]
    bridge = _bridge(draw(course.walk, start // 60), offset, lengths, part_of, share)
    left, right = course.anchors[low:high, :3][:, parts].ravel(), course.anchors[low:high, 1:][:, parts].ravel()
    level = left[part_of] + (right - left)[part_of] * share + bridge * sway[part_of]
    opening = np.maximum(np.rint(level).astype(np.int64), _LOWEST)
    closing = np.empty_like(opening)
    closing[:-1] = opening[1:]
    busy = lengths > 0
    closing[(offset + lengths - 1)[busy]] = np.maximum(np.rint(right[busy]).astype(np.int64), _LOWEST)
    session = low + part_of // width
    word = draw(course.key[session], start // 60)
    price = _extremes(opening, closing, sway[part_of], word)
    return Walk(start, session, part[part_of], share, price, word)


def _bridge(word: Words, offset: Ints, lengths: Ints, part_of: Ints, share: Floats) -> Floats:
    """A random walk in each part that ends where it began. Whole-number sums, so what else was asked cannot matter."""
    total = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(bell(word))])
    begin = total[offset]
    end = total[offset + lengths]
    bridge: Floats = ((total[:-1] - begin[part_of]) - (end - begin)[part_of] * share) / BELL_DEVIATION
    return bridge


def _extremes(opening: Ints, closing: Ints, sway: Floats, word: Words) -> Ints:
    """Adds the minute's high and low, in an order that the word decides."""
    up = (bits(word, 0, 12) * sway / 3000).astype(np.int64)
    down = (bits(word, 12, 12) * sway / 3000).astype(np.int64)
    high = np.maximum(opening, closing) + up
    low = np.maximum(np.minimum(opening, closing) - down, _LOWEST)
    high_first = bits(word, 24, 1).astype(bool)
    return np.stack([opening, np.where(high_first, high, low), np.where(high_first, low, high), closing])


def _until(word: Words) -> Ints:
    """When each print ends; every print has at least a second."""
    first = 1 + (bits(word, 25, 6) * 20 >> 6)
    second = 21 + (bits(word, 31, 6) * 20 >> 6)
    third = 41 + (bits(word, 37, 6) * 19 >> 6)
    return np.stack([first, second, third, np.full_like(first, 60)])


def quotes(path: Walk, spread: int, side: str) -> Prints:
    """A quote beside the walk. It is there in every second, so a second is its unit of volume and `wap` a time average.

    MIDPOINT comes in half ticks.
    """
    wide = spread + (bits(path.word, 43, 5) * spread * 2 >> 5)
    bid = path.price - (wide >> 1)
    price = {"BID": bid, "ASK": bid + wide, "MIDPOINT": 2 * bid + wide}.get(side, path.price)
    until = _until(path.word)
    seconds = np.diff(until, axis=0, prepend=0)
    return Prints(path.start, path.session, price, seconds, seconds, until)


def trades(path: Walk, course: Course, liquidity: Liquidity, factor: Floats | None) -> Prints:
    """The trades along the walk, in the minutes that have any. `factor` adjusts each session's prices for dividends."""
    word = draw(course.key[path.session] ^ np.uint64(0x7AD5), path.start // 60)
    pace = course.pace[path.session]
    chance = np.array(liquidity.active)[path.part] * np.minimum(1.0, pace * 20)
    active = bits(word, 0, 16) < chance * 65536
    word, pace, part, share = word[active], pace[active], path.part[active], path.share[active]
    price, until = path.price[:, active], _until(path.word[active])
    session = path.session[active]
    if factor is not None:
        price = np.maximum(np.rint(price * factor[session]).astype(np.int64), 1)
    smile = np.where(part == 1, 0.6 + 1.2 * (2 * share - 1) ** 2, 1.0)
    luck = bits(word, 16, 16) / 65536
    volume = (np.array(liquidity.volume)[part] * pace * smile * (0.25 + 2.25 * luck * luck)).astype(np.int64) + 1
    count = 1 + volume // liquidity.lot
    counts, volumes = _split(count, volume, np.stack([bits(word, low, 6) for low in (32, 38, 44)]))
    _silence(price, count)
    return Prints(path.start[active], session, price, volumes, counts, until)


def _split(count: Ints, volume: Ints, shares: Ints) -> tuple[Ints, Ints]:
    """Deals trades and volume to the four prints, to each at least as much volume as trades.

    Fewer than four trades make the opening and the closing print only.
    """
    many = count >= 4
    rest, extra = np.where(many, count - 4, 0), volume - count
    counts = np.where(many, 1 + (rest * shares >> 8), 0)
    counts[0] = np.where(many, counts[0], 1)
    volumes = np.where(many, counts + (extra * shares >> 8), 0)
    volumes[0] = np.where(count == 1, volume, counts[0] + (extra * shares[0] >> 8))
    return (
        np.concatenate([counts, (count - counts.sum(axis=0))[None]]),
        np.concatenate([volumes, (volume - volumes.sum(axis=0))[None]]),
    )


def _silence(price: Ints, count: Ints) -> None:
    """Takes back the extremes where fewer than four trades happened: one trade has one price, two have two."""
    price[1] = np.where(count < 4, price[0], price[1])
    price[3] = np.where(count == 1, price[0], price[3])
    price[2] = np.where(count < 4, price[3], price[2])
