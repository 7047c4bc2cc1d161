"""The gateway client against the simulator, which shares no code with it: every protocol, every mood."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from ingest.clock import SystemClock
from ingest.domain.answer import HistoricalAnswer
from ingest.domain.bar_size import BarSize
from ingest.domain.instrument import Instrument, InstrumentQuery
from ingest.domain.request import Duration, HistoricalRequest
from ingest.domain.series import Origin, Series
from ingest.domain.what import WhatToShow
from ingest.errors import AnswerBroken, GatewayLost, IngestError, PacingViolation, RequestRefused, RequestTimedOut
from ingest.gateway.address import Deadlines, GatewayAddress
from ingest.gateway.client import Gateway
from ingest.gateway.gate import PacedGate
from ingest.gateway.pacing import Pacer, PacingRules
from ingest.simulator.clock import SimulatorClock
from ingest.simulator.faults.script import parse_script
from ingest.simulator.manners.latency import Latency
from ingest.simulator.server import RunningSimulator, serve
from ingest.simulator.settings import ServerOptions
from tests.given import at
from tests.simulator.server.tiny import TinyMarket

NOON = at("2024-01-08 12:00")
VERSIONS = [176, 200, 208, 213, 225]
AAPL = Instrument(265598, "AAPL", "STK", "SMART", "USD", local_symbol="AAPL", primary_exchange="NASDAQ")
EUR = Instrument(12087792, "EUR", "CASH", "IDEALPRO", "USD", local_symbol="EUR.USD")

Start = Callable[..., Awaitable[tuple[RunningSimulator, Gateway]]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """A simulator over the tiny market and a gateway connected to it; `scale` speeds up both clocks."""
    async with AsyncExitStack() as stack:
        simulators: list[RunningSimulator] = []

        async def starting(
            version: int = 200,
            faults: str = "",
            scale: float = 10.0,
            rules: PacingRules | None = None,
            **options: object,
        ) -> tuple[RunningSimulator, Gateway]:
            chosen = ServerOptions(latency=Latency(0, 0), faults=parse_script(faults), **options)  # type: ignore[arg-type]
            simulator = await serve(
                chosen, TinyMarket(), SimulatorClock(base=NOON.timestamp(), scale=scale), lambda event: None
            )
            simulators.append(await stack.enter_async_context(simulator))
            clock = SystemClock(scale=scale, start=NOON)
            gateway = Gateway(
                GatewayAddress(port=simulator.port, max_server_version=version),
                clock,
                PacedGate(Pacer(rules or PacingRules()), clock),
                Deadlines(
                    connect=20, handshake=20, session=20, lookup=20, head=20, schedule=20, heartbeat_interval=3600
                ),
            )
            return simulator, await stack.enter_async_context(gateway)

        yield starting
    for one in simulators:
        assert not one.failures


async def ask(
    gateway: Gateway,
    *,
    size: BarSize = BarSize.MIN_1,
    back: int = 0,
    instrument: Instrument = AAPL,
    what: WhatToShow = WhatToShow.TRADES,
    duration: str = "1 D",
    seconds: float = 20,
) -> HistoricalAnswer:
    """Bars up to Saturday, 6 January 2024, or `back` hours before."""
    series = Series(instrument, size, what)
    end = at("2024-01-06") - timedelta(hours=back)
    return await gateway.historical_bars(HistoricalRequest(series, end, Duration.parse(duration)), None, seconds)


@pytest.mark.parametrize("version", VERSIONS)
async def test_every_question_has_its_answer_at_every_protocol(version: int, start: Start) -> None:
    simulator, gateway = await start(version)
    assert (gateway.server_version, gateway.origin) == (version, Origin.SYNTHETIC)
    assert abs(await gateway.current_time() - NOON) < timedelta(minutes=1)
    (apple,) = await gateway.contract_details(InstrumentQuery.parse("AAPL"))
    assert (apple.con_id, apple.primary_exchange, apple.stock_type) == (265598, "NASDAQ", "COMMON")
    assert await gateway.contract_details(InstrumentQuery.parse("NOSUCH")) == ()
    assert [one.symbol for one in await gateway.matching_symbols("AAP")] == ["AAPL"]
    head = await gateway.head_timestamp(Series(apple, BarSize.MIN_1, WhatToShow.TRADES))
    assert head.head == at("1980-12-12 14:30")
    minutes = await ask(gateway)
    assert len(minutes.bars) == 390
    assert minutes.bars.first_ts.as_py() == at("2024-01-05 14:30")
    days = await ask(gateway, size=BarSize.DAY_1, duration="5 D")
    assert [row["ts"].date().day for row in days.bars.table.to_pylist()] == [1, 2, 3, 4, 5]
    sessions = await gateway.schedule(
        Series(apple, BarSize.DAY_1, WhatToShow.TRADES), at("2024-01-06"), Duration(2, "D")
    )
    assert [one.day.day for one in sessions] == [4, 5]
    assert sessions[-1].hours.start == at("2024-01-05 14:30")
    assert simulator.violations == ()
    assert simulator.open_requests == 0


async def test_every_protocol_gives_the_same_bars(start: Start) -> None:
    tables = []
    for version in VERSIONS:
        _, gateway = await start(version)
        tables.append((await ask(gateway)).bars.table)
        tables.append((await ask(gateway, instrument=EUR, what=WhatToShow.MIDPOINT)).bars.table)
    for trades, midpoints in zip(tables[2::2], tables[3::2], strict=True):
        assert trades.equals(tables[0])
        assert midpoints.equals(tables[1])
    assert tables[1].num_rows == 390


async def test_contracts_of_every_kind_are_found(start: Start) -> None:
    _, gateway = await start(225)
    (euro,) = await gateway.contract_details(InstrumentQuery.parse("EUR.USD"))
    assert (euro.label, euro.sec_type) == ("EUR.USD", "CASH")
    futures = await gateway.contract_details(InstrumentQuery.parse("ES:FUT"))
    assert sorted(one.local_symbol for one in futures) == ["ESH4", "ESZ3"]
    (front,) = await gateway.contract_details(InstrumentQuery.parse("ES:CONTFUT"))
    assert (front.sec_type, front.must_end_now) == ("CONTFUT", True)
    assert await gateway.contract_details(InstrumentQuery.parse("AAPL:ETF")) == ()
    (by_id,) = await gateway.contract_details(InstrumentQuery.parse("con_id:265598"))
    assert by_id.symbol == "AAPL"


async def test_forex_has_no_trades_and_that_is_permanent(start: Start) -> None:
    _, gateway = await start()
    with pytest.raises(RequestRefused) as found:
        await ask(gateway, instrument=EUR)
    assert found.value.permanent


@pytest.mark.parametrize("version", [176, 200, 225])
@pytest.mark.parametrize(
    "action",
    [
        'action = "split"\nsize = 7',
        'action = "byte_by_byte"',
        'action = "glued"',
        'action = "align"',
        'action = "unknown_message"',
        'action = "stray_answer"',
        'action = "slow"\nseconds = 2.0',
        'action = "delay"\nseconds = 2.0',
        'action = "notice"\ncode = 2176\ntext = "Trimmed value"',
    ],
)
async def test_harmless_faults_harm_nobody(version: int, action: str, start: Start) -> None:
    _, gateway = await start(version, f'[[fault]]\n{action}\nmatch = {{ message = "historical" }}')
    assert len((await ask(gateway)).bars) == 390


@pytest.mark.parametrize("version", [176, 200, 225])
@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ('action = "silence"', RequestTimedOut),
        ('action = "missing_end"', RequestTimedOut),
        ('action = "drop"', GatewayLost),
        ('action = "half_frame"', GatewayLost),
        ('action = "disorder"', AnswerBroken),
        ('action = "duplicates"', AnswerBroken),
        ('action = "garbage_price"\nvalue = "nan"', AnswerBroken),
        ('action = "garbage_price"\nvalue = "inf"', AnswerBroken),
        ('action = "error"\nknown = "pacing"', PacingViolation),
        ('action = "error"\nknown = "unheard_of"', RequestRefused),
        ('action = "error"\nknown = "no_permissions"', RequestRefused),
    ],
)
async def test_harmful_faults_are_told_and_the_next_request_is_answered(
    version: int, action: str, kind: type[IngestError], start: Start
) -> None:
    if version == 176 and "missing_end" in action:
        return  # its lists end themselves
    script = f'[[fault]]\n{action}\nmatch = {{ message = "historical", nth = 1 }}'
    _, gateway = await start(version, script, scale=100.0)
    with pytest.raises(kind) as found:
        await ask(gateway, seconds=10)
    assert getattr(found.value, "record", None) is not None
    await gateway.wait_until_ready()
    assert len((await ask(gateway, back=1)).bars) > 0


@pytest.mark.parametrize("version", [200, 225])
async def test_a_look_up_that_is_never_answered_times_out(version: int, start: Start) -> None:
    script = '[[fault]]\naction = "silence"\nmatch = { message = "contract", nth = 1 }'
    _, gateway = await start(version, script, scale=100.0)
    with pytest.raises(RequestTimedOut):
        await gateway.contract_details(InstrumentQuery.parse("AAPL"))
    assert len(await gateway.contract_details(InstrumentQuery.parse("AAPL"))) == 1


@pytest.mark.parametrize("version", [176, 200])
async def test_a_wrong_count_is_seen_where_one_is_announced(version: int, start: Start) -> None:
    _, gateway = await start(version, '[[fault]]\naction = "wrong_count"\ncount = 1')
    with pytest.raises(AnswerBroken, match="were announced"):
        await ask(gateway)


@pytest.mark.parametrize("version", [176, 200, 225])
async def test_a_bad_frame_costs_one_request_at_most(version: int, start: Start) -> None:
    script = '[[fault]]\naction = "bad_frame"\nmatch = { message = "historical", nth = 1 }'
    _, gateway = await start(version, script)
    session = gateway.session
    with pytest.raises(AnswerBroken):
        await ask(gateway)
    assert len((await ask(gateway, back=1)).bars) > 0
    assert gateway.session is session


@pytest.mark.parametrize("handshake", ["split_handshake", "glued_handshake"])
@pytest.mark.parametrize("version", [200, 225])
async def test_unusual_handshakes_are_understood(handshake: str, version: int, start: Start) -> None:
    _, gateway = await start(version, f'[[fault]]\naction = "{handshake}"')
    assert gateway.is_open


async def test_a_gateway_that_restarts_is_found_again(start: Start) -> None:
    _, gateway = await start(200, '[[fault]]\naction = "restart"\nseconds = 5.0\nafter = 2.0', scale=20.0)
    first = gateway.session
    async with asyncio.timeout(5):
        while gateway.is_open:
            await asyncio.sleep(0.01)
    await gateway.wait_until_ready()
    assert gateway.session is not first
    assert len((await ask(gateway)).bars) == 390


async def test_the_simulator_sees_no_violation_when_many_ask_at_once(start: Start) -> None:
    rules = PacingRules(guard=20.0)  # a hiccup of 10 ms is 4 s on this clock
    simulator, gateway = await start(225, scale=400.0, rules=rules, message_rate_rule="off")
    asked = [
        ask(gateway, size=BarSize.SEC_5, back=number, duration="1800 S", instrument=instrument, what=what, seconds=600)
        for number in range(11)
        for instrument, what in ((AAPL, WhatToShow.TRADES), (AAPL, WhatToShow.BID_ASK), (EUR, WhatToShow.BID))
    ]
    answers = await asyncio.gather(*asked)
    assert simulator.violations == ()
    assert len(answers) == 33
    assert gateway._pacer.pacer.violations == 0


async def test_fifty_requests_at_once_are_all_answered(start: Start) -> None:
    simulator, gateway = await start(200, rules=PacingRules(open_requests=50))
    answers = await asyncio.gather(*(ask(gateway, back=number) for number in range(50)))
    assert all(one.record.bar_count == len(one.bars) for one in answers)
    assert simulator.violations == ()
    assert not [name for name in simulator.counters if name.startswith("error")]
