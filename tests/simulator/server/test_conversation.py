"""The session over a real socket, in raw bytes: handshake, start, small talk, refusals, leaving."""

import asyncio

import pytest

from ingest.simulator.settings import ServerOptions
from ingest.simulator.wire import protobuf as pb
from tests.simulator.server.conftest import Start
from tests.simulator.server.raw_client import RawClient, ask_history, connected, until


@pytest.mark.parametrize(
    ("offered", "version"), [("v100..176", 176), ("v100..225", 225), ("v157..178", 178), ("v100..300", 225)]
)
async def test_the_version_is_the_lower_of_both_maxima(start: Start, offered: str, version: int) -> None:
    started = await start()
    async with connected(started.port, None) as client:
        assert await client.shake(offered) == "20240108 07:00:00 US/Eastern"
        assert client.version == version


async def test_a_gateway_of_an_older_version_speaks_it(start: Start) -> None:
    started = await start(max_version=176)
    async with connected(started.port, 225) as client:
        assert client.version == 176
        client.send(49, 1)
        assert await client.fields() == ["49", "1", "1704715200"]


async def test_a_client_too_old_to_talk_to_is_hung_up_on(start: Start) -> None:
    started = await start()
    async with connected(started.port, None) as client:
        client.writer.write(b"API\0\0\0\0\x09v100..150")
        assert await client.is_closed()
    assert started.events("version_refused")[0]["offered"] == "v100..150"


async def test_what_does_not_open_with_the_prefix_is_hung_up_on(start: Start) -> None:
    started = await start()
    async with connected(started.port, None) as client:
        client.writer.write(b"GET / HTTP/1.1\r\n\r\n")
        assert await client.is_closed()
    assert started.events("framing_error")


async def test_a_hello_that_arrives_byte_by_byte_is_understood(start: Start) -> None:
    started = await start()
    async with connected(started.port, None) as client:
        for byte in b"API\0\0\0\0\x09v100..187":
            client.writer.write(bytes([byte]))
            await client.writer.drain()
        assert (await client.frame()).startswith(b"187\0")


async def test_nothing_is_sent_before_the_start_and_then_accounts_id_and_farms_in_order(start: Start) -> None:
    started = await start()
    async with connected(started.port, 200, client_id=None) as client:
        with pytest.raises(TimeoutError):
            await client.frame(timeout_seconds=0.05)
        await client.start(3)
        assert await client.fields() == ["15", "1", "SIM0000001"]
        assert await client.fields() == ["9", "1", "1"]
        notices = [await client.fields() for _ in range(3)]
    assert [notice[:4] for notice in notices] == [
        ["4", "-1", "2104", "Market data farm connection is OK:usfarm"],
        ["4", "-1", "2106", "HMDS data farm connection is OK:ushmds"],
        ["4", "-1", "2158", "Sec-def data farm connection is OK:secdefnj"],
    ]


async def test_a_request_before_the_start_gets_no_answer(start: Start) -> None:
    started = await start()
    async with connected(started.port, 200, client_id=None) as client:
        client.send(49, 1)
        with pytest.raises(TimeoutError):
            await client.frame(timeout_seconds=0.05)


async def test_a_client_id_in_use_is_refused_with_326_and_free_again_when_its_client_leaves(start: Start) -> None:
    started = await start()
    async with connected(started.port, client_id=5):
        async with connected(started.port, 200, client_id=None) as second:
            await second.start(5)
            assert (await second.fields())[1:3] == ["-1", "326"]
            assert await second.is_closed()
        async with connected(started.port, client_id=6) as third:
            third.send(49, 1)
            assert (await third.fields())[0] == "49"
    await until(lambda: started.events("client_left") and not started.simulator.login.clients)
    async with connected(started.port, client_id=5) as again:
        again.send(49, 1)
        assert (await again.fields())[0] == "49"


async def test_the_two_clocks_of_the_protocol_tell_simulator_time(start: Start) -> None:
    started = await start()
    async with connected(started.port, 200) as client:
        client.send(49, 1)
        client.send(105)
        assert await client.fields() == ["49", "1", "1704715200"]
        message_id, milliseconds = await client.fields()
    assert message_id == "109"
    assert 0 <= int(milliseconds) - 1704715200_000 < 900


async def test_ids_and_accounts_can_be_asked_for_again(start: Start) -> None:
    started = await start(accounts=("SIM1", "SIM2"), next_valid_id=70)
    async with connected(started.port, 225) as client:
        client.send_raw(208, pb.integer(1, 1))
        client.send_raw(217, b"")
        assert await client.message(209) == {1: [70]}
        assert await client.message(215) == {1: [b"SIM1,SIM2"]}


def test_an_account_that_could_be_taken_for_a_real_one_is_refused() -> None:
    with pytest.raises(ValueError, match="begins with SIM"):
        ServerOptions(accounts=("DU1234567",))


@pytest.mark.parametrize(
    ("question", "end"),
    [
        ((5, 1), ["53", "1"]),
        ((16, 1), ["53", "1"]),
        ((6, 2, 1, "SIM0000001"), ["54", "1", "SIM0000001"]),
        ((7, 3, 9, 0, "", "", "", "", "", ""), ["55", "1", "9"]),
        ((61, 1), ["62", "1"]),
        ((62, 1, 9, "All", "NetLiquidation"), ["64", "1", "9"]),
        ((74, 1, 9, "", ""), ["72", "1", "9"]),
        ((76, 1, 9, "SIM0000001", "", 0), ["74", "1", "9"]),
        ((78, 9, "AAPL", "", "STK", 265598), ["76", "9"]),
        ((85,), ["85", "0"]),
        ((99, 0), ["102"]),
    ],
)
async def test_questions_about_the_account_get_the_end_of_an_empty_answer(
    start: Start, question: tuple[object, ...], end: list[str]
) -> None:
    started = await start()
    async with connected(started.port, 200) as client:
        client.send(int(str(question[0])), *question[1:])
        assert await client.fields() == end


