"""Open queries over a real socket: heads, cancelling, limits, what leaves with a client, the log, look-ups."""

import asyncio
from datetime import datetime

import pytest

from ingest.simulator.manners.latency import Latency
from tests.simulator.server.conftest import NOW, Start
from tests.simulator.server.raw_client import RawClient, ask_history, bar_rows, connected, refusal, until
from tests.simulator.server.tiny import at


async def _head(client: RawClient, req_id: int, con_id: int = 265598, format_date: int = 1) -> None:
    contract = (con_id, "", "", "", "", "", "", "SMART", "", "", "", "")
    client.send(87, req_id, *contract, 0, 1, "TRADES", format_date)


async def test_a_head_timestamp_is_utc_or_epoch(start: Start) -> None:
    started = await start(pacing="off")
    async with connected(started.port) as client:
        await _head(client, 1)
        await _head(client, 2, format_date=2)
        await _head(client, 3, con_id=7)
        assert await client.fields() == ["88", "1", "19801212-14:30:00"]
        assert await client.fields() == ["88", "2", "345479400"]
        assert (await client.fields())[:4] == [
            "4",
            "3",
            "162",
            "Historical Market Data Service error message:No head time stamp",
        ]


async def test_a_head_timestamp_stays_open_until_it_is_cancelled(start: Start) -> None:
    started = await start(pacing="off")
    async with connected(started.port) as client:
        await _head(client, 1)
        await client.next_of(88)
        assert started.simulator.open_requests == 1
        client.send(90, 1)
        client.send(49, 1)
        assert (await client.fields())[0] == "49"
    assert started.simulator.open_requests == 0


async def test_cancelling_an_open_query_is_confirmed_with_162_and_nothing_follows(start: Start) -> None:
    started = await start(latency=Latency(base=0.05))
    async with connected(started.port) as client:
        ask_history(client, 28)
        client.send(25, 1, 28)
        assert (await client.fields())[:4] == [
            "4",
            "28",
            "162",
            "Historical Market Data Service error message:API historical data query cancelled: 28",
        ]
        with pytest.raises(TimeoutError):
            await client.frame(timeout_seconds=0.1)
    assert started.events("answer")[0]["outcome"] == "cancelled"


async def test_cancelling_what_is_not_open_is_366(start: Start) -> None:
    started = await start()
    async with connected(started.port) as client:
        await bar_rows(client, 3)
        client.send(25, 1, 3)
        assert (await client.fields())[1:4] == ["3", "366", "No historical data query found for ticker id:3"]


async def test_a_request_id_that_is_still_open_is_refused_and_the_first_still_answered(start: Start) -> None:
    started = await start(latency=Latency(base=0.02))
    async with connected(started.port) as client:
        ask_history(client, 3)
        ask_history(client, 3, size="5 mins")
        refused = await client.fields()
        assert refused[2:4] == [
            "322",
            "Error processing request:-'bS' : cause - Duplicate ticker ID for API historical data query",
        ]
        assert (await client.fields())[:3] == ["17", "3", "390"]


async def test_the_fifty_first_open_query_is_refused_across_all_clients(start: Start) -> None:
    started = await start(latency=Latency(base=0.1), message_rate_rule="off")
    async with connected(started.port, client_id=1) as one, connected(started.port, client_id=2) as two:
        for req_id in range(25):
            ask_history(one, req_id)
            ask_history(two, req_id)
        await until(lambda: started.simulator.open_requests == 50)
        code, words = await refusal(two, 99)
        assert code == 322
        assert words.endswith("cause - Only 50 simultaneous API historical data requests allowed.")
        await one.next_of(108)
    assert started.events("violation")[0]["rule"] == "open_requests"


async def test_a_client_that_leaves_takes_its_queries_along(start: Start) -> None:
    started = await start(latency=Latency(base=5))
    async with connected(started.port) as client:
        ask_history(client, 1)
        await until(lambda: started.simulator.open_requests == 1)
    await until(lambda: started.simulator.open_requests == 0)


async def test_answers_come_concurrently_unless_the_service_has_room_for_one(start: Start) -> None:
    for room, seconds in ((None, 0.1), (1, 0.5)):
        started = await start(latency=Latency(base=0.1, per_bar=0), hmds_concurrency=room)
        async with connected(started.port) as client:
            for req_id in range(5):
                ask_history(client, req_id)
            before = asyncio.get_running_loop().time()
            for _ in range(5):
                await client.next_of(108)
            assert seconds <= asyncio.get_running_loop().time() - before < seconds + 0.25


