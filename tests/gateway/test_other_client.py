"""A client we did not write gets the same bars from the simulator as ours: ib_async, at two server versions."""

from datetime import UTC, date, datetime

import ib_async
import numpy as np
import pytest

from ingest.clock import SystemClock
from ingest.domain.bar_size import BarSize
from ingest.domain.bars import BarBatch
from ingest.domain.instrument import InstrumentQuery
from ingest.domain.request import Duration, HistoricalRequest
from ingest.domain.series import Series
from ingest.domain.what import WhatToShow
from ingest.gateway.address import GatewayAddress
from ingest.gateway.client import Gateway
from ingest.gateway.gate import PacedGate
from ingest.gateway.pacing import Pacer
from ingest.simulator.clock import SimulatorClock
from ingest.simulator.manners.latency import Latency
from ingest.simulator.market import open_market
from ingest.simulator.server import RunningSimulator, serve
from ingest.simulator.settings import ServerOptions

NOW = datetime(2024, 6, 10, 12, 0, tzinfo=UTC)
END = datetime(2024, 6, 7, 21, 0, tzinfo=UTC)
CASES = [
    ("AAPL", BarSize.MIN_1, WhatToShow.TRADES, Duration(3, "D")),
    ("AAPL", BarSize.DAY_1, WhatToShow.TRADES, Duration(1, "Y")),
    ("EUR.USD", BarSize.HOUR_1, WhatToShow.MIDPOINT, Duration(5, "D")),
    ("SPX:IND", BarSize.MIN_30, WhatToShow.TRADES, Duration(5, "D")),
    ("ESM4", BarSize.MIN_5, WhatToShow.TRADES, Duration(2, "D")),
]


async def start(version: int) -> RunningSimulator:
    options = ServerOptions(max_version=version, latency=Latency(0, 0))
    market = open_market("synthetic", 11)
    return await serve(options, market, SimulatorClock(NOW.timestamp()), lambda _event: None)


async def ours(port: int, version: int, name: str, size: BarSize, what: WhatToShow, duration: Duration) -> BarBatch:
    clock = SystemClock(start=NOW)
    address = GatewayAddress(port=port, client_id=8, max_server_version=version)
    async with Gateway(address, clock, PacedGate(Pacer(), clock)) as gateway:
        assert gateway.server_version == version
        (instrument,) = await gateway.contract_details(InstrumentQuery.parse(name))
        request = HistoricalRequest(Series(instrument, size, what), END, duration)
        return (await gateway.historical_bars(request, None, 30)).bars


async def theirs(port: int, con_id: int, case: tuple[str, BarSize, WhatToShow, Duration]) -> "list[ib_async.BarData]":
    ib = ib_async.IB()
    await ib.connectAsync("127.0.0.1", port, clientId=9, timeout=10)
    try:
        _, size, what, duration = case
        (contract,) = await ib.qualifyContractsAsync(ib_async.Contract(conId=con_id))
        assert isinstance(contract, ib_async.Contract)
        contract.includeExpired = contract.secType == "FUT"
        return list(
            await ib.reqHistoricalDataAsync(
                contract, f"{END:%Y%m%d-%H:%M:%S}", str(duration), size.value, what.value, useRTH=True, formatDate=2
            )
        )
    finally:
        ib.disconnect()


def moment(when: date | datetime) -> datetime:
    return when if isinstance(when, datetime) else datetime(when.year, when.month, when.day, tzinfo=UTC)


def assert_same(mine: BarBatch, other: "list[ib_async.BarData]") -> None:
    table = mine.table
    assert len(mine) == len(other) > 0
    moments = [
        bar.date
        if isinstance(bar.date, datetime)
        else datetime(bar.date.year, bar.date.month, bar.date.day, tzinfo=UTC)
        for bar in other
    ]
    assert table["ts"].to_pylist() == moments
    for ours_name, their_name in (("open", "open"), ("high", "high"), ("low", "low"), ("close", "close")):
        assert table[ours_name].to_pylist() == [getattr(bar, their_name) for bar in other]
    for ours_name, their_name in (("volume", "volume"), ("wap", "average"), ("bar_count", "barCount")):
        column = table[ours_name].to_numpy()
        known = np.array([float(getattr(bar, their_name)) for bar in other])
        assert np.array_equal(np.where(np.isnan(column.astype(float)), -1.0, column), known), ours_name


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[1].alias}")
async def test_ib_async_receives_the_same_bars_as_our_client(
    case: tuple[str, BarSize, WhatToShow, Duration],
) -> None:
    name, size, what, duration = case
    async with await start(225) as newest:
        reference = await ours(newest.port, 225, name, size, what, duration)
        assert (await ours(newest.port, 200, name, size, what, duration)).table.equals(reference.table)
    for version in (176, 178):
        async with await start(version) as simulator:
            mine = await ours(simulator.port, version, name, size, what, duration)
            con_id = next(
                one.con_id
                for one in open_market("synthetic", 11).contracts()
                if name.partition(":")[0] in (one.local_symbol, one.symbol)
            )
            other = await theirs(simulator.port, con_id, case)
        assert_same(mine, other)
        assert mine.table.equals(reference.table)
