"""Historical answers over a real socket: layouts by version, windows, dates, limits, cancellation."""

import pytest

from ingest.simulator.wire import protobuf as pb
from tests.simulator.server.conftest import Start
from tests.simulator.server.raw_client import ask_history, bar_rows, connected, refusal
from tests.simulator.server.tiny import at


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
        assert (await bar_rows(client, 1, format=format_date))[0][0] == first


@pytest.mark.parametrize("size", ["1 day", "1W", "1M"])
async def test_bars_of_a_day_and_longer_carry_a_date_whatever_the_format(start: Start, size: str) -> None:
    started = await start()
    async with connected(started.port) as client:
        rows = await bar_rows(client, 1, size=size, duration="2 D", format=2)
    assert [row[0] for row in rows] == ["20240104", "20240105"]


async def test_dates_can_be_the_operators(start: Start) -> None:
    started = await start(zone_attributes="operator", time_zone="Europe/Amsterdam")
    async with connected(started.port) as client:
        assert (await bar_rows(client, 1, format=1))[0][0] == "20240105 15:30:00 Europe/Amsterdam"


async def test_D_counts_sessions_across_a_weekend(start: Start) -> None:  # noqa: N802
    started = await start()
    async with connected(started.port) as client:
        daily = await bar_rows(client, 1, size="1 day", duration="3 D", end="20240109-00:00:00")
        minutes = await bar_rows(client, 2, duration="1 D", end="20240107-12:00:00")
    assert [row[0] for row in daily] == ["20240103", "20240104", "20240105"]
    assert (minutes[0][0], minutes[-1][0]) == (_epoch("2024-01-05T14:30:00"), _epoch("2024-01-05T20:59:00"))


async def test_a_session_under_way_counts_as_one_of_D(start: Start) -> None:  # noqa: N802
    started = await start(now=at("2024-01-08T15:00:00"))
    async with connected(started.port) as client:
        rows = await bar_rows(client, 1, size="1 day", duration="2 D", end="")
    assert [row[0] for row in rows] == ["20240105", "20240108"]
    assert rows[-1][5] == "1800"


async def test_S_counts_seconds_and_the_bar_that_holds_the_end_is_cut(start: Start) -> None:  # noqa: N802
    started = await start()
    async with connected(started.port) as client:
        rows = await bar_rows(client, 1, duration="180 S", end="20240105-18:00:30")
    assert [row[0] for row in rows] == [_epoch(f"2024-01-05T17:{minute}:00") for minute in (57, 58, 59)] + [
        _epoch("2024-01-05T18:00:00")
    ]
    assert [row[5] for row in rows] == ["60", "60", "60", "30"]


async def test_M_is_calendar_time(start: Start) -> None:  # noqa: N802
    started = await start()
    async with connected(started.port) as client:
        rows = await bar_rows(client, 1, size="1 day", duration="1 M", end="20240105 17:00:00 US/Eastern")
        ask_history(client, 2, size="1 day", duration="1 M", end="20240105 17:00:00 US/Eastern")
        end = await client.next_of(108)
    # The session of the first day had opened before the window did.
    assert (rows[0][0], rows[-1][0]) == ("20231206", "20240105")
    assert end[2:] == ["20231205 17:00:00 US/Eastern", "20240105 17:00:00 US/Eastern"]


async def test_nothing_later_than_now_is_told(start: Start) -> None:
    started = await start(now=at("2024-01-05T15:00:30"))
    async with connected(started.port) as client:
        rows = await bar_rows(client, 1, end="20240105-21:00:00")
        ask_history(client, 2, end="20240105-21:00:00", size="2 mins")
        end = await client.next_of(108)
    assert rows[-1][0] == _epoch("2024-01-05T15:00:00")
    assert 30 <= float(rows[-1][5]) <= 32
    assert end[3] == "20240105 16:00:00 US/Eastern"


async def test_bars_of_half_a_minute_reach_back_six_months_only(start: Start) -> None:
    started = await start(pacing="off")
    async with connected(started.port) as client:
        assert len(await bar_rows(client, 1, size="30 secs", end="20230711-20:00:00")) > 100
        assert (await refusal(client, 2, size="30 secs", end="20230701-20:00:00"))[1].endswith(
            "HMDS query returned no data: AAPL@SMART Trades"
        )
        assert len(await bar_rows(client, 3, size="1 min", end="20230701-20:00:00")) > 100


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
        got, words = await refusal(client, 1, **wanted)
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
        assert await bar_rows(client, 1, **expired, end="20231214-18:00:00")
    late = await start(now=at("2025-12-30T12:00:00"))
    async with connected(late.port) as client:
        assert (await refusal(client, 1, **expired, end="20231214-18:00:00"))[0] == 200


@pytest.mark.parametrize("con_id", [551601561, 900])
async def test_a_continuous_future_is_served_up_to_now_by_its_own_id_or_the_fronts(start: Start, con_id: int) -> None:
    started = await start()
    async with connected(started.port) as client:
        rows = await bar_rows(client, 1, con_id=con_id, sec_type="CONTFUT", exchange="CME", end="", size="1 day")
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
        assert (await refusal(client, 1, con_id=900, sec_type="FUT", exchange="CME"))[0] == 200


async def test_prices_have_the_decimals_of_the_tick(start: Start) -> None:
    started = await start()
    euro = {"con_id": 12087792, "sec_type": "CASH", "exchange": "IDEALPRO", "duration": "60 S"}
    async with connected(started.port) as client:
        stock = (await bar_rows(client, 2, duration="60 S"))[0]
        bid = (await bar_rows(client, 3, **euro, what="BID"))[0]
        midpoint = (await bar_rows(client, 4, **euro, what="MIDPOINT"))[0]
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
