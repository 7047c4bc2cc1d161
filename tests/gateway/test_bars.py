"""Bars from a gateway that answers well, and from one that does everything else."""

import asyncio
from collections.abc import Callable

import pytest

from ingest.domain.answer import RequestKind, RequestOutcome, RequestRecord
from ingest.domain.window import Window
from ingest.errors import (
    AnswerBroken,
    GatewayLost,
    PacingViolation,
    RequestRefused,
    RequestTimedOut,
)
from tests.gateway.conftest import OTHER, REQUEST, Heard, failing, gateway_at
from tests.gateway.scripted import (
    HMDS,
    LATER,
    NOON,
    Peer,
    bars,
    bars_end,
    error,
    framed,
    replying,
    saying,
    scripted,
    sending,
    text,
    whole,
)
from tests.given import at


async def test_a_clean_answer_comes_with_the_proof_of_it(heard: Heard) -> None:
    window = Window(at("2024-01-09"), at("2024-01-10"))
    async with scripted(replying(whole)) as port, gateway_at(port, heard=heard) as gateway:
        answer = await gateway.historical_bars(REQUEST, window, 3)
    assert [row["open"] for row in answer.bars.table.to_pylist()] == [1.0, 1.0]
    assert answer.bars.first_ts.as_py() == at("2024-01-10 12:00")
    record = answer.record
    assert (record.kind, record.outcome, record.bar_count) == (RequestKind.BARS, RequestOutcome.BARS, 2)
    assert (record.window, record.end_text, record.duration) == (window, "20240110-12:00:00", "1 D")
    assert record.login.server_version == 200
    assert record.ended_at is not None
    assert record.sent_at <= record.ended_at
    assert [one.outcome for one in heard.records] == [RequestOutcome.SENT, RequestOutcome.BARS]


async def test_below_196_the_list_itself_ends_the_answer() -> None:
    async def reply(peer: Peer, request_id: int) -> None:
        fields = (NOON, 1, 2, 0.5, 1.5, 10, 1.25, 3)
        await peer.send(text(17, request_id, "20240109  12:00:00", "20240110  12:00:00", 1, *fields))

    async with scripted(replying(reply, version=176)) as port, gateway_at(port) as gateway:
        assert len((await gateway.historical_bars(REQUEST, None, 60)).bars) == 1


@pytest.mark.parametrize("piece", [1, 5, 4096])
async def test_answers_in_pieces_are_put_together(piece: int) -> None:
    async def reply(peer: Peer, request_id: int) -> None:
        await peer.send(bars(request_id, *range(NOON, NOON + 60 * 9, 60)), bars_end(request_id), piece=piece)

    async with scripted(replying(reply)) as port, gateway_at(port) as gateway:
        assert len((await gateway.historical_bars(REQUEST, None, 30)).bars) == 9


@pytest.mark.parametrize("multiple", [1, 2, 18])
async def test_a_burst_of_exactly_a_multiple_of_4096_bytes_loses_nothing(multiple: int) -> None:
    async def reply(peer: Peer, request_id: int) -> None:
        answer = framed(bars(request_id, NOON), bars_end(request_id))
        notice = error(-1, 2106, "HMDS data farm connection is OK:")
        missing = multiple * 4096 - len(answer) - len(framed(notice))
        burst = framed(error(-1, 2106, "HMDS data farm connection is OK:" + "u" * missing)) + answer
        assert len(burst) == multiple * 4096
        await peer.write(burst)

    async with scripted(replying(reply)) as port, gateway_at(port) as gateway:
        assert len((await gateway.historical_bars(REQUEST, None, 60)).bars) == 1


async def test_answers_to_several_requests_may_come_in_any_order() -> None:
    async def script(peer: Peer) -> None:
        await peer.start()
        first, second = int((await peer.frame())[1]), int((await peer.frame())[1])
        await peer.send(bars(second, NOON), bars(first, NOON, LATER), bars_end(second), bars_end(first))
        await peer.closed()

    async with scripted(script) as port, gateway_at(port) as gateway:
        answers = await asyncio.gather(*(gateway.historical_bars(one, None, 60) for one in (REQUEST, OTHER)))
    assert [len(one.bars) for one in answers] == [2, 1]