@pytest.mark.parametrize(
    ("raw_id", "body", "end_id", "end"),
    [
        (205, b"", 253, {}),
        (206, pb.integer(1, 1) + pb.string(2, "SIM0000001"), 254, {1: [b"SIM0000001"]}),
        (207, pb.integer(1, 9), 255, {1: [9]}),
        (261, b"", 262, {}),
        (276, pb.integer(1, 9), 274, {1: [9]}),
        (299, b"", 302, {}),
    ],
)
async def test_the_same_questions_in_protobuf_get_protobuf_ends(
    start: Start, raw_id: int, body: bytes, end_id: int, end: dict[int, list[int | bytes]]
) -> None:
    started = await start()
    async with connected(started.port, 225) as client:
        client.send_raw(raw_id, body)
        assert await client.message(end_id) == end


@pytest.mark.parametrize("message_id", [3, 4, 21, 58])
async def test_whatever_would_trade_is_refused_as_read_only_and_logged(start: Start, message_id: int) -> None:
    started = await start()
    async with connected(started.port, 200) as client:
        client.send(message_id, 77, "whatever", "follows")
        error = await client.fields()
        client.send(49, 1)
        assert (await client.fields())[0] == "49"
    assert error[2:4] == [
        "321",
        "Error validating request.-'bM' : cause - The API interface is currently in Read-Only mode.",
    ]
    assert started.events("order_refused")[0]["message_id"] == message_id


async def test_an_order_in_protobuf_is_refused_under_its_own_id(start: Start) -> None:
    started = await start()
    async with connected(started.port, 225) as client:
        client.send_raw(203, pb.integer(1, 77))
        error = await client.message(204)
    assert (error[1], error[3]) == ([77], [321])


@pytest.mark.parametrize(
    ("message_id", "fields", "code"),
    [(1, (11, 4, 0, "AAPL"), "321"), (150, ("?",), "320"), (20, ("not-a-number",), "320"), (20, (1, 2), "320")],
)
async def test_unknown_and_unreadable_messages_are_answered_and_the_session_goes_on(
    start: Start, message_id: int, fields: tuple[object, ...], code: str
) -> None:
    started = await start()
    async with connected(started.port, 200) as client:
        client.send(message_id, *fields)
        assert (await client.fields())[2] == code
        client.send(49, 1)
        assert (await client.fields())[0] == "49"


async def test_a_text_message_where_the_version_demands_protobuf_is_malformed(start: Start) -> None:
    started = await start()
    async with connected(started.port, 225) as client:
        client.send(49, 1)
        error = await client.message(204)
    assert error[3] == [320]
    assert b"must be protobuf at server version 225" in bytes(error[4][0])


@pytest.mark.parametrize(
    ("version", "fields"),
    [(160, 5), (170, 6), (200, 6)],
)
async def test_an_error_has_as_many_fields_as_its_version_wants(start: Start, version: int, fields: int) -> None:
    started = await start()
    async with connected(started.port, version) as client:
        ask_history(client, 4, what="NONSENSE")
        error = await client.fields()
    assert len(error) == fields
    offset = 1 if version < 194 else 0
    assert error[1 + offset : 3 + offset] == ["4", "321"]


async def test_a_frame_larger_than_the_protocol_allows_ends_the_session(start: Start) -> None:
    started = await start()
    async with connected(started.port) as client:
        client.writer.write(b"\x7f\xff\xff\xff")
        assert await client.is_closed()


async def test_frames_glued_together_are_read_apart(start: Start) -> None:
    started = await start()
    async with connected(started.port) as client:
        client.writer.write(b"\0\0\0\x0549\x001\0" * 3)
        assert [(await client.fields())[0] for _ in range(3)] == ["49"] * 3


async def test_the_log_is_numbered_without_gaps_and_begins_with_where_it_listens(start: Start) -> None:
    started = await start()
    async with connected(started.port) as client:
        ask_history(client, 1)
        await client.next_of(108)
    assert started.log[0]["event"] == "listening"
    assert started.log[0]["port"] == started.port
    assert [one["seq"] for one in started.log] == list(range(1, len(started.log) + 1))


async def test_closing_the_simulator_drops_its_clients(start: Start) -> None:
    started = await start()
    async with connected(started.port) as client:
        await started.simulator.close()
        assert await client.is_closed()


async def _rush(client: RawClient, messages: int) -> None:
    for _ in range(messages):
        client.send(49, 1)
    await client.writer.drain()


async def test_a_message_too_many_in_a_second_is_answered_with_100_and_the_third_time_is_the_last(start: Start) -> None:
    started = await start()
    async with connected(started.port) as client:
        await _rush(client, 160)
        codes = []
        try:
            while True:
                codes.append((await client.fields())[:3][-1])
        except asyncio.IncompleteReadError:
            pass
    assert codes.count("100") == 3
    assert [one["rule"] for one in started.events("violation")] == ["message_rate"] * 3


async def test_a_gateway_that_paces_messages_answers_all_of_them_late(start: Start) -> None:
    started = await start(message_rate_rule="pace", scale=50)
    async with connected(started.port) as client:
        before = started.simulator.login.clock.now()
        await _rush(client, 160)
        assert [(await client.fields())[0] for _ in range(160)] == ["49"] * 160
        assert started.simulator.login.clock.now() - before >= 2.0
    assert not started.events("violation")
