"""Historical answers over a real socket: layouts by version, windows, dates, limits, cancellation."""

import asyncio
from datetime import datetime
from typing import Any

import pytest

from ingest.simulator.manners.latency import Latency
from ingest.simulator.wire import protobuf as pb
from tests.simulator.server.conftest import NOW, Start
from tests.simulator.server.raw_client import RawClient, ask_history, connected, until
from tests.simulator.server.tiny import at

_BAR_FIELDS = 8


async def _bars(client: RawClient, req_id: int, **wanted: Any) -> list[list[str]]:
    """The rows of a text answer at version 196..207."""
    ask_history(client, req_id, **wanted)
    fields = await client.fields()
    assert fields[:2] == ["17", str(req_id)], fields
    rows = [fields[at : at + _BAR_FIELDS] for at in range(3, len(fields), _BAR_FIELDS)]
    assert len(rows) == int(fields[2])
    end = await client.fields()
    assert end[:2] == ["108", str(req_id)]
    return rows


async def _refusal(client: RawClient, req_id: int, **wanted: Any) -> tuple[int, str]:
    ask_history(client, req_id, **wanted)
    fields = await client.fields()
    assert fields[:2] == ["4", str(req_id)], fields
    return int(fields[2]), fields[3]


def _epoch(text: str) -> str:
    return str(int(at(text)))


async def test_up_to_195_start_and_end_stand_in_the_data_message(start: Start) -> None:
    started = await start()
    async with connected(started.port, 195) as client:
        ask_history(client, 9, size="1 hour", format=1)
        fields = await client.fields()
        assert fields[:5] == ["17", "9", "20240104 16:00:00 US/Eastern", "20240105 16:00:00 US/Eastern", "7"]
        assert fields[5] == "20240105 09:30:00 US/Eastern"
        client.send(49, 1)
        assert (await client.fields())[0] == "49"


async def test_from_196_the_end_is_a_message_of_its_own(start: Start) -> None:
    started = await start()
    async with connected(started.port, 200) as client:
        ask_history(client, 9, size="1 hour", format=1)
        assert (await client.fields())[:4] == ["17", "9", "7", "20240105 09:30:00 US/Eastern"]
        assert await client.fields() == ["108", "9", "20240104 16:00:00 US/Eastern", "20240105 16:00:00 US/Eastern"]


@pytest.mark.parametrize("version", [208, 213, 225])
async def test_from_208_both_are_protobuf(start: Start, version: int) -> None:
    started = await start()
    async with connected(started.port, version) as client:
        ask_history(client, 9, size="1 hour", format=1)
        data, end = await client.message(217), await client.message(308)
    first = pb.parse(bytes(data[2][0]))
    assert len(data[2]) == 7
    assert first[1] == [b"20240105 09:30:00 US/Eastern"]
    assert end == {1: [9], 2: [b"20240104 16:00:00 US/Eastern"], 3: [b"20240105 16:00:00 US/Eastern"]}


async def test_before_174_dates_have_two_blanks_and_the_gateways_own_zone(start: Start) -> None:
    started = await start(time_zone="Europe/Paris")
    async with connected(started.port, 173) as client:
        ask_history(client, 9, size="1 hour", format=1)
        fields = await client.fields()
    assert fields[2:6] == ["20240104  22:00:00", "20240105  22:00:00", "7", "20240105  15:30:00"]


@pytest.mark.parametrize(("version", "volume"), [(157, "0"), (163, "0.6"), (174, "0.6"), (175, "60")])
async def test_volume_of_a_us_stock_is_in_hundreds_before_175_and_whole_before_163(
    start: Start, version: int, volume: str
) -> None:
    started = await start()
    async with connected(started.port, version) as client:
        ask_history(client, 9)
        if version < 163:
            warning = await client.fields()
            assert warning[2:4] == ["9", "2176"]
            assert warning[4].endswith("Trimmed value 0.6 to 0")
        assert (await client.next_of(17))[10] == volume


@pytest.mark.parametrize(
    ("format_date", "first"),
    [(1, "20240105 09:30:00 US/Eastern"), (2, "1704465000"), (3, "0105 09:30:00 US/Eastern")],
)
async def test_the_three_date_formats(start: Start, format_date: int, first: str) -> None:
    started = await start()
    async with connected(started.port) as client:
        assert (await _bars(client, 1, format=format_date))[0][0] == first


@pytest.mark.parametrize("size", ["1 day", "1W", "1M"])
async def test_bars_of_a_day_and_longer_carry_a_date_whatever_the_format(start: Start, size: str) -> None:
    started = await start()
    async with connected(started.port) as client:
        rows = await _bars(client, 1, size=size, duration="2 D", format=2)
    assert [row[0] for row in rows] == ["20240104", "20240105"]


async def test_dates_can_be_the_operators(start: Start) -> None:
    started = await start(zone_attributes="operator", time_zone="Europe/Amsterdam")
    async with connected(started.port) as client:
        assert (await _bars(client, 1, format=1))[0][0] == "20240105 15:30:00 Europe/Amsterdam"


