"""Requests on a session that works, and on one that does everything else."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

import pytest

from ingest.domain.answer import RequestKind, RequestOutcome, RequestRecord
from ingest.domain.bar_size import BarSize
from ingest.domain.instrument import InstrumentQuery
from ingest.domain.request import Duration, HistoricalRequest
from ingest.domain.window import Window
from ingest.errors import (
    AnswerBroken,
    GatewayLost,
    PacingViolation,
    RequestRefused,
    RequestTimedOut,
    UsageError,
)
from ingest.gateway.client import Gateway
from tests.gateway.captures import text_payload
from tests.gateway.conftest import MINUTES, REQUEST, SHORT, Heard, gateway_at
from tests.gateway.scripted import Peer, Script, bars, bars_end, error, framed, scripted, text
from tests.given import at

HMDS = "Historical Market Data Service error message:"
NOON, LATER = 1704888000, 1704888060
OTHER = HistoricalRequest(replace(MINUTES, bar_size=BarSize.MIN_5), at("2024-01-10 12:00"), Duration(1, "D"))

E = TypeVar("E", RequestRefused, RequestTimedOut, PacingViolation, AnswerBroken, GatewayLost)
Reply = Callable[[Peer, int], Awaitable[None]]


def replying(*replies: Reply, version: int = 200) -> Script:
    """A gateway that starts well and then gives the n-th request the n-th reply."""

    async def script(peer: Peer) -> None:
        await peer.start(version)
        for reply in replies:
            fields = await peer.frame()
            await reply(peer, int(fields[2] if fields[0] == "9" else fields[1]))
        await peer.closed()

    return script


async def whole(peer: Peer, request_id: int) -> None:
    await peer.send(bars(request_id, NOON, LATER), bars_end(request_id))


def saying(code: int, message: str) -> Reply:
    async def reply(peer: Peer, request_id: int) -> None:
        await peer.send(error(request_id, code, message))

    return reply


def sending(make: Callable[[int], bytes], *, then_whole: bool = False) -> Reply:
    """A reply made of raw bytes, length prefixes included."""

    async def reply(peer: Peer, request_id: int) -> None:
        await peer.write(make(request_id))
        if then_whole:
            await whole(peer, request_id)

    return reply


async def failing(gateway: Gateway, kind: type[E], request: HistoricalRequest = REQUEST) -> E:
    """Ask for bars and expect this error, with the record of the request."""
    with pytest.raises(kind) as found:
        await gateway.historical_bars(request, None, 3)
    record = found.value.record
    assert isinstance(record, RequestRecord)
    assert record.ended_at is not None
    return found.value


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
        assert len((await gateway.historical_bars(REQUEST, None, 3)).bars) == 1


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
        assert len((await gateway.historical_bars(REQUEST, None, 3)).bars) == 1


async def test_answers_to_several_requests_may_come_in_any_order() -> None:
    async def script(peer: Peer) -> None:
        await peer.start()
        first, second = int((await peer.frame())[1]), int((await peer.frame())[1])
        await peer.send(bars(second, NOON), bars(first, NOON, LATER), bars_end(second), bars_end(first))
        await peer.closed()

    async with scripted(script) as port, gateway_at(port) as gateway:
        answers = await asyncio.gather(*(gateway.historical_bars(one, None, 3) for one in (REQUEST, OTHER)))
    assert [len(one.bars) for one in answers] == [2, 1]


async def test_ibs_own_no_data_is_an_answer_without_bars() -> None:
    sentence = HMDS + "HMDS query returned no data: AAPL@SMART Trades"
    async with scripted(replying(saying(162, sentence))) as port, gateway_at(port) as gateway:
        answer = await gateway.historical_bars(REQUEST, None, 3)
    assert len(answer.bars) == 0
    assert answer.no_data_text == sentence
    assert (answer.record.outcome, answer.record.code) == (RequestOutcome.NO_DATA, 162)


async def test_an_empty_list_with_its_end_is_no_data_without_a_sentence() -> None:
    reply = sending(lambda number: framed(bars(number), bars_end(number)))
    async with scripted(replying(reply)) as port, gateway_at(port) as gateway:
        answer = await gateway.historical_bars(REQUEST, None, 3)
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
        assert len((await gateway.historical_bars(OTHER, None, 3)).bars) == 2


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
        assert (await gateway.historical_bars(REQUEST, None, 3)).notices == ("2176 Trimmed value", "10167 Delayed")


async def test_a_request_without_an_answer_times_out_is_cancelled_and_forgotten() -> None:
    cancelled: list[list[str]] = []

    async def late(peer: Peer, request_id: int) -> None:
        cancelled.append(await peer.frame())
        await peer.send(bars(request_id, NOON), bars_end(request_id))
        await peer.send(error(request_id, 162, HMDS + f"API historical data query cancelled: {request_id}"))
        await peer.send(error(request_id, 366, "No historical data query found for ticker id"))

    async with scripted(replying(late, whole)) as port, gateway_at(port) as gateway:
        found = await failing(gateway, RequestTimedOut)
        assert isinstance(found.record, RequestRecord)
        assert found.record.outcome is RequestOutcome.TIMED_OUT
        answer = await gateway.historical_bars(OTHER, None, 3)
        assert len(answer.bars) == 2
        assert gateway.session.strays.late == 4
        assert cancelled[0][:2] == ["25", "1"]
        assert gateway._pacer.pacer.open_now == 0


async def test_bars_without_their_end_marker_time_out() -> None:
    reply = sending(lambda number: framed(bars(number, NOON)))
    async with scripted(replying(reply)) as port, gateway_at(port) as gateway:
        await failing(gateway, RequestTimedOut)


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
        assert len((await gateway.historical_bars(OTHER, None, 3)).bars) == 2
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
        assert len((await gateway.historical_bars(REQUEST, None, 3)).bars) == 1
        traffic = gateway.session.transport.traffic
        assert traffic.dead_letters == 1
        assert traffic.letters[0].payload == rubbish


async def test_messages_nobody_knows_are_counted() -> None:
    reply = sending(lambda number: framed(text(250, 1), text(3, "order"), bars(77, NOON)), then_whole=True)
    async with scripted(replying(reply)) as port, gateway_at(port) as gateway:
        assert len((await gateway.historical_bars(REQUEST, None, 3)).bars) == 2
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
            await gateway.historical_bars(OTHER, None, 3)
        assert again.value.record is None


async def test_closing_ends_what_is_in_flight() -> None:
    async with scripted(replying(sending(lambda number: b""))) as port, gateway_at(port) as gateway:
        task = asyncio.create_task(gateway.historical_bars(REQUEST, None, 30))
        await asyncio.sleep(0.02)
        await gateway.close()
        with pytest.raises(GatewayLost):
            await task


@pytest.mark.parametrize("restored", [1101, 1102])
async def test_what_was_in_flight_while_ib_was_unreachable_is_lost(restored: int, heard: Heard) -> None:
    async def reply(peer: Peer, request_id: int) -> None:
        await peer.send(error(-1, 1100, "Connectivity between IB and TWS has been lost."))
        await asyncio.sleep(0.02)
        await peer.send(error(-1, restored, "Connectivity between IB and TWS has been restored."))

    async def past_the_cancel(peer: Peer, request_id: int) -> None:
        await whole(peer, int((await peer.frame())[1]))

    async with scripted(replying(reply, past_the_cancel)) as port, gateway_at(port, heard=heard) as gateway:
        found = await failing(gateway, GatewayLost)
        assert "unreachable for a while" in found.message
        assert [one.code for one in heard.notices] == [1100, restored]
        await gateway.wait_until_ready()
        assert len((await gateway.historical_bars(OTHER, None, 3)).bars) == 2


async def test_nothing_is_sent_while_ib_is_unreachable_and_waiting_ends_when_it_is_back() -> None:
    back = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.start()
        await peer.send(error(-1, 1100, "lost"))
        await back.wait()
        await peer.send(error(-1, 1102, "restored"))
        await whole(peer, int((await peer.frame())[1]))

    async with scripted(script) as port, gateway_at(port) as gateway:
        await asyncio.sleep(0.02)
        with pytest.raises(GatewayLost, match="no connection to IB") as found:
            await gateway.historical_bars(REQUEST, None, 3)
        assert found.value.record is None
        waiting = asyncio.create_task(gateway.wait_until_ready())
        await asyncio.sleep(0.02)
        assert not waiting.done()
        back.set()
        await waiting
        assert len((await gateway.historical_bars(REQUEST, None, 3)).bars) == 2


async def test_an_error_200_while_ib_is_unreachable_is_not_believed() -> None:
    async def reply(peer: Peer, request_id: int) -> None:
        await peer.send(error(-1, 1100, "lost"))
        await peer.send(error(request_id, 200, "No security definition has been found for the request"))

    async with scripted(replying(reply)) as port, gateway_at(port) as gateway:
        found = await failing(gateway, RequestRefused)
        assert (found.permanent, found.reaction) == (False, "wait_connectivity")


async def test_a_competing_session_is_told_to_whoever_listens(heard: Heard) -> None:
    async def script(peer: Peer) -> None:
        await peer.start()
        await peer.send(error(-1, 10197, "No market data during competing live session"))
        await peer.closed()

    async with scripted(script) as port, gateway_at(port, heard=heard):
        await asyncio.sleep(0.02)
    assert "username" in heard.notices[0].hint


async def test_a_gateway_that_went_silent_is_noticed_although_its_socket_is_open() -> None:
    asked: list[str] = []

    async def script(peer: Peer) -> None:
        await peer.start()
        asked.append((await peer.frame())[0])
        await peer.closed()

    deadlines = replace(SHORT, heartbeat_interval=5.0, current_time=2.0)
    async with scripted(script) as port, gateway_at(port, deadlines=deadlines) as gateway:
        async with asyncio.timeout(5):
            while gateway.is_open:
                await asyncio.sleep(0.02)
        with pytest.raises(GatewayLost, match="gone silent"):
            await gateway.current_time()
    assert asked == ["49"]


async def test_a_gateway_that_tells_its_time_stays() -> None:
    async def script(peer: Peer) -> None:
        await peer.start()
        for _ in range(2):
            assert (await peer.frame())[0] == "49"
            await peer.send(text(49, 1, NOON))
        await peer.closed()

    deadlines = replace(SHORT, heartbeat_interval=6.0, current_time=2.0)
    async with scripted(script) as port, gateway_at(port, deadlines=deadlines) as gateway:
        await asyncio.sleep(1.5)
        assert gateway.is_open


async def test_the_time_is_asked_once_for_all_who_want_it() -> None:
    async def script(peer: Peer) -> None:
        await peer.start()
        assert (await peer.frame())[0] == "49"
        await peer.send(text(49, 1, NOON))
        await peer.closed()

    async with scripted(script) as port, gateway_at(port) as gateway:
        times = await asyncio.gather(gateway.current_time(), gateway.current_time())
        assert [*times, await gateway.current_time()] == [at("2024-01-10 12:00")] * 3


async def test_contracts_are_found_with_everything_known_of_them() -> None:
    async def reply(peer: Peer, request_id: int) -> None:
        details = text_payload(10).replace(b"\x001001\x00", f"\0{request_id}\0".encode(), 1)
        await peer.send(details, details.replace(b"\x00265598\x00", b"\x00265599\x00"), text(52, 1, request_id))

    async with scripted(replying(reply)) as port, gateway_at(port) as gateway:
        found = await gateway.contract_details(InstrumentQuery("AAPL"))
    assert [(one.con_id, one.long_name) for one in found] == [(265598, "APPLE INC"), (265599, "APPLE INC")]


async def test_an_unknown_contract_is_an_empty_answer_and_an_ambiguous_one_a_refusal() -> None:
    unknown = saying(200, "No security definition has been found for the request")
    ambiguous = saying(200, "The contract description specified for DESX5 is ambiguous;\nyou must specify")
    async with scripted(replying(unknown, ambiguous)) as port, gateway_at(port) as gateway:
        assert await gateway.contract_details(InstrumentQuery("NOPE")) == ()
        with pytest.raises(RequestRefused, match="ambiguous"):
            await gateway.contract_details(InstrumentQuery("DESX5"))


async def test_one_unreadable_contract_breaks_the_list_instead_of_shortening_it() -> None:
    async def reply(peer: Peer, request_id: int) -> None:
        details = text_payload(10).replace(b"\x001001\x00", f"\0{request_id}\0".encode(), 1)
        await peer.send(details, text(10, request_id, "AAPL"), text(52, 1, request_id))

    async def nameless(peer: Peer, request_id: int) -> None:
        await peer.send(b"rubbish", text(52, 1, request_id))

    async with scripted(replying(reply, nameless)) as port, gateway_at(port) as gateway:
        for _ in range(2):
            with pytest.raises(AnswerBroken):
                await gateway.contract_details(InstrumentQuery("AAPL"))


async def test_a_search_gives_matches() -> None:
    async def reply(peer: Peer, request_id: int) -> None:
        await peer.send(text(79, request_id, 1, 265598, "AAPL", "STK", "NASDAQ", "USD", 1, "OPT", "APPLE INC", ""))

    async with scripted(replying(reply)) as port, gateway_at(port) as gateway:
        (found,) = await gateway.matching_symbols("appl")
        assert (found.con_id, found.description, found.derivatives) == (265598, "APPLE INC", ("OPT",))
        with pytest.raises(UsageError):
            await gateway.matching_symbols("  ")


@pytest.mark.parametrize("answer", ["345479400", "19801212-14:30:00", "19801212-14:30:00Z"])
async def test_a_head_timestamp_is_cancelled_after_its_answer(answer: str) -> None:
    cancelled: list[list[str]] = []

    async def reply(peer: Peer, request_id: int) -> None:
        await peer.send(text(88, request_id, answer))
        cancelled.append(await peer.frame())
        assert cancelled[-1] == ["90", str(request_id)]

    async with scripted(replying(reply)) as port, gateway_at(port) as gateway:
        found = await gateway.head_timestamp(MINUTES)
        await asyncio.sleep(0.02)
    assert found.head == at("1980-12-12 14:30")
    assert (found.record.kind, found.record.outcome) == (RequestKind.HEAD, RequestOutcome.BARS)
    assert len(cancelled) == 1


async def test_a_series_without_a_head_timestamp_says_so() -> None:
    async with scripted(replying(saying(162, HMDS + "No head time stamp"))) as port, gateway_at(port) as gateway:
        found = await gateway.head_timestamp(MINUTES)
    assert (found.head, found.record.outcome) == (None, RequestOutcome.NO_DATA)


async def test_a_head_timestamp_that_does_not_come_is_cancelled_too() -> None:
    cancelled: list[list[str]] = []

    async def reply(peer: Peer, request_id: int) -> None:
        cancelled.append(await peer.frame())

    async with scripted(replying(reply)) as port, gateway_at(port) as gateway:
        with pytest.raises(RequestTimedOut):
            await gateway.head_timestamp(MINUTES)
        await asyncio.sleep(0.02)
    assert cancelled[0][0] == "90"


async def test_a_schedule_gives_sessions_in_utc() -> None:
    async def reply(peer: Peer, request_id: int) -> None:
        await peer.send(text_payload(106).replace(b"\x001001\x00", f"\0{request_id}\0".encode(), 1))

    async with scripted(replying(reply)) as port, gateway_at(port) as gateway:
        sessions = await gateway.schedule(MINUTES, at("2026-04-11"), Duration(21, "D"))
    assert len(sessions) == 21
    assert sessions[0].day.isoformat() == "2026-03-12"
    assert sessions[0].hours == Window(at("2026-03-12 13:30"), at("2026-03-12 20:00"))


async def test_a_schedule_in_an_unknown_zone_is_broken() -> None:
    async def reply(peer: Peer, request_id: int) -> None:
        hours = ("20260312-09:30:00", "20260312-16:00:00", "20260312")
        await peer.send(text(106, request_id, hours[0], hours[1], "Mitteleuropa", 1, *hours))

    async with scripted(replying(reply)) as port, gateway_at(port) as gateway:
        with pytest.raises(AnswerBroken, match="Mitteleuropa"):
            await gateway.schedule(MINUTES, None, Duration(1, "D"))
