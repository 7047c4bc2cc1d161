"""A market as it is listed by now: contracts that were delisted are gone, others go by a new name or exchange.

Bars are the market's own and stay under the con_id, as at IB; those of a delisted contract can no longer be asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from ingest.simulator.faults.script import Fault
from ingest.simulator.market.types import Bars, BarSize, Contract, Market, Session


@dataclass(slots=True)
class Listings:
    """A `Market` whose contracts change when an incident says so."""

    market: Market
    _contracts: tuple[Contract, ...] = field(init=False)

    def __post_init__(self) -> None:
        self._contracts = tuple(self.market.contracts())

    def change(self, fault: Fault) -> None:
        """Play `delisted`, `renamed` or `moved`; a con_id nobody has changes nothing."""
        listed = [_changed(one, fault) if one.con_id == fault.con_id else one for one in self._contracts]
        self._contracts = tuple(one for one in listed if one is not None)

    def contracts(self) -> Sequence[Contract]:
        return self._contracts

    def has_series(self, contract: Contract, what: str) -> bool:
        return self.market.has_series(contract, what)

    def head(self, contract: Contract, what: str) -> int | None:
        return self.market.head(contract, what)

    def sessions(self, contract: Contract, first: date, last: date, *, use_rth: bool) -> Sequence[Session]:
        return self.market.sessions(contract, first, last, use_rth=use_rth)

    def bars(self, contract: Contract, what: str, size: BarSize, start: int, end: int, *, use_rth: bool) -> Bars:
        return self.market.bars(contract, what, size, start, end, use_rth=use_rth)


def _changed(contract: Contract, fault: Fault) -> Contract | None:
    """The contract after the incident that names it; what the incident does not name stays. None: it is no more."""
    match fault.action:
        case "renamed":
            return replace(
                contract,
                symbol=fault.symbol or contract.symbol,
                local_symbol=fault.local_symbol or fault.symbol or contract.local_symbol,
                long_name=fault.long_name or contract.long_name,
            )
        case "moved":
            exchange = fault.exchange or contract.exchange
            others = [one for one in contract.valid_exchanges.split(",") if one != contract.exchange]
            return replace(
                contract,
                exchange=exchange,
                primary_exchange=fault.primary_exchange or contract.primary_exchange,
                valid_exchanges=",".join([exchange, *others]),
            )
        case _:
            return None