async def test_ibs_own_no_data_is_an_answer_without_bars() -> None:
    sentence = HMDS + "HMDS query returned no data: AAPL@SMART Trades"
    async with scripted(replying(saying(162, sentence))) as port, gateway_at(port) as gateway:
        answer = await gateway.historical_bars(REQUEST, None, 60)
    assert len(answer.bars) == 0
    assert answer.no_data_text == sentence
    assert (answer.record.outcome, answer.record.code) == (RequestOutcome.NO_DATA, 162)


async def test_an_empty_list_with_its_end_is_no_data_without_a_sentence() -> None:
    reply = sending(lambda number: framed(bars(number), bars_end(number)))
    async with scripted(replying(reply)) as port, gateway_at(port) as gateway:
        answer = await gateway.historical_bars(REQUEST, None, 60)
    assert (len(answer.bars), answer.no_data_text, answer.record.outcome) == (0, "", RequestOutcome.NO_DATA)


@pytest.mark.parametrize(
    ("code", "message", "permanent", "reaction"),
    [
        (162, HMDS + "Kein Text, den jemand kennt: no data", False, "retry"),
        (162, HMDS + "No historical market data for EUR/CASH@IDEALPRO Last 60", True, "series_permanent"),
        (162, HMDS + "invalid step: 1", True, "shrink"),
        (200, "No security definition has been found for the request", True, "series_permanent"),
        (354, "Requested market data is not subscribed.", False, "operator"),
        (10314, "End Date/Time: The date, time, or time-zone entered is invalid.", True, "client_bug"),
    ],
)
async def test_a_refusal_carries_ibs_words_and_what_to_do(
    code: int, message: str, *, permanent: bool, reaction: str
) -> None:
    async with scripted(replying(saying(code, message), whole)) as port, gateway_at(port) as gateway:
        found = await failing(gateway, RequestRefused)
        assert (found.code, found.text, found.permanent, found.reaction) == (code, message, permanent, reaction)
        assert isinstance(found.record, RequestRecord)
        assert (found.record.outcome, found.record.code, found.record.text) == (RequestOutcome.ERROR, code, message)
        assert len((await gateway.historical_bars(OTHER, None, 60)).bars) == 2


async def test_a_pacing_violation_makes_the_whole_login_pause() -> None:
    reply = saying(162, HMDS + "Historical data request pacing violation")
    async with scripted(replying(reply)) as port, gateway_at(port) as gateway:
        assert (await failing(gateway, PacingViolation)).reaction == "pacing"
        assert gateway._pacer.pacer.violations == 1


async def test_warnings_do_not_end_a_request_and_are_handed_over() -> None:
    async def reply(peer: Peer, request_id: int) -> None:
        await peer.send(error(request_id, 2176, "Trimmed value"), error(request_id, 10167, "Delayed"))
        await whole(peer, request_id)

    async with scripted(replying(reply)) as port, gateway_at(port) as gateway:
        assert (await gateway.historical_bars(REQUEST, None, 60)).notices == ("2176 Trimmed value", "10167 Delayed")


async def test_a_request_without_an_answer_times_out_is_cancelled_and_forgotten() -> None:
    cancelled: list[list[str]] = []

    async def late(peer: Peer, request_id: int) -> None:
        cancelled.append(await peer.frame())
        await peer.send(bars(request_id, NOON), bars_end(request_id))
        await peer.send(error(request_id, 162, HMDS + f"API historical data query cancelled: {request_id}"))
        await peer.send(error(request_id, 366, "No historical data query found for ticker id"))

    async with scripted(replying(late, whole)) as port, gateway_at(port) as gateway:
        found = await failing(gateway, RequestTimedOut, seconds=3)
        assert isinstance(found.record, RequestRecord)
        assert found.record.outcome is RequestOutcome.TIMED_OUT
        answer = await gateway.historical_bars(OTHER, None, 60)
        assert len(answer.bars) == 2
        assert gateway.session.strays.late == 4
        assert cancelled[0][:2] == ["25", "1"]
        assert gateway._pacer.pacer.open_now == 0


async def test_bars_without_their_end_marker_time_out() -> None:
    reply = sending(lambda number: framed(bars(number, NOON)))
    async with scripted(replying(reply)) as port, gateway_at(port) as gateway:
        await failing(gateway, RequestTimedOut, seconds=3)


