"""Quarterly dividends, and the factors by which they adjust the prices before them."""

import numpy as np

from ingest.simulator.market.arrays import Floats, Ints
from ingest.simulator.market.synthetic.listing import Listing
from ingest.simulator.market.synthetic.noise import bits, draw, stream


def ex_dates(seed: int, listing: Listing, day: Ints) -> Ints:
    """The days of `day` (ascending sessions) that trade without the dividend for the first time: one each quarter."""
    if listing.dividend == 0.0:
        return day[:0]
    month = (day * 86_400).astype("datetime64[s]").astype("datetime64[M]").astype(np.int64)
    of_month = day - month.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    key = stream(seed, listing.contract.con_id, "dividend")
    in_quarter = bits(draw(key, day[:1] * 0), 0, 16)[0] % 3
    due = (month % 3 == in_quarter) & (of_month >= 8)
    first = due & np.concatenate([due[:1], ~due[:-1]])
    found: Ints = day[first]
    return found


def factors(seed: int, listing: Listing, day: Ints, known: int) -> Floats:
    """What a price of each session is multiplied by, seen from a moment at which `known` ex-dates lie in the past."""
    past = ex_dates(seed, listing, day)[:known]
    key = stream(seed, listing.contract.con_id, "dividend")
    paid = listing.dividend * (0.8 + 0.4 * bits(draw(key, past), 0, 16) / 65536)
    still_to_come = np.concatenate([np.cumprod((1 - paid)[::-1])[::-1], np.ones(1)])
    factor: Floats = still_to_come[np.searchsorted(past, day, side="right")]
    return factor
