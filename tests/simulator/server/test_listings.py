"""What becomes of contracts, seen through their details: delisted, renamed, moved to another exchange."""

import pytest

from ingest.simulator.faults.script import Fault, FaultScript, FaultScriptError, Schedule, parse_script
from tests.simulator.server.conftest import Start
from tests.simulator.server.raw_client import RawClient, ask_history, connected

AAPL, ES_H4 = 265598, 551601561


def _happens(action: str, con_id: int, after: float = 0.0, **told: str) -> FaultScript:
    return FaultScript((Fault(action, schedule=Schedule(after=after), con_id=con_id, **told),))  # type: ignore[arg-type]


async def _details(client: RawClient, con_id: int, symbol: str = "", exchange: str = "") -> list[str]:
    sec_type = "STK" if symbol else ""
    client.send(9, 8, 1, con_id, symbol, sec_type, "", "", "", "", exchange, *("",) * 4, 0, "", "", "")
    found = await client.fields()
    if found[0] == "10":
        assert (await client.fields())[0] == "52"
    return found


async def test_a_delisted_contract_is_known_no_more_by_any_name(start: Start) -> None:
    started = await start(faults=_happens("delisted", AAPL))
    async with connected(started.port) as client:
        for asked in ((AAPL, ""), (0, "AAPL")):
            found = await _details(client, *asked)
            assert found[2:4] == ["200", "No security definition has been found for the request"]
        ask_history(client, 7)
        assert (await client.fields())[1:3] == ["7", "200"]


async def test_a_renamed_contract_keeps_its_con_id_and_its_bars(start: Start) -> None:
    started = await start(faults=_happens("renamed", AAPL, symbol="PEAR", long_name="PEAR INC"), pacing="off")
    async with connected(started.port) as client:
        by_id, by_name = await _details(client, AAPL), await _details(client, 0, "PEAR")
        assert by_id == by_name
        assert "PEAR INC" in by_id
        assert by_id[2] == "PEAR"
        assert (await _details(client, 0, "AAPL"))[2] == "200"
        ask_history(client, 7)
        assert (await client.fields())[0] == "17"


async def test_a_moved_contract_is_found_at_its_new_exchange_only(start: Start) -> None:
    started = await start(faults=_happens("moved", ES_H4, exchange="GLOBEX"))
    async with connected(started.port) as client:
        assert "GLOBEX" in await _details(client, ES_H4, exchange="GLOBEX")
        assert (await _details(client, ES_H4, exchange="CME"))[2] == "200"


async def test_a_stock_that_moves_keeps_its_routing(start: Start) -> None:
    started = await start(faults=_happens("moved", AAPL, primary_exchange="NYSE"))
    async with connected(started.port) as client:
        found = await _details(client, AAPL, exchange="SMART")
    assert "NYSE" in found
    assert "NASDAQ" not in found


async def test_nothing_happens_before_its_time(start: Start) -> None:
    started = await start(faults=_happens("delisted", AAPL, after=3600))
    async with connected(started.port) as client:
        assert (await _details(client, AAPL))[2] == "AAPL"
        await started.simulator.play(Fault("delisted", con_id=AAPL))
        assert (await _details(client, AAPL))[2] == "200"


def test_a_script_tells_whom_it_is_about() -> None:
    (fault,) = parse_script('[[fault]]\naction = "renamed"\ncon_id = 7\nsymbol = "X"\n').faults
    assert (fault.con_id, fault.symbol, fault.schedule.after) == (7, "X", 0.0)
    with pytest.raises(FaultScriptError, match="delisted needs con_id"):
        parse_script('[[fault]]\naction = "delisted"\n')
    with pytest.raises(FaultScriptError, match="moved does not take symbol"):
        parse_script('[[fault]]\naction = "moved"\ncon_id = 7\nsymbol = "X"\n')