async def test_a_task_that_is_cancelled_cancels_its_request_at_ib() -> None:
    seen = asyncio.Event()
    cancelled: list[list[str]] = []

    async def reply(peer: Peer, request_id: int) -> None:
        seen.set()
        cancelled.append(await peer.frame())

    async with scripted(replying(reply, whole)) as port, gateway_at(port) as gateway:
        task = asyncio.create_task(gateway.historical_bars(REQUEST, None, 30))
        await seen.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len((await gateway.historical_bars(OTHER, None, 60)).bars) == 2
    assert cancelled[0][0] == "25"


@pytest.mark.parametrize(
    "make",
    [
        lambda number: framed(bars(number, NOON, announced=2), bars_end(number)),
        lambda number: framed(bars(number, NOON, NOON), bars_end(number)),
        lambda number: framed(bars(number, LATER, NOON), bars_end(number)),
        lambda number: framed(bars_end(number)),
        lambda number: framed(bars(number, NOON), bars(number, LATER), bars_end(number)),
        lambda number: framed(bars(number, NOON).replace(b"2.00", b"nan"), bars_end(number)),
        lambda number: framed(bars(number, NOON)[:-9], bars_end(number)),
        lambda number: framed(text(106, number, "", "", "US/Eastern", 0)),
    ],
    ids=["count", "duplicate", "order", "no list", "two lists", "price", "cut", "schedule"],
)
async def test_an_answer_that_cannot_be_trusted_is_broken_and_the_session_lives(make: Callable[[int], bytes]) -> None:
    async with scripted(replying(sending(make), whole)) as port, gateway_at(port) as gateway:
        session = gateway.session
        await failing(gateway, AnswerBroken)
        async with asyncio.timeout(2):
            assert gateway.session is session


async def test_a_bad_frame_in_the_middle_is_kept_and_harms_nobody() -> None:
    rubbish = b"\xff\xfe no message at all"
    reply = sending(lambda number: framed(bars(number, NOON), rubbish, bars_end(number)))
    async with scripted(replying(reply)) as port, gateway_at(port) as gateway:
        assert len((await gateway.historical_bars(REQUEST, None, 60)).bars) == 1
        traffic = gateway.session.transport.traffic
        assert traffic.dead_letters == 1
        assert traffic.letters[0].payload == rubbish


async def test_messages_nobody_knows_are_counted() -> None:
    reply = sending(lambda number: framed(text(250, 1), text(3, "order"), bars(77, NOON)), then_whole=True)
    async with scripted(replying(reply)) as port, gateway_at(port) as gateway:
        assert len((await gateway.historical_bars(REQUEST, None, 60)).bars) == 2
        assert gateway.session.strays.unknown == 3


async def test_a_frame_of_an_impossible_length_ends_the_session_with_the_reason() -> None:
    reply = sending(lambda number: b"\x7f\xff\xff\xff")
    async with scripted(replying(reply)) as port, gateway_at(port) as gateway:
        found = await failing(gateway, GatewayLost)
        assert "announced a frame of 2,147,483,647 bytes" in found.message
        assert not gateway.is_open


async def test_a_server_that_closes_in_the_middle_of_an_answer_is_lost_not_empty() -> None:
    async def script(peer: Peer) -> None:
        await peer.start()
        number = int((await peer.frame())[1])
        await peer.write(framed(bars(number, NOON), bars_end(number))[:-3])

    async with scripted(script) as port, gateway_at(port) as gateway:
        found = await failing(gateway, GatewayLost)
        assert isinstance(found.record, RequestRecord)
        assert found.record.outcome is RequestOutcome.DISCONNECTED
        with pytest.raises(GatewayLost) as again:
            await gateway.historical_bars(OTHER, None, 60)
        assert again.value.record is None


async def test_closing_ends_what_is_in_flight() -> None:
    async with scripted(replying(sending(lambda number: b""))) as port, gateway_at(port) as gateway:
        task = asyncio.create_task(gateway.historical_bars(REQUEST, None, 30))
        await asyncio.sleep(0.02)
        await gateway.close()
        with pytest.raises(GatewayLost):
            await task
