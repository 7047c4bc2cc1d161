"""How one series of one contract runs through its sessions: the prices at each session's edges, and how lively it is.

A course is built once per series (some milliseconds) and then says everything that minutes are drawn from. Every value
is a function of the session's date alone, never of what was asked.
"""

from dataclasses import dataclass

import numpy as np

from ingest.simulator.market.arrays import Floats, Ints, Words
from ingest.simulator.market.synthetic.listing import ROLL_DAYS, Listing
from ingest.simulator.market.synthetic.noise import BELL_DEVIATION, bell, bits, draw, stream
from ingest.simulator.market.synthetic.paths import FIRST, Path, levels
from ingest.simulator.market.timetable import Timetable, day_number, timetable

#: No price comes nearer to zero than this many ticks, so that spreads and shadows always fit below it.
FLOOR_TICKS = 40.0

#: By which share of the day's move a price has gone at each edge, where trading rests overnight and where it does not.
_RESTING = np.array([0.30, 0.40, 1.0, 1.0])
_RESTLESS = np.array([0.02, 0.40, 1.0, 1.0])

_DAYS_A_YEAR = 365.0
_CARRY = 0.04
_IMPLIED_VOLATILITY = 0.16


@dataclass(frozen=True, slots=True)
class Course:
    """All arrays are parallel to the timetable's sessions.

    `anchors` are prices in ticks at the four edges, `sway` the deviation of a regular minute in ticks, `key` the stream
    of the contract that trades there, `pace` its business (1 is usual, 0 none), `walk` the stream of the underlying's
    minutes.
    """

    timetable: Timetable
    anchors: Floats
    sway: Floats
    key: Words
    pace: Floats
    walk: int
    ticks: int


def course(seed: int, listing: Listing, first: int) -> Course:
    """The course of the contract's price from day number `first` on."""
    full = timetable(listing.venue)
    pace, keys = _business(seed, listing, full.day)
    anchors = np.maximum(_anchors(seed, listing, full), FLOOR_TICKS)
    regular_minutes = np.maximum((full.edges[:, 2] - full.edges[:, 1]) / 60, 1.0)
    if listing.contract.sec_type == "OPT":
        sway = anchors[:, 2] * 0.004
    else:
        sway = anchors[:, 2] * (0.7 * listing.path.wobble) / np.sqrt(regular_minutes)
    whole = Course(full, anchors, sway, keys, pace, stream(seed, listing.path.name, "minute"), listing.ticks)
    return _trim(whole, listing, first)


def measure(seed: int, listing: Listing, what: str, first: int) -> Course:
    """The course of a figure about the contract (a volatility, a fee), told in ten-thousandths."""
    figure = Path(f"{listing.contract.symbol} {what}", 0.26, 0.24, 0.02)
    full = timetable(listing.venue)
    anchors = np.maximum(_edges(seed, figure, full, restless=False) * 10_000, FLOOR_TICKS)
    keys = np.full(len(full.day), stream(seed, figure.name, "keys"), dtype=np.uint64)
    walk = stream(seed, figure.name, "minute")
    whole = Course(full, anchors, anchors[:, 2] * 0.0005, keys, np.ones(len(keys)), walk, 10_000)
    return _trim(whole, listing, first)


def _trim(whole: Course, listing: Listing, first: int) -> Course:
    """Leaves the sessions in which the contract is listed. It lists at a regular opening: nothing trades earlier."""
    full = whole.timetable
    wanted = (full.day >= max(first, day_number(listing.first))) & (full.edges[:, 2] > full.edges[:, 1])
    low = int(np.argmax(wanted))
    last = full.day[-1] if listing.last is None else day_number(listing.last)
    rows = slice(low, int(np.searchsorted(full.day, last, side="right")))
    edges = full.edges[rows].copy()
    if first <= day_number(listing.first):
        edges[0, 0] = edges[0, 1]
    table = Timetable(full.day[rows], edges)
    return Course(
        table, whole.anchors[rows], whole.sway[rows], whole.key[rows], whole.pace[rows], whole.walk, whole.ticks
    )


def _edges(seed: int, path: Path, full: Timetable, *, restless: bool) -> Floats:
    """The underlying's level at the four edges of each session."""
    daily = levels(seed, path)
    now = daily[full.day - FIRST]
    before = np.concatenate([now[:1], now[:-1]])
    noise = np.stack([bell(draw(stream(seed, path.name, "edge", edge), full.day)) for edge in range(4)], axis=1)
    noise[:, 2] = 0
    share = _RESTLESS if restless else _RESTING
    jitter = noise * (0.1 * path.wobble / BELL_DEVIATION) * now[:, None]
    if restless:
        jitter[:, 0] *= 0.1
    edges: Floats = before[:, None] + (now - before)[:, None] * share + jitter
    return edges


def _anchors(seed: int, listing: Listing, full: Timetable) -> Floats:
    """The contract's price in ticks at the four edges of each session."""
    restless = listing.venue in ("CME", "FOREX", "CRYPTO")
    spot = _edges(seed, listing.path, full, restless=restless) * listing.ratio
    if listing.chain:
        years = (_last_days(listing)[_front(listing, full.day)] - full.day) / _DAYS_A_YEAR
        spot = spot * (1 + _CARRY * np.maximum(years, 0.0))[:, None]
    elif listing.contract.sec_type == "OPT":
        spot = _option_value(listing, spot, full.day)
    return spot * listing.ticks


def _option_value(listing: Listing, spot: Floats, day: Ints) -> Floats:
    """Intrinsic value, and a bell of time value around the strike: not Black and Scholes, but of that shape."""
    assert listing.last is not None
    strike = listing.contract.strike
    years = np.maximum(day_number(listing.last) - day, 0.25) / _DAYS_A_YEAR
    width = (_IMPLIED_VOLATILITY * np.sqrt(years))[:, None] * spot
    intrinsic = spot - strike if listing.contract.right == "C" else strike - spot
    value: Floats = np.maximum(intrinsic, 0.0) + 0.4 * width * np.exp(-np.abs(spot - strike) / width)
    return value


def _last_days(listing: Listing) -> Ints:
    return np.array([day_number(link.last_day) for link in listing.chain], dtype=np.int64)


def _front(listing: Listing, day: Ints) -> Ints:
    """Which link of the chain is in front on each day; a chain rolls `ROLL_DAYS` before a link ends."""
    last = _last_days(listing)
    return np.minimum(np.searchsorted(last - ROLL_DAYS, day, side="right"), len(last) - 1)


def _business(seed: int, listing: Listing, day: Ints) -> tuple[Floats, Words]:
    """Pace and stream key of each session."""
    if listing.chain:
        con_ids = np.array([stream(seed, link.con_id) for link in listing.chain], dtype=np.uint64)
        front = _front(listing, day)
        keys = con_ids[front]
        pace = _nearness(_last_days(listing)[front] - day)
    else:
        keys = np.full(len(day), stream(seed, listing.contract.con_id), dtype=np.uint64)
        pace = np.ones(len(day))
    word = draw(keys ^ np.uint64(0xDA7), day)
    pace = pace * (0.6 + bits(word, 0, 16) / 65536)
    pace[bits(word, 16, 16) < listing.liquidity.quiet * 65536] = 0.0
    return pace, keys


def _nearness(days_left: Ints) -> Floats:
    """Most futures trade in the last quarter before delivery, hardly any earlier than the one before."""
    return np.select([days_left <= 100, days_left <= 190], [1.0, 0.02], 0.0006)
