"""IB says that a request is too long: the same run asks for less, and the next one remembers."""

from datetime import date
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import Engine

from ingest.app.connecting import fill
from ingest.app.ordering import Wanted, order_of, series_of
from ingest.app.preview import SpanInUse, plan_preview
from ingest.clock import SystemClock
from ingest.config import DatabaseSettings, ExactSettings, GatewaySettings
from ingest.domain.bar_size import BarSize
from ingest.domain.request import Duration
from ingest.progress import Progress, RunReport
from ingest.simulator.clock import SimulatorClock
from ingest.simulator.faults.script import parse_script
from ingest.simulator.manners.latency import Latency
from ingest.simulator.server import RunningSimulator, serve
from ingest.simulator.settings import ServerOptions
from tests.given import AAPL, at
from tests.simulator.server.tiny import TinyMarket

NOW = at("2024-01-29 12:00")
START, END = date(2024, 1, 2), date(2024, 1, 27)
TOO_LONG = """
[[fault]]
action = "error"
known = "too_long"
match.message = "historical"
match.times = 2
"""


async def simulated(faults: str) -> RunningSimulator:
    options = ServerOptions(latency=Latency(0, 0), faults=parse_script(faults))
    return await serve(options, TinyMarket(), SimulatorClock(base=NOW.timestamp()), lambda event: None)


async def filled(settings: ExactSettings, engine: Engine) -> RunReport:
    clock = SystemClock(start=NOW)
    order = order_of(series_of(AAPL, BarSize.MIN_1, None, outside_rth=False), START, END, clock)
    return await fill(settings, engine, [order], Progress(clock.now()), clock)


async def test_a_refused_span_is_halved_in_the_same_run_and_remembered(
    tmp_path: Path, database_url: str, engine: Engine
) -> None:
    async with await simulated(TOO_LONG) as simulator:
        settings = ExactSettings(
            home=tmp_path,
            gateway=GatewaySettings(port=simulator.port, login="main"),
            database=DatabaseSettings(url=SecretStr(database_url)),
        )
        report = await filled(settings, engine)
        assert report.is_complete, report
        assert not simulator.failures
    wanted = Wanted(("AAPL",), (BarSize.MIN_1,), START, date(2024, 1, 28))
    preview = await plan_preview(settings, engine, wanted, SystemClock(start=NOW))
    assert preview.spans == (SpanInUse(BarSize.MIN_1, "STK", Duration(3, "D"), Duration(7, "D"), 7),)
    assert 1 <= preview.open_requests <= preview.open_ceiling == 32
