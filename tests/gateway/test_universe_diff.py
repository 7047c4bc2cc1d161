"""A universe against a gateway that tells the truth, lies, falls silent or hangs up: only IB's own word removes."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from sqlalchemy import Engine, text

from ingest.app import universe_diff, universes
from ingest.app.resolving import resolve_all
from ingest.app.universe_diff import Diff, Difference, Kind, compare
from ingest.clock import FakeClock
from ingest.domain.instrument import Instrument, InstrumentQuery
from ingest.domain.ledger import Entry, State
from ingest.domain.series import Origin
from ingest.domain.window import Window
from ingest.errors import AmbiguousInstrument, GatewayLost, UnknownInstrument, UsageError
from ingest.gateway.address import Deadlines
from ingest.gateway.client import Gateway
from ingest.simulator.clock import SimulatorClock
from ingest.simulator.faults.script import Fault, parse_script
from ingest.simulator.manners.latency import Latency
from ingest.simulator.market.types import Contract
from ingest.simulator.server import RunningSimulator, serve
from ingest.simulator.settings import ServerOptions
from ingest.store import instruments, ledger
from ingest.store import series as series_store
from ingest.wishes import Universe
from tests import given
from tests.gateway.conftest import PATIENT, SHORT, gateway_at
from tests.given import at
from tests.simulator.server import tiny

NOON = at("2024-01-08 12:00")
CLOCK = FakeClock(NOON)
KO = replace(tiny.AAPL, con_id=8894, symbol="KO", local_symbol="KO", long_name="COCA-COLA CO/THE", sec_ids=())
CROWD = tuple(replace(KO, con_id=100 + n, symbol=f"X{n}", local_symbol=f"X{n}") for n in range(40))
CL = replace(tiny.ES_H4, symbol="CL", exchange="NYMEX", valid_exchanges="NYMEX", trading_class="CL", multiplier="1000")
MONTHS = tuple(
    replace(CL, con_id=2000 + n, expiry=f"2024{n:02d}19", contract_month=f"2024{n:02d}", local_symbol=f"CL{n}")
    for n in (3, 1, 2, 4)
)
SILVER = tuple(
    replace(CL, con_id=3000 + n, symbol="SI", trading_class=name, multiplier=size, local_symbol=f"{name}H4")
    for n, (name, size) in enumerate((("SI", "5000"), ("SIL", "1000")))
)
LISTED = (tiny.AAPL, KO, tiny.ES_H4, tiny.ES_Z3, tiny.ES_CONT, tiny.EUR, *CROWD, *MONTHS, *SILVER)


@asynccontextmanager
async def listing(
    *contracts: Contract, faults: str = "", patience: Deadlines = PATIENT
) -> AsyncIterator[tuple[RunningSimulator, Gateway]]:
    """A simulator of these contracts and a gateway to it."""
    options = ServerOptions(latency=Latency(0, 0), faults=parse_script(faults), message_rate_rule="off")
    market, clock = tiny.TinyMarket(contracts or LISTED), SimulatorClock(NOON.timestamp(), 10.0)
    async with (
        await serve(options, market, clock, lambda _event: None) as simulator,
        gateway_at(simulator.port, deadlines=patience) as gateway,
    ):
        yield simulator, gateway


def made(engine: Engine, *symbols: str, exchange: str = "") -> None:
    universes.create(engine, Universe(symbols, exchange=exchange, name="us"))


async def found(gateway: Gateway, engine: Engine) -> Diff:
    return await compare(gateway, engine, "us", CLOCK, lambda _done, _of: None)


async def known(engine: Engine, *symbols: str, exchange: str = "") -> None:
    """A universe whose members were all found once."""
    made(engine, *symbols, exchange=exchange)
    async with listing() as (_, gateway):
        assert not (await found(gateway, engine)).differences


def kinds(diff: Diff) -> list[tuple[str, Kind]]:
    return [(each.member.symbol, each.kind) for each in diff.differences]


def apply(engine: Engine, diff: Diff) -> tuple[Difference, ...]:
    return universe_diff.apply(engine, diff, "2024-01-08")


def present(engine: Engine) -> list[str]:
    return [asked.symbol for asked in universes.asked_of(engine, Universe((), name="us"), Origin.SYNTHETIC)]


def _without(*gone: Contract) -> tuple[Contract, ...]:
    return tuple(one for one in LISTED if one not in gone)


async def test_members_are_found_and_kept_as_their_contracts(engine: Engine) -> None:
    made(engine, "AAPL", "EUR.USD", "ES:FUT:202403@CME", "ES:CONTFUT@CME", "con_id:8894")
    async with listing() as (_, gateway):
        diff = await found(gateway, engine)
    assert (diff.members, diff.differences) == (5, ())
    queries = [asked.query for asked in universes.asked_of(engine, Universe((), name="us"), Origin.SYNTHETIC)]
    assert [query.con_id for query in queries[:3]] == [265598, 12087792, 551601561]
    assert queries[3].con_id > 10**12
    assert queries[4].con_id == 8894


async def test_a_contract_that_IB_denies_is_delisted_and_leaves_only_when_told(engine: Engine) -> None:  # noqa: N802
    await known(engine, "AAPL", "KO")
    async with listing(*_without(KO)) as (_, gateway):
        diff = await found(gateway, engine)
        assert kinds(diff) == [("KO", Kind.DELISTED)]
        assert diff.differences[0].note == "IB no longer knows con_id 8894"
        assert present(engine) == ["AAPL", "KO"]
        apply(engine, diff)
        assert present(engine) == ["AAPL"]
        assert not (await found(gateway, engine)).differences
    with engine.connect() as connection:
        reason = connection.execute(text("SELECT reason FROM ingest.universe_members WHERE symbol = 'KO'")).scalar()
        assert reason == "delisted: IB no longer knows con_id 8894 (2024-01-08)"
        assert instruments.by_con_id(connection, 8894, Origin.SYNTHETIC) is not None


async def test_the_only_member_is_delisted_only_while_IB_knows_something(engine: Engine) -> None:  # noqa: N802
    await known(engine, "KO")
    async with listing(*_without(KO, tiny.AAPL)) as (_, gateway):
        assert kinds(await found(gateway, engine)) == [("KO", Kind.UNCHECKED)], "no SPY either"
    spy = replace(KO, con_id=756733, symbol="SPY", local_symbol="SPY")
    async with listing(spy) as (_, gateway):
        assert kinds(await found(gateway, engine)) == [("KO", Kind.DELISTED)]


async def test_who_took_the_name_of_a_delisted_contract_is_told_and_never_taken_for_it(engine: Engine) -> None:
    await known(engine, "AAPL", "KO")
    heir = replace(KO, con_id=999)
    async with listing(tiny.AAPL, heir) as (_, gateway):
        diff = await found(gateway, engine)
    assert [(each.kind, each.now) for each in diff.differences] == [(Kind.DELISTED, "KO is con_id 999")]


async def test_a_change_of_name_follows_the_con_id_also_when_somebody_else_takes_the_name(engine: Engine) -> None:
    await known(engine, "AAPL", "KO")
    renamed = replace(KO, symbol="COKE", local_symbol="COKE", long_name="COKE INC")
    async with listing(tiny.AAPL, renamed, replace(KO, con_id=999)) as (_, gateway):
        diff = await found(gateway, engine)
        assert [(each.kind, each.was, each.now) for each in diff.differences] == [
            (Kind.RENAMED, "KO (COCA-COLA CO/THE)", "COKE (COKE INC)")
        ]
        with engine.connect() as connection:
            assert [row.instrument.con_id for row in instruments.find(connection, "COKE")] == [], "nothing is applied"
        apply(engine, diff)
        assert not (await found(gateway, engine)).differences
        (query,) = (one.query for one in _asked(engine) if one.symbol == "KO")
        assert (await resolve_all(gateway, engine, query, CLOCK))[0].symbol == "COKE"
    with engine.connect() as connection:
        row = instruments.by_con_id(connection, 8894, Origin.SYNTHETIC)
        assert row is not None
        spells = sorted(instruments.names(connection, row.id), key=lambda spell: spell.seen_to is None)
    assert [(spell.symbol, spell.long_name) for spell in spells] == [("KO", KO.long_name), ("COKE", "COKE INC")]


def _asked(engine: Engine) -> tuple[universes.Asked, ...]:
    return universes.asked_of(engine, Universe((), name="us"), Origin.SYNTHETIC)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"long_name": "Apple  Inc"}, []),
        ({"long_name": ""}, []),
        ({"long_name": "APPLE COMPUTER"}, [Kind.RENAMED]),
        ({"local_symbol": "AAPL.X"}, [Kind.RENAMED]),
        ({"primary_exchange": "NYSE"}, [Kind.MOVED]),
        ({"primary_exchange": "NYSE", "symbol": "PEAR"}, [Kind.RENAMED, Kind.MOVED]),
    ],
)
async def test_what_counts_as_a_change(engine: Engine, change: dict[str, str], told: list[Kind]) -> None:
    await known(engine, "AAPL")
    async with listing(replace(tiny.AAPL, **change)) as (_, gateway):  # type: ignore[arg-type]
        diff = await found(gateway, engine)
        assert [each.kind for each in diff.differences] == told
        apply(engine, diff)
        assert not (await found(gateway, engine)).differences


async def test_a_future_that_moved_is_found_without_its_exchange_and_asked_for_at_the_new_one(engine: Engine) -> None:
    await known(engine, "ES:FUT:202403@CME")
    async with listing(replace(tiny.ES_H4, exchange="GLOBEX", valid_exchanges="GLOBEX")) as (_, gateway):
        diff = await found(gateway, engine)
        assert [(each.kind, each.was, each.now) for each in diff.differences] == [(Kind.MOVED, "CME", "GLOBEX")]
        apply(engine, diff)
        assert not (await found(gateway, engine)).differences


async def test_a_stock_that_no_route_reaches_keeps_its_route(engine: Engine) -> None:
    await known(engine, "AAPL")
    async with listing(replace(tiny.AAPL, exchange="PINK", valid_exchanges="PINK")) as (_, gateway):
        assert not (await found(gateway, engine)).differences


async def test_what_was_never_found_is_unknown_or_ambiguous(engine: Engine) -> None:
    made(engine, "NOSUCH", "ES:FUT@CME", "SI:FUT:front2@NYMEX", "NOSUCH:FUT:front", "AAPL")
    async with listing() as (_, gateway):
        diff = await found(gateway, engine)
        assert kinds(diff) == [
            ("NOSUCH", Kind.UNKNOWN),
            ("ES:FUT@CME", Kind.AMBIGUOUS),
            ("SI:FUT:front2@NYMEX", Kind.AMBIGUOUS),
            ("NOSUCH:FUT:front", Kind.UNKNOWN),
        ]
        assert diff.differences[1].note.endswith("Name an expiry, ES:FUT:YYYYMM, or the nearest ones, ES:FUT:front2.")
        assert "SI:FUT:front2:SIL@NYMEX in USD, multiplier 1000" in diff.differences[2].note
        assert apply(engine, diff) == ()
    assert len(present(engine)) == 5


# A gateway that does not tell the truth, or nothing at all


async def test_silence_is_no_delisting(engine: Engine) -> None:
    await known(engine, *(one.symbol for one in CROWD))
    silence = '[[fault]]\naction = "silence"\nmatch = { message = "contract" }\n'
    async with listing(tiny.AAPL, faults=silence, patience=SHORT) as (_, gateway):
        diff = await found(gateway, engine)
    assert {each.kind for each in diff.differences} == {Kind.UNCHECKED}
    assert len(diff.differences) == 40
    assert "no complete answer" in diff.differences[0].note
    assert diff.differences[-1].note == "not asked: the gateway stopped answering"
    assert apply(engine, diff) == ()
    assert len(present(engine)) == 40


async def test_a_gateway_that_denies_everything_delists_nobody(engine: Engine) -> None:
    await known(engine, "AAPL", "KO", "EUR.USD")
    denial = '[[fault]]\naction = "error"\nknown = "no_definition"\nmatch = { message = "contract" }\n'
    async with listing(faults=denial) as (_, gateway):
        diff = await found(gateway, engine)
    assert [each.kind for each in diff.differences] == [Kind.UNCHECKED] * 3
    assert "knows no contract at the moment" in diff.differences[0].note


@pytest.mark.parametrize("times", [1, 2, 4])
async def test_a_denial_that_does_not_last_delists_nobody(engine: Engine, times: int) -> None:
    await known(engine, "AAPL", "KO")
    denial = (
        f'[[fault]]\naction = "error"\nknown = "no_definition"\nmatch = {{ message = "contract", times = {times} }}'
    )
    async with listing(faults=denial) as (_, gateway):
        assert not (await found(gateway, engine)).differences


class _Wall:
    """A gateway behind a wall that lets some questions through: `denies` is told how many were asked before in all,
    what is asked, and how often that was."""

    def __init__(self, gateway: Gateway, denies: Callable[[int, int, int], bool]) -> None:
        self._gateway, self._denies = gateway, denies
        self.origin = gateway.origin
        self._asked: Counter[int] = Counter()

    async def contract_details(self, query: InstrumentQuery) -> tuple[Instrument, ...]:
        before = self._asked.total(), query.con_id, self._asked[query.con_id]
        self._asked[query.con_id] += 1
        return () if self._denies(*before) else await self._gateway.contract_details(query)


async def behind(engine: Engine, gateway: Gateway, denies: Callable[[int, int, int], bool]) -> Diff:
    wall = _Wall(gateway, denies)
    return await compare(wall, engine, "us", CLOCK, lambda _done, _of: None)  # type: ignore[arg-type]


@pytest.mark.parametrize("after", range(6))
@pytest.mark.parametrize("many", [2, 4, 1000])
async def test_a_reset_in_the_midst_of_a_comparison_delists_nobody(engine: Engine, after: int, many: int) -> None:
    await known(engine, "AAPL", "KO")
    async with listing() as (_, gateway):
        diff = await behind(engine, gateway, lambda n, _con_id, _times: after <= n < after + many)
    assert {each.kind for each in diff.differences} <= {Kind.UNCHECKED}
    assert apply(engine, diff) == ()


@pytest.mark.parametrize("times", [1, 2, 3])
async def test_a_denial_counts_only_between_two_answers_about_another_contract(engine: Engine, times: int) -> None:
    """KO is denied throughout, AAPL from its second, third or fourth question on."""
    await known(engine, "AAPL", "KO")
    async with listing() as (_, gateway):
        diff = await behind(engine, gateway, lambda _n, con_id, before: con_id == KO.con_id or before >= times)
    assert kinds(diff) == [("KO", Kind.UNCHECKED if times < 3 else Kind.DELISTED)]


async def test_a_lost_session_ends_the_comparison(engine: Engine) -> None:
    await known(engine, "AAPL", "KO", "EUR.USD")
    drop = '[[fault]]\naction = "drop"\nmatch = { message = "contract", nth = 2 }\n'
    async with listing(*_without(KO), faults=drop) as (_, gateway):
        with pytest.raises(GatewayLost):
            await found(gateway, engine)
    assert present(engine) == ["AAPL", "KO", "EUR.USD"]


@pytest.mark.parametrize("spurious", [True, False])
async def test_a_broken_line_to_IB_delists_nobody(engine: Engine, spurious: bool) -> None:  # noqa: N802
    await known(engine, "AAPL", "KO")
    async with listing(*_without(KO)) as (simulator, gateway):
        outage = Fault("connection_lost", seconds=1.0, spurious_200=spurious)
        await simulator.play(outage)
        diff = await found(gateway, engine)  # the line is back, and what it says is not believed yet
        assert kinds(diff) == [("KO", Kind.UNCHECKED)]
        assert "Connectivity to IB is broken" in diff.differences[0].note


# Chains and what expires


async def test_a_chain_counts_the_months_that_are_listed_and_rolls(engine: Engine) -> None:
    async with listing() as (_, gateway):
        query = InstrumentQuery.parse("CL:FUT:front2@NYMEX")
        for now, expected in (
            ("2024-01-08", ["CL1", "CL2"]),
            ("2024-01-20 12:00", ["CL2", "CL3"]),
            ("2024-04-01", ["CL4"]),
        ):
            chain = await resolve_all(gateway, engine, query, FakeClock(at(now)))
            assert [one.label for one in chain] == expected
        with pytest.raises(UnknownInstrument, match="no future"):
            await resolve_all(gateway, engine, query, FakeClock(at("2024-05-01")))


async def test_one_of_several_products_is_named_by_its_class(engine: Engine) -> None:
    async with listing() as (_, gateway):
        with pytest.raises(AmbiguousInstrument, match=r"SI:FUT:front1:SI@NYMEX in USD, multiplier 5000"):
            await resolve_all(gateway, engine, InstrumentQuery.parse("SI:FUT:front@NYMEX"), CLOCK)
        (chosen,) = await resolve_all(gateway, engine, InstrumentQuery.parse("SI:FUT:front:SIL@NYMEX"), CLOCK)
    assert (chosen.con_id, chosen.trading_class) == (3001, "SIL")


async def test_a_diff_tells_what_chains_come_to(engine: Engine) -> None:
    made(engine, "CL:FUT:front2", exchange="NYMEX")
    async with listing() as (_, gateway):
        diff = await found(gateway, engine)
    assert {symbol: [one.label for one in chain] for symbol, chain in diff.chains.items()} == {
        "CL:FUT:front2": ["CL1", "CL2"]
    }
    assert not diff.differences
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM ingest.universe_contracts")).scalar() == 0


async def test_an_expired_member_leaves_when_its_bars_are_complete(engine: Engine) -> None:
    made(engine, "ES:FUT:202312@CME", "AAPL")
    async with listing() as (_, gateway):
        (expired,) = await resolve_all(gateway, engine, InstrumentQuery.parse("ES:FUT:202312@CME"), CLOCK)
        with engine.begin() as connection:
            row = series_store.ensure(connection, given.series(expired), gateway.origin)
            held = Window(at("2023-12-01"), at("2023-12-14"))
            ledger.record(connection, row.id, [Entry(held, State.COVERED)], None)
        diff = await found(gateway, engine)
        assert kinds(diff) == [("ES:FUT:202312@CME", Kind.EXPIRED)]
        assert "it stays until ESZ3 1m TRADES is complete" in diff.differences[0].note
        assert apply(engine, diff) == ()
        with engine.begin() as connection:
            rest = Window(at("2023-12-14"), at("2023-12-16"))
            ledger.record(connection, row.id, [Entry(rest, State.FAILED, "gone", permanent=True)], None)
        apply(engine, await found(gateway, engine))
    assert present(engine) == ["AAPL"]


async def test_nothing_is_compared_for_a_universe_there_is_not(engine: Engine) -> None:
    async with listing() as (_, gateway):
        with pytest.raises(UsageError, match=r"There is no universe 'us'; there is none yet; create it with"):
            await found(gateway, engine)
