"""Contracts, searches, head timestamps and schedules."""

import asyncio

import pytest

from ingest.domain.answer import RequestKind, RequestOutcome
from ingest.domain.instrument import InstrumentQuery
from ingest.domain.request import Duration
from ingest.domain.window import Window
from ingest.errors import (
    AnswerBroken,
    RequestRefused,
    RequestTimedOut,
    UsageError,
)
from tests.gateway.captures import text_payload
from tests.gateway.conftest import MINUTES, SHORT, gateway_at
from tests.gateway.scripted import (
    HMDS,
    Peer,
    replying,
    saying,
    scripted,
    text,
)
from tests.given import at


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

    async with scripted(replying(reply)) as port, gateway_at(port, deadlines=SHORT) as gateway:
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
