"""What the simulated Gateway knows of the world: contracts, sessions and bars."""

from pathlib import Path

from ingest.simulator.market.types import Market


def open_market(spec: str, seed: int) -> Market:
    """The market named by `spec`: "synthetic", or the path of a file or folder of bars to replay (any seed will do).

    "synthetic+250" has 250 more stocks, S0001 to S0250. Raises `MalformedFile`, naming file and column, or
    `FileNotFoundError`.
    """
    # Calendars and pandas are slow to import, and whoever only needs the values should not wait for them.
    name, plus, count = spec.partition("+")
    if name == "synthetic" and (not plus or count.isdecimal()):
        from ingest.simulator.market.synthetic.market import SyntheticMarket

        return SyntheticMarket(seed, int(count or 0))
    from ingest.simulator.market.replay.market import ReplayMarket

    return ReplayMarket(Path(spec))
