"""The simulator as judge: many stocks whose bars cost nothing to make, on the time of the loop it runs in."""

from dataclasses import replace

from ingest.domain.instrument import Instrument
from ingest.simulator.manners.latency import Latency
from ingest.simulator.market.types import Bars, Contract
from ingest.simulator.market.types import BarSize as SimulatedSize
from ingest.simulator.server import RunningSimulator, serve
from ingest.simulator.settings import ServerOptions
from tests.faults.virtual import LoopSimulatorClock
from tests.given import at
from tests.simulator.server.tiny import AAPL, TinyMarket, line_of_bars

NOON = at("2024-01-08 12:00")
CONTRACTS = 60


class PlainMarket(TinyMarket):
    """At most twelve bars an answer."""

    def bars(self, contract: Contract, what: str, size: SimulatedSize, start: int, end: int, *, use_rth: bool) -> Bars:
        step = size.seconds or 86_400
        starts = range(max(start, end - 12 * step) // step * step, end, step)
        return line_of_bars(starts, [step] * len(starts))


def instrument(number: int) -> Instrument:
    """One of the judge's contracts."""
    return Instrument(1 + number, f"S{number}", "STK", "SMART", "USD", local_symbol=f"S{number}")


async def judge(latency: Latency) -> RunningSimulator:
    """Start one; close it, or use it in an `async with`."""
    listed = tuple(replace(AAPL, con_id=1 + n, symbol=f"S{n}", local_symbol=f"S{n}") for n in range(CONTRACTS))
    clock = LoopSimulatorClock(NOON.timestamp())
    return await serve(ServerOptions(latency=latency), PlainMarket(listed), clock, lambda event: None)