async def test_D_counts_sessions_across_a_weekend(start: Start) -> None:  # noqa: N802
    started = await start()
    async with connected(started.port) as client:
        daily = await _bars(client, 1, size="1 day", duration="3 D", end="20240109-00:00:00")
        minutes = await _bars(client, 2, duration="1 D", end="20240107-12:00:00")
    assert [row[0] for row in daily] == ["20240103", "20240104", "20240105"]
    assert (minutes[0][0], minutes[-1][0]) == (_epoch("2024-01-05T14:30:00"), _epoch("2024-01-05T20:59:00"))


async def test_a_session_under_way_counts_as_one_of_D(start: Start) -> None:  # noqa: N802
    started = await start(now=at("2024-01-08T15:00:00"))
    async with connected(started.port) as client:
        rows = await _bars(client, 1, size="1 day", duration="2 D", end="")
    assert [row[0] for row in rows] == ["20240105", "20240108"]
    assert rows[-1][5] == "1800"


async def test_S_counts_seconds_and_the_bar_that_holds_the_end_is_cut(start: Start) -> None:  # noqa: N802
    started = await start()
    async with connected(started.port) as client:
        rows = await _bars(client, 1, duration="180 S", end="20240105-18:00:30")
    assert [row[0] for row in rows] == [_epoch(f"2024-01-05T17:{minute}:00") for minute in (57, 58, 59)] + [
        _epoch("2024-01-05T18:00:00")
    ]
    assert [row[5] for row in rows] == ["60", "60", "60", "30"]


async def test_M_is_calendar_time(start: Start) -> None:  # noqa: N802
    started = await start()
    async with connected(started.port) as client:
        rows = await _bars(client, 1, size="1 day", duration="1 M", end="20240105 17:00:00 US/Eastern")
        ask_history(client, 2, size="1 day", duration="1 M", end="20240105 17:00:00 US/Eastern")
        end = await client.next_of(108)
    # The session of the first day had opened before the window did.
    assert (rows[0][0], rows[-1][0]) == ("20231206", "20240105")
    assert end[2:] == ["20231205 17:00:00 US/Eastern", "20240105 17:00:00 US/Eastern"]


async def test_nothing_later_than_now_is_told(start: Start) -> None:
    started = await start(now=at("2024-01-05T15:00:30"))
    async with connected(started.port) as client:
        rows = await _bars(client, 1, end="20240105-21:00:00")
        ask_history(client, 2, end="20240105-21:00:00", size="2 mins")
        end = await client.next_of(108)
    assert rows[-1][0] == _epoch("2024-01-05T15:00:00")
    assert 30 <= float(rows[-1][5]) <= 32
    assert end[3] == "20240105 16:00:00 US/Eastern"


async def test_bars_of_half_a_minute_reach_back_six_months_only(start: Start) -> None:
    started = await start(pacing="off")
    async with connected(started.port) as client:
        assert len(await _bars(client, 1, size="30 secs", end="20230711-20:00:00")) > 100
        assert (await _refusal(client, 2, size="30 secs", end="20230701-20:00:00"))[1].endswith(
            "HMDS query returned no data: AAPL@SMART Trades"
        )
        assert len(await _bars(client, 3, size="1 min", end="20230701-20:00:00")) > 100


async def test_a_time_without_zone_is_the_gateways_and_earns_a_warning_first(start: Start) -> None:
    started = await start()
    async with connected(started.port) as client:
        ask_history(client, 1, end="20240105 12:00:00", duration="60 S")
        warning, data = await client.fields(), await client.fields()
    assert warning[:3] == ["4", "1", "2174"]
    assert data[3] == _epoch("2024-01-05T16:59:00")


@pytest.mark.parametrize(
    ("wanted", "code", "text"),
    [
        (
            {"con_id": 12087792, "sec_type": "CASH", "exchange": "IDEALPRO"},
            162,
            "No historical market data for EUR/CASH@IDEALPRO Last 60",
        ),
        ({"con_id": 7}, 162, "HMDS query returned no data: DULL@SMART Trades"),
        (
            {"con_id": 551601561, "sec_type": "CONTFUT", "exchange": "CME"},
            10339,
            "Setting end date/time for continuous future",
        ),
        (
            {"con_id": 479624278, "sec_type": "CRYPTO", "exchange": "PAXOS"},
            10299,
            "Expected what to show is AGGTRADES, please use that instead of TRADES.",
        ),
        ({"what": "ADJUSTED_LAST"}, 321, "cause - End date not supported with adjusted last"),
        ({"live": 1, "end": ""}, 321, "cause - Live updates are not simulated."),
        ({"live": 1}, 321, "cause - End date not supported with live updates"),
        ({"what": "SCHEDULE"}, 10295, "Only daily resolution supported for Schedule requests"),
        ({"size": "1 secs"}, 162, "invalid step: 1"),
        ({"size": "1 secs", "duration": "2001 S"}, 162, "Time length exceed max."),
        ({"end": "yesterday"}, 10314, "End Date/Time: The date, time, or time-zone entered is invalid."),
        ({"con_id": 0, "symbol": "NOPE"}, 200, "No security definition has been found for the request"),
        ({"exchange": "LSE"}, 200, "Invalid destination exchange specified"),
        ({"con_id": 495512563, "sec_type": "FUT", "exchange": "CME"}, 200, "No security definition"),
        (
            {"con_id": 0, "symbol": "ES", "sec_type": "FUT", "exchange": "CME", "expired": 1},
            200,
            "The contract description specified for ES is ambiguous.",
        ),
    ],
)
async def test_what_cannot_be_answered_is_refused_in_IBs_words_and_without_an_end(  # noqa: N802
    start: Start, wanted: dict[str, object], code: int, text: str
) -> None:
    started = await start()
    async with connected(started.port) as client:
        got, words = await _refusal(client, 1, **wanted)
        assert got == code
        assert text in words
        client.send(49, 1)
        assert (await client.fields())[0] == "49"
    assert not started.simulator.open_requests
    assert started.events("answer")[0]["outcome"] == "refused"


