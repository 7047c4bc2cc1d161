"""The two client libraries people use, unmodified, over a real socket: what they read is what the market holds."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import ib_async
import pytest
from ibapi.client import EClient
from ibapi.common import BarData
from ibapi.contract import Contract, ContractDetails
from ibapi.wrapper import EWrapper

from ingest.simulator.faults.script import Fault, FaultScript, Match
from ingest.simulator.market.types import BAR_SIZES
from tests.simulator.server.conftest import Start
from tests.simulator.server.raw_client import until
from tests.simulator.server.tiny import AAPL, TinyMarket, at

_END = "20240105-21:00:00"
_MINUTES = TinyMarket().bars(
    AAPL, "TRADES", BAR_SIZES[5], int(at("2024-01-05T14:30:00")), int(at("2024-01-05T21:00:00")), use_rth=True
)


@dataclass
class Recorder(EWrapper):  # type: ignore[misc]
    """Everything the official client calls back with, in order, and an event for each."""

    calls: list[tuple[Any, ...]] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def _note(self, *call: Any) -> None:
        with self.changed:
            self.calls.append(call)
            self.changed.notify_all()

    def wait_for(self, name: str, seconds: float = 5.0) -> tuple[Any, ...]:
        """The first call with this name; raises on silence."""
        with self.changed:
            if not self.changed.wait_for(lambda: any(call[0] == name for call in self.calls), seconds):
                raise TimeoutError(f"no {name} within {seconds} s; got {[call[0] for call in self.calls]}")
            return next(call for call in self.calls if call[0] == name)

    def all(self, name: str) -> list[tuple[Any, ...]]:
        with self.changed:
            return [call for call in self.calls if call[0] == name]

    def refusals(self) -> list[tuple[Any, ...]]:
        """Errors that belong to a request: id, code, text."""
        return [call[1:] for call in self.all("error") if call[1] >= 0]

    def nextValidId(self, orderId: int) -> None:  # noqa: N802, N803
        self._note("next_id", orderId)

    def managedAccounts(self, accountsList: str) -> None:  # noqa: N802, N803
        self._note("accounts", accountsList)

    def historicalData(self, reqId: int, bar: BarData) -> None:  # noqa: N802, N803
        self._note("bar", reqId, bar)

    def historicalDataEnd(self, reqId: int, start: str, end: str) -> None:  # noqa: N802, N803
        self._note("end", reqId, start, end)

    def historicalSchedule(self, reqId: int, start: str, end: str, timeZone: str, sessions: Any) -> None:  # noqa: N802, N803
        self._note("schedule", reqId, start, end, timeZone, sessions)

    def headTimestamp(self, reqId: int, headTimestamp: str) -> None:  # noqa: N802, N803
        self._note("head", reqId, headTimestamp)

    def contractDetails(self, reqId: int, contractDetails: ContractDetails) -> None:  # noqa: N802, N803
        self._note("contract", reqId, contractDetails)

    def contractDetailsEnd(self, reqId: int) -> None:  # noqa: N802, N803
        self._note("contract_end", reqId)

    def symbolSamples(self, reqId: int, contractDescriptions: Any) -> None:  # noqa: N802, N803
        self._note("symbols", reqId, contractDescriptions)

    def currentTime(self, time: int) -> None:  # noqa: N802
        self._note("time", time)

    def positionEnd(self) -> None:  # noqa: N802
        self._note("positions_end")

    def openOrderEnd(self) -> None:  # noqa: N802
        self._note("orders_end")

    def error(self, reqId: int, errorTime: int, errorCode: int, errorString: str, *_: str) -> None:  # noqa: N803
        self._note("error", reqId, errorCode, errorString)


@dataclass
class Official:
    """The official client at work in a thread of its own."""

    client: EClient
    heard: Recorder

    async def wait_for(self, name: str) -> tuple[Any, ...]:
        return await asyncio.to_thread(self.heard.wait_for, name)


@asynccontextmanager
async def _official(port: int, client_id: int = 1) -> AsyncIterator[Official]:
    heard = Recorder()
    client = EClient(heard)
    await asyncio.to_thread(client.connect, "127.0.0.1", port, client_id)
    thread = threading.Thread(target=client.run, daemon=True)
    thread.start()
    try:
        official = Official(client, heard)
        await official.wait_for("next_id")
        yield official
    finally:
        client.disconnect()
        await asyncio.to_thread(thread.join, 5)


def _stock(con_id: int = 265598) -> Contract:
    contract = Contract()
    contract.conId, contract.secType, contract.exchange = con_id, "STK", "SMART"
    return contract


def _ask(client: EClient, req_id: int, size: str = "1 min", what: str = "TRADES", format_date: int = 2) -> None:
    client.reqHistoricalData(req_id, _stock(), _END, "1 D", size, what, 1, format_date, False, [])


_VERSIONS = [157, 163, 173, 176, 190, 195, 200, 201, 206, 208, 211, 213, 225]


@pytest.mark.parametrize("version", _VERSIONS)
async def test_the_official_client_reads_every_bar_of_a_day_at_every_version(start: Start, version: int) -> None:
    started = await start(max_version=version)
    async with _official(started.port) as official:
        assert official.client.serverVersion() == version
        assert (await official.wait_for("accounts"))[1] == "SIM0000001"
        _ask(official.client, 7)
        end = await official.wait_for("end")
    bars = [bar for _, req_id, bar in official.heard.all("bar") if req_id == 7]
    assert [int(bar.date) for bar in bars] == _MINUTES.start.tolist()
    for name in ("open", "high", "low", "close"):
        assert [getattr(bar, name) for bar in bars] == [round(one, 2) for one in getattr(_MINUTES, name).tolist()]
    volume = {157: "0", 163: "0.6", 173: "0.6"}.get(version, "60")
    assert {str(bar.volume) for bar in bars} == {volume}
    assert [bar.barCount for bar in bars] == _MINUTES.count.tolist()
    assert [float(bar.wap) for bar in bars] == pytest.approx(_MINUTES.wap.tolist())
    shown = "20240104  16:00:00" if version < 174 else "20240104 16:00:00 US/Eastern"
    assert end[1:3] == (7, shown)


@pytest.mark.parametrize("version", _VERSIONS)
async def test_the_official_client_understands_contracts_heads_schedules_and_small_talk(
    start: Start, version: int
) -> None:
    started = await start(max_version=version)
    async with _official(started.port) as official:
        client = official.client
        client.reqContractDetails(1, _stock())
        client.reqHeadTimeStamp(2, _stock(), "TRADES", 1, 1)
        client.reqMatchingSymbols(3, "AAP")
        client.reqCurrentTime()
        client.reqPositions()
        client.reqOpenOrders()
        if version >= 165:
            client.reqHistoricalData(4, _stock(), _END, "5 D", "1 day", "SCHEDULE", 1, 1, False, [])
        for name in ("contract_end", "head", "symbols", "time", "positions_end", "orders_end"):
            await official.wait_for(name)
        if version >= 165:
            _, _, first, last, zone, sessions = await official.wait_for("schedule")
            assert (first, last, zone) == ("20240101-09:30:00", "20240105-16:00:00", "US/Eastern")
            assert [one.refDate for one in sessions] == [f"2024010{day}" for day in range(1, 6)]
    details = official.heard.all("contract")[0][2]
    assert (details.contract.conId, details.contract.symbol, details.longName) == (265598, "AAPL", "APPLE INC")
    assert (details.minTick, details.timeZoneId, details.stockType) == (0.01, "US/Eastern", "COMMON")
    assert (details.contract.primaryExchange, details.contract.exchange) == ("NASDAQ", "SMART")
    assert details.tradingHours.startswith("20240108:0400-20240108:2000;")
    assert {one.tag: one.value for one in details.secIdList} == {"ISIN": "US0378331005"}
    assert official.heard.all("head")[0][2] == "19801212-14:30:00"
    assert official.heard.all("symbols")[0][2][0].contract.symbol == "AAPL"


@pytest.mark.parametrize("version", [176, 200, 208, 225])
async def test_the_official_client_is_told_of_errors_and_cancellations(start: Start, version: int) -> None:
    started = await start(max_version=version, faults=FaultScript((Fault("silence", Match("historical")),)))
    async with _official(started.port) as official:
        official.client.reqContractDetails(1, _stock(con_id=99))
        _ask(official.client, 2, size="1 minute")
        _ask(official.client, 3)
        await until(lambda: started.simulator.open_requests == 1)
        official.client.cancelHistoricalData(3)
        official.client.cancelHistoricalData(4)
        await until(lambda: len(official.heard.refusals()) == 4)
        errors = official.heard.refusals()
    assert [(req_id, code) for req_id, code, _ in errors] == [(1, 200), (2, 321), (3, 162), (4, 366)]
    assert errors[2][2] == "Historical Market Data Service error message:API historical data query cancelled: 3"


@pytest.mark.parametrize("version", [200, 225])
async def test_the_official_client_reads_texts_beyond_ascii(start: Start, version: int) -> None:
    spanish = "Mensaje de error de los servicios de datos de mercado históricos:invalid step: 1"
    started = await start(max_version=version, faults=FaultScript((Fault("error", code=162, text=spanish),)))
    async with _official(started.port) as official:
        _ask(official.client, 2)
        await until(official.heard.refusals)
    assert official.heard.refusals() == [(2, 162, spanish)]


@asynccontextmanager
async def _ib_async(port: int, **options: Any) -> AsyncIterator[ib_async.IB]:
    ib = ib_async.IB()
    await ib.connectAsync("127.0.0.1", port, timeout=3, raiseSyncErrors=True, **options)
    try:
        yield ib
    finally:
        ib.disconnect()
        await asyncio.sleep(0)


@pytest.mark.parametrize("version", [157, 176, 200])
@pytest.mark.parametrize("client_id", [0, 1])
async def test_ib_async_connects_with_all_its_questions_answered(start: Start, version: int, client_id: int) -> None:
    started = await start(max_version=version)
    async with _ib_async(started.port, clientId=client_id) as ib:
        assert ib.client.serverVersion() == min(version, 178)
        assert ib.managedAccounts() == ["SIM0000001"]
        assert not ib.positions()
    assert not started.events("unknown_message")


@pytest.mark.parametrize("format_date", [1, 2])
async def test_ib_async_reads_bars_contracts_and_heads(start: Start, format_date: int) -> None:
    started = await start()
    async with _ib_async(started.port, clientId=3) as ib:
        (apple,) = await ib.qualifyContractsAsync(ib_async.Stock("AAPL", "SMART", "USD"))
        assert isinstance(apple, ib_async.Contract)
        assert apple.conId == 265598
        bars = await ib.reqHistoricalDataAsync(
            apple, _END, "1 D", "1 min", "TRADES", useRTH=True, formatDate=format_date
        )
        days = await ib.reqHistoricalDataAsync(apple, _END, "3 D", "1 day", "TRADES", useRTH=True)
        head = await ib.reqHeadTimeStampAsync(apple, "TRADES", useRTH=True, formatDate=1)
        future = ib_async.Future("ES", "202312", "CME", includeExpired=True)
        (details,) = await ib.reqContractDetailsAsync(future)
        schedule = await ib.reqHistoricalScheduleAsync(apple, 5, _END)
    starts = [bar.date.timestamp() for bar in bars if isinstance(bar.date, datetime)]
    assert starts == _MINUTES.start.tolist()
    assert [bar.close for bar in bars] == [round(one, 2) for one in _MINUTES.close.tolist()]
    assert [f"{bar.date:%Y%m%d}" for bar in days] == ["20240103", "20240104", "20240105"]
    assert "1980-12-12 14:30:00" in str(head)
    assert details.contract is not None
    assert details.contract.localSymbol == "ESZ3"
    assert details.lastTradeTime == "15:00:00"
    assert [one.refDate for one in schedule.sessions] == [f"2024010{day}" for day in range(1, 6)]
