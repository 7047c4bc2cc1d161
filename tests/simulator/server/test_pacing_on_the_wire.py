"""Pacing as a client meets it: 162, a line in the log, and budgets shared by all clients of the login."""

import asyncio

import pytest

from tests.simulator.server.conftest import Start, Started
from tests.simulator.server.raw_client import RawClient, ask_history, connected

_PACING = "Historical Market Data Service error message:Historical data request pacing violation"
_SMALL = {"size": "30 secs", "duration": "60 S"}


async def _outcome(client: RawClient, req_id: int, **wanted: object) -> str:
    """`bars`, or the text of the error."""
    ask_history(client, req_id, **wanted)
    fields = await client.fields()
    if fields[0] == "17":
        await client.fields()
        return "bars"
    assert fields[2] == "162"
    return fields[3]


def _rules(started: Started) -> list[str]:
    assert [one.rule for one in started.simulator.violations] == [one["rule"] for one in started.events("violation")]
    return [one.rule for one in started.simulator.violations]


async def test_the_same_small_request_twice_is_a_pacing_violation_whichever_client_sends_it(start: Start) -> None:
    started = await start()
    async with connected(started.port, client_id=1) as one, connected(started.port, client_id=2) as two:
        assert await _outcome(one, 1, **_SMALL) == "bars"
        assert await _outcome(two, 9, **_SMALL) == _PACING
    assert _rules(started) == ["identical"]
    assert started.simulator.violations[0].client_id == 2


async def test_bars_of_a_minute_are_not_paced(start: Start) -> None:
    started = await start()
    async with connected(started.port) as client:
        for req_id in range(30):
            assert await _outcome(client, req_id, size="1 min", duration="60 S") == "bars"
    assert not _rules(started)


async def test_head_timestamps_are_paced_whatever_they_are_for(start: Start) -> None:
    started = await start()
    async with connected(started.port) as client:
        for req_id in (1, 2):
            client.send(87, req_id, 265598, *("",) * 6, "SMART", *("",) * 4, 0, 1, "TRADES", 1)
        assert (await client.fields())[3] == _PACING
        assert (await client.fields())[:2] == ["88", "1"]
    assert _rules(started) == ["identical"]


async def test_the_windows_shrink_with_the_clocks_scale(start: Start) -> None:
    started = await start(scale=200)
    async with connected(started.port) as client:
        assert await _outcome(client, 1, **_SMALL) == "bars"
        await asyncio.sleep(16 / 200)
        assert await _outcome(client, 2, **_SMALL) == "bars"


async def test_a_gateway_that_applies_pacing_answers_late_and_refuses_nothing(start: Start) -> None:
    started = await start(scale=200, pacing="apply")
    async with connected(started.port) as client:
        before = started.simulator.login.clock.now()
        for req_id in range(3):
            assert await _outcome(client, req_id, **_SMALL) == "bars"
        assert started.simulator.login.clock.now() - before >= 30
    assert not _rules(started)


@pytest.mark.parametrize(("what", "allowed"), [("TRADES", 5), ("BID_ASK", 2)])
async def test_a_burst_for_one_contract_is_cut_at_six_and_BID_ASK_counts_double(  # noqa: N802
    start: Start, what: str, allowed: int
) -> None:
    started = await start()
    async with connected(started.port) as client:
        outcomes = [
            await _outcome(client, nth, size="30 secs", duration=f"{60 + nth * 30} S", what=what) for nth in range(6)
        ]
    assert outcomes == ["bars"] * allowed + [_PACING] * (6 - allowed)
    assert _rules(started) == ["burst"] * (6 - allowed)
