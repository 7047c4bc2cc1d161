"""One market for the whole run, and short ways to ask it something."""

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pytest

from ingest.simulator.market.synthetic.market import SyntheticMarket
from ingest.simulator.market.types import BAR_SIZES, Bars, BarSize, Contract

Find = Callable[..., Contract]
Ask = Callable[..., Bars]


@pytest.fixture(scope="session")
def market() -> SyntheticMarket:
    """Seed 7."""
    return SyntheticMarket(7)


@pytest.fixture(scope="session")
def find(market: SyntheticMarket) -> Find:
    """The contract with these facts; there must be exactly one."""

    def found(**facts: object) -> Contract:
        (contract,) = [
            one for one in market.contracts() if all(getattr(one, name) == fact for name, fact in facts.items())
        ]
        return contract

    return found


@pytest.fixture(scope="session")
def ask(market: SyntheticMarket) -> Ask:
    """`ask(contract, what, size, start, end)`, the instants as ISO text in UTC or as epoch seconds."""
    sizes: dict[str, BarSize] = {size.text: size for size in BAR_SIZES}

    def answer(
        contract: Contract, what: str, size: str, start: str | int, end: str | int, *, use_rth: bool = True
    ) -> Bars:
        return market.bars(contract, what, sizes[size], _epoch(start), _epoch(end), use_rth=use_rth)

    return answer


def _epoch(instant: str | int) -> int:
    return instant if isinstance(instant, int) else int(datetime.fromisoformat(instant).replace(tzinfo=UTC).timestamp())


@pytest.fixture(scope="session")
def same() -> Callable[[Bars, Bars], bool]:
    """Whether two answers agree in every column to the last digit."""
    return lambda left, right: all(
        np.array_equal(getattr(left, name), getattr(right, name), equal_nan=False) for name in Bars.__slots__
    )
