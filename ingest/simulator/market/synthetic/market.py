"""`SyntheticMarket`: the answers to the server's questions, drawn from a seed.

The one series that is not a slice of itself is ADJUSTED_LAST: it is adjusted for the dividends paid before `end`, so
every new dividend changes its whole past, as it does at IB.
"""

from collections.abc import Sequence
from datetime import date

import numpy as np

from ingest.simulator.market.synthetic.archive import Archive
from ingest.simulator.market.synthetic.dividends import ex_dates
from ingest.simulator.market.synthetic.equities import equities, extra_equities
from ingest.simulator.market.synthetic.futures import futures
from ingest.simulator.market.synthetic.others import others
from ingest.simulator.market.synthetic.series import Series, exists
from ingest.simulator.market.timetable import day_number, timetable
from ingest.simulator.market.types import Bars, BarSize, Contract, Session


class SyntheticMarket:
    """An invented market. Two markets of one seed give the same answers, in any process and any order."""

    def __init__(self, seed: int, more_stocks: int = 0) -> None:
        self._seed = seed
        listings = (*equities(), *futures(), *others(), *extra_equities(more_stocks))
        self._listings = {listing.contract.con_id: listing for listing in listings}
        self._contracts = tuple(listing.contract for listing in listings)
        self._archive = Archive(seed, self._listings)

    def contracts(self) -> Sequence[Contract]:
        """Every contract, expired ones included."""
        return self._contracts

    def has_series(self, contract: Contract, what: str) -> bool:
        """IB's table of products and whatToShow."""
        return contract.con_id in self._listings and exists(contract.sec_type, what)

    def head(self, contract: Contract, what: str) -> int | None:
        """Start of the first minute bar in regular hours. There is none for SCHEDULE, which has no bars."""
        if what == "SCHEDULE" or not self.has_series(contract, what):
            return None
        return self._archive.first_minute(Series(contract.con_id, what, use_rth=True))

    def sessions(self, contract: Contract, first: date, last: date, *, use_rth: bool) -> Sequence[Session]:
        """The venue's sessions, up to the last trade date. They reach back beyond the day of listing."""
        listing = self._listings[contract.con_id]
        until = last if listing.last is None else min(last, listing.last)
        return timetable(listing.venue).between(day_number(first), day_number(until)).sessions(use_rth=use_rth)

    def bars(self, contract: Contract, what: str, size: BarSize, start: int, end: int, *, use_rth: bool) -> Bars:
        """See `Market.bars`. Nothing where there is no such series."""
        if what == "SCHEDULE" or not self.has_series(contract, what):
            return _nothing()
        paid = self._dividends_paid(contract.con_id, end) if what == "ADJUSTED_LAST" else 0
        return self._archive.bars(Series(contract.con_id, what, use_rth, paid), size, start, end)

    def _dividends_paid(self, con_id: int, end: int) -> int:
        """How many ex-dates have begun before `end`."""
        table = self._archive.timetable(Series(con_id, "ADJUSTED_LAST", use_rth=False))
        begun = table.day[: np.searchsorted(table.edges[:, 0], end)]
        dates = ex_dates(self._seed, self._listings[con_id], table.day)
        return int(np.searchsorted(dates, begun[-1], side="right")) if len(begun) else 0


def _nothing() -> Bars:
    none = np.empty(0)
    return Bars(np.empty(0, np.int64), none, none, none, none, none, none, np.empty(0, np.int32))
