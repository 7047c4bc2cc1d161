"""A contract and what the invented market needs to know to trade it."""

from dataclasses import dataclass, field
from datetime import date

from ingest.simulator.market.synthetic.paths import Path
from ingest.simulator.market.timetable import Venue
from ingest.simulator.market.types import Contract

#: A continuous future leaves its front contract this many days before the last trade date.
ROLL_DAYS = 8


@dataclass(frozen=True, slots=True)
class Liquidity:
    """How busily it trades before, during and after regular hours.

    `active` is the chance that a minute has a trade, `volume` the mean of such a minute in volume units, `lot` the size
    of a usual trade, more than 1 unless nothing is traded. `quiet` is the share of sessions without a single trade.
    """

    active: tuple[float, float, float]
    volume: tuple[float, float, float]
    lot: int
    quiet: float = 0.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """One link in a chain of futures: the day on which it stops trading and the contract it is."""

    last_day: date
    con_id: int


@dataclass(frozen=True, slots=True)
class Listing:
    """Prices are whole ticks inside this market: `ticks` of them make one unit of currency.

    `ratio` takes the path's level to the price; `volume_units` of volume are one share, contract or coin. `chain` holds
    the futures that the price follows, one after the other (a single one, unless the contract is a continuous future).
    """

    contract: Contract
    venue: Venue
    path: Path
    ticks: int
    first: date
    liquidity: Liquidity
    last: date | None = None
    ratio: float = 1.0
    volume_units: int = 1
    spread: int = 1
    dividend: float = 0.0
    quotes_first: date | None = None
    chain: tuple[Delivery, ...] = field(default=())