async def test_too_many_large_queries_at_once_are_slow_and_some_are_lost(start: Start) -> None:
    overloaded = Latency(0, 0, soft_limit=2, overload_seconds=0.1, overload_drop_every=3)
    started = await start(latency=overloaded)
    async with connected(started.port) as client:
        for req_id in range(6):
            ask_history(client, req_id)
        answered = {int((await client.next_of(17))[1]) for _ in range(4)}
        with pytest.raises(TimeoutError):
            await client.next_of_within(17, 0.6)
    assert len(answered) == 4
    assert [one["outcome"] for one in started.events("answer")].count("dropped_by_load") == 2


async def test_the_same_answer_is_encoded_once_and_no_more_is_kept_than_allowed(start: Start) -> None:
    started = await start()
    async with connected(started.port, client_id=1) as one, connected(started.port, client_id=2) as two:
        first, second = await bar_rows(one, 1), await bar_rows(two, 8)
        await bar_rows(one, 2, format=1)
    cache = started.simulator.login.desk.cache
    assert first == second
    assert (cache.hits, cache.misses) == (1, 2)
    small = await start(answer_cache_bytes=30_000)
    async with connected(small.port) as client:
        for minutes in (1, 2, 3):
            await bar_rows(client, minutes, end=f"20240105 15:0{minutes}:00 US/Eastern")
    assert 0 < small.simulator.login.desk.cache.size <= 30_000


async def test_a_request_and_its_answer_are_logged_with_all_they_were_about(start: Start) -> None:
    started = await start()
    async with connected(started.port, client_id=4) as client:
        await bar_rows(client, 12, duration="3600 S", end="20240105-15:30:00")
    (asked,), (answered,) = started.events("request"), started.events("answer")
    assert answered["request"] == asked["seq"]
    for event in (asked, answered):
        assert {key: event[key] for key in ("req_id", "client_id", "what", "size", "duration", "end")} == {
            "req_id": 12,
            "client_id": 4,
            "what": "TRADES",
            "size": "1 min",
            "duration": "3600 S",
            "end": "20240105-15:30:00",
        }
        assert (event["window_start"], event["window_end"]) == ("2024-01-05T14:30:00Z", "2024-01-05T15:30:00Z")
        assert event["contract"]["symbol"] == "AAPL"
    assert (answered["outcome"], answered["bars"]) == ("answered", 60)
    assert answered["latency"] >= 0
    assert datetime.fromisoformat(answered["time"]).timestamp() >= NOW


async def test_contract_details_by_id_by_description_and_of_several(start: Start) -> None:
    started = await start(now=at("2024-01-05T15:00:00"))
    async with connected(started.port) as client:
        client.send(9, 8, 1, 265598, *("",) * 11, 0, "", "", "")
        stock = await client.fields()
        assert await client.fields() == ["52", "1", "1"]
        client.send(9, 8, 2, 0, "ES", "FUT", "", "", "", "", "CME", "", "USD", "", "", 1, "", "", "")
        futures = [await client.fields(), await client.fields()]
        assert await client.fields() == ["52", "1", "2"]
        client.send(9, 8, 3, 0, "ES", "FUT", "202312", "", "", "", "CME", "", "", "", "", 0, "", "", "")
        gone = await client.fields()
    assert stock[:4] == ["10", "1", "AAPL", "STK"]
    assert stock[27] == (
        "20240105:0400-20240105:2000;20240106:CLOSED;20240107:CLOSED;20240108:0400-20240108:2000;"
        "20240109:0400-20240109:2000;20240110:0400-20240110:2000"
    )
    assert stock[28] == stock[27].replace("0400", "0930").replace("2000", "1600")
    assert [one[4] for one in futures] == ["20240315 15:00:00 US/Central", "20231215 15:00:00 US/Central"]
    assert gone[:3] == ["4", "3", "200"]


async def test_matching_symbols_tell_the_derivatives_on_each(start: Start) -> None:
    started = await start()
    async with connected(started.port) as client:
        client.send(81, 4, "APP")
        assert await client.fields() == ["79", "4", "1", "265598", "AAPL", "STK", "NASDAQ", "USD", "0", "APPLE INC", ""]