async def test_an_expired_future_has_history_for_those_who_ask_for_expired_ones(start: Start) -> None:
    started = await start()
    expired = {"con_id": 495512563, "sec_type": "FUT", "exchange": "CME", "expired": 1}
    async with connected(started.port) as client:
        assert await _bars(client, 1, **expired, end="20231214-18:00:00")
    late = await start(now=at("2025-12-30T12:00:00"))
    async with connected(late.port) as client:
        assert (await _refusal(client, 1, **expired, end="20231214-18:00:00"))[0] == 200


@pytest.mark.parametrize("con_id", [551601561, 900])
async def test_a_continuous_future_is_served_up_to_now_by_its_own_id_or_the_fronts(start: Start, con_id: int) -> None:
    started = await start()
    async with connected(started.port) as client:
        rows = await _bars(client, 1, con_id=con_id, sec_type="CONTFUT", exchange="CME", end="", size="1 day")
    assert rows[-1][0] == "20240105"


async def test_the_details_of_a_continuous_future_name_the_front_contract(start: Start) -> None:
    started = await start()
    async with connected(started.port) as client:
        client.send(9, 8, 1, 0, "ES", "CONTFUT", "", "", "", "", "CME", "", "USD", "", "", 0, "", "", "")
        fields = await client.fields()
    assert fields[3:6] == ["CONTFUT", "20240315 15:00:00 US/Central", "20240315"]
    assert (fields[10], fields[13]) == ("ESH4", "551601561")


async def test_the_own_id_of_a_continuous_future_is_no_future(start: Start) -> None:
    started = await start()
    async with connected(started.port) as client:
        assert (await _refusal(client, 1, con_id=900, sec_type="FUT", exchange="CME"))[0] == 200


async def test_prices_have_the_decimals_of_the_tick(start: Start) -> None:
    started = await start()
    euro = {"con_id": 12087792, "sec_type": "CASH", "exchange": "IDEALPRO", "duration": "60 S"}
    async with connected(started.port) as client:
        stock = (await _bars(client, 2, duration="60 S"))[0]
        bid = (await _bars(client, 3, **euro, what="BID"))[0]
        midpoint = (await _bars(client, 4, **euro, what="MIDPOINT"))[0]
    assert [len(row[1].partition(".")[2]) for row in (stock, bid, midpoint)] == [2, 5, 6]


async def test_a_schedule_lists_the_sessions_in_the_contracts_zone_and_no_end_follows(start: Start) -> None:
    started = await start()
    wanted = {"what": "SCHEDULE", "size": "1 day", "duration": "2 D"}
    async with connected(started.port, 200) as client:
        ask_history(client, 5, **wanted)
        fields = await client.fields()
        client.send(49, 1)
        assert (await client.fields())[0] == "49"
    assert fields == [
        "106", "5", "20240104-09:30:00", "20240105-16:00:00", "US/Eastern", "2",
        "20240104-09:30:00", "20240104-16:00:00", "20240104",
        "20240105-09:30:00", "20240105-16:00:00", "20240105",
    ]  # fmt: skip
    async with connected(started.port, 225, client_id=2) as client:
        ask_history(client, 6, **wanted)
        answer = await client.message(306)
    assert answer[4] == [b"US/Eastern"]
    assert len(answer[5]) == 2


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
        await _bars(client, 3)
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
        code, words = await _refusal(two, 99)
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
        first, second = await _bars(one, 1), await _bars(two, 8)
        await _bars(one, 2, format=1)
    cache = started.simulator.login.desk.cache
    assert first == second
    assert (cache.hits, cache.misses) == (1, 2)
    small = await start(answer_cache_bytes=30_000)
    async with connected(small.port) as client:
        for minutes in (1, 2, 3):
            await _bars(client, minutes, end=f"20240105 15:0{minutes}:00 US/Eastern")
    assert 0 < small.simulator.login.desk.cache.size <= 30_000


async def test_a_request_and_its_answer_are_logged_with_all_they_were_about(start: Start) -> None:
    started = await start()
    async with connected(started.port, client_id=4) as client:
        await _bars(client, 12, duration="3600 S", end="20240105-15:30:00")
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
