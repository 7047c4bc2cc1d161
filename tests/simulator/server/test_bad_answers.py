"""Answers that are spoiled on purpose: wrong bars, and right bars in bytes that misbehave."""

import asyncio
import math
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ingest.simulator.faults.bars import spoil
from ingest.simulator.faults.catalogue import KNOWN, spelled_out
from ingest.simulator.faults.delivery import RECEIVE_BYTES, Outgoing, delivered, padding
from ingest.simulator.faults.script import Fault, FaultScript, Match
from ingest.simulator.wire import answers
from ingest.simulator.wire import protobuf as pb
from tests.simulator.server.conftest import Start
from tests.simulator.server.raw_client import RawClient, ask_history, connected, until
from tests.simulator.server.test_real_clients import _ask, _official
from tests.simulator.server.tiny import at, line_of_bars

_VERSIONS = pytest.mark.parametrize("version", [200, 206, 225])
_START = int(at("2024-01-05T20:00:00"))


def _spoiling(action: str, match: Match | None = None, **parameters: Any) -> FaultScript:
    return FaultScript((Fault(action, match or Match(nth=1), **parameters),))


async def _rows(client: RawClient, req_id: int) -> tuple[int, list[dict[str, Any]], bool]:
    """Announced count, the bars as read, and whether an end marker came before the answer to something asked later."""
    ask_history(client, req_id, duration="3600 S")
    if client.version < 208:
        fields = await client.next_of(17)
        rows = [_text_row(fields[at : at + 8]) for at in range(3, len(fields), 8)]
        told = int(fields[2])
    else:
        data = await client.message(217)
        rows = [_protobuf_row(bytes(one)) for one in data.get(2, []) if isinstance(one, bytes)]
        told = len(rows)
    client.ask_time()
    return told, rows, (await client.fields())[0] in ("108", "308")


def _text_row(fields: list[str]) -> dict[str, Any]:
    date, open_, high, low, close, volume, wap, count = fields
    prices = dict(zip(("open", "high", "low", "close"), map(float, (open_, high, low, close)), strict=True))
    return {"date": int(date), "volume": float(volume), "wap": float(wap), "count": int(count), **prices}


def _protobuf_row(body: bytes) -> dict[str, Any]:
    fields = pb.parse(body)
    prices = {name: pb.get_double(fields, at) for at, name in enumerate(("open", "high", "low", "close"), 2)}
    date, volume, wap = (float(pb.get_string(fields, number)) for number in (1, 6, 7))
    return {"date": int(date), "volume": volume, "wap": wap, "count": pb.get_integer(fields, 8), **prices}


async def _spoiled(
    start: Start, version: int, action: str, **parameters: Any
) -> tuple[list[Any], list[Any], int, bool]:
    """Spoiled rows, the same request's good rows, the count told with the spoiled ones, whether an end came."""
    started = await start(faults=_spoiling(action, **parameters))
    async with connected(started.port, version) as client:
        told, bad, ended = await _rows(client, 1)
        _, good, _ = await _rows(client, 2)
    assert started.events("fault")[0]["action"] == action
    assert len(good) == 60
    return bad, good, told, ended


@_VERSIONS
async def test_a_truncated_answer_ends_cleanly_with_fewer_bars(start: Start, version: int) -> None:
    bad, good, told, ended = await _spoiled(start, version, "truncated", fraction=0.75)
    assert (bad, told, ended) == (good[:45], 45, True)
    bad, good, told, ended = await _spoiled(start, version, "truncated", side="start")
    assert (bad, told, ended) == (good[30:], 30, True)


@_VERSIONS
async def test_an_empty_answer_ends_without_an_error(start: Start, version: int) -> None:
    bad, _, told, ended = await _spoiled(start, version, "empty")
    assert (bad, told, ended) == ([], 0, True)


@_VERSIONS
async def test_bars_can_be_out_of_order(start: Start, version: int) -> None:
    bad, good, _, _ = await _spoiled(start, version, "disorder")
    assert bad == good[30:] + good[:30]


@_VERSIONS
async def test_bars_can_come_twice(start: Start, version: int) -> None:
    bad, good, told, _ = await _spoiled(start, version, "duplicates", count=3)
    assert told == 63
    assert bad == good[:33] + good[30:]


@_VERSIONS
async def test_bars_can_lie_outside_the_window(start: Start, version: int) -> None:
    bad, good, _, _ = await _spoiled(start, version, "outside", count=2)
    assert bad[2:-2] == good
    assert [row["date"] for row in bad[:2]] == [row["date"] - 864_000 for row in good[:2]]
    assert [row["date"] for row in bad[-2:]] == [row["date"] + 864_000 for row in good[-2:]]


@_VERSIONS
@pytest.mark.parametrize(
    ("value", "is_it"),
    [
        ("nan", math.isnan),
        ("inf", math.isinf),
        ("huge", lambda price: price > 1e300),
        ("zero", lambda price: price == 0),
        ("negative", lambda price: price == -1),
    ],
)
async def test_a_price_can_be_garbage(start: Start, version: int, value: str, is_it: Callable[[float], bool]) -> None:
    bad, good, _, _ = await _spoiled(start, version, "garbage_price", value=value)
    odd = [at for at in range(60) if bad[at]["high"] != good[at]["high"]]
    assert odd == [30]
    assert is_it(bad[30]["high"])


@_VERSIONS
async def test_volumes_can_come_in_lots(start: Start, version: int) -> None:
    bad, good, _, _ = await _spoiled(start, version, "lots")
    assert [row["volume"] for row in bad] == [row["volume"] / 100 for row in good]


@_VERSIONS
async def test_minutes_without_trades_can_be_fillers(start: Start, version: int) -> None:
    bad, good, _, _ = await _spoiled(start, version, "filler")
    assert bad[0] == good[0]
    filler = bad[1]
    assert (filler["volume"], filler["count"]) == (0, 0)
    assert {filler[name] for name in ("open", "high", "low", "close")} == {good[0]["close"]}


@pytest.mark.parametrize("version", [195, 200, 206])
async def test_the_count_of_a_text_answer_can_be_wrong(start: Start, version: int) -> None:
    started = await start(faults=_spoiling("wrong_count", count=-5))
    async with connected(started.port, version) as client:
        ask_history(client, 1, duration="3600 S")
        fields = await client.next_of(17)
    head = 5 if version < 196 else 3
    assert (int(fields[head - 1]), (len(fields) - head) // 8) == (55, 60)


@_VERSIONS
async def test_the_end_marker_can_be_missing(start: Start, version: int) -> None:
    bad, good, _, ended = await _spoiled(start, version, "missing_end")
    assert (bad, ended) == (good, False)


@_VERSIONS
async def test_a_stray_answer_comes_first_under_an_id_nobody_used(start: Start, version: int) -> None:
    started = await start(faults=_spoiling("stray_answer"))
    async with connected(started.port, version) as client:
        ask_history(client, 7, duration="60 S")
        ids = []
        for _ in range(2):
            ids.append(
                int((await client.next_of(17))[1]) if version < 208 else pb.get_integer(await client.message(217), 1)
            )
    assert ids == [1_000_007, 7]


def test_spoiled_bars_stay_parallel_and_no_bars_stay_none() -> None:
    bars = line_of_bars([_START + 60 * step for step in range(10)], [60] * 10)
    for action in ("truncated", "disorder", "duplicates", "outside", "garbage_price", "lots", "filler", "empty"):
        spoiled = spoil(Fault(action), bars)
        assert {len(getattr(spoiled, name)) for name in bars.__slots__} == {len(spoiled)}
        assert len(spoil(Fault(action), line_of_bars([], []))) == 0
    assert np.array_equal(bars.start, np.arange(10) * 60 + _START)


async def _burst(start: Start, version: int, faults: FaultScript | None = None) -> bytes:
    """Everything that comes in answer to one request, lengths included."""
    started = await start(faults=faults or FaultScript())
    async with connected(started.port, version) as client:
        ask_history(client, 1, duration="3600 S")
        await until(lambda: started.simulator.counters.get("answers"))
        client.ask_time()
        received = b""
        time = answers.current_time(version, started.simulator.login.clock.now(), in_milliseconds=False)
        # The second may have turned since; length, id and the first bytes cannot.
        while received[-len(time) :][:7] != time[:7]:
            received += await asyncio.wait_for(client.reader.read(100_000), 5)
    return received[: -len(time)]


@_VERSIONS
@pytest.mark.parametrize(
    ("action", "parameters"), [("byte_by_byte", {}), ("split", {"size": 1000}), ("slow", {"seconds": 0.1})]
)
async def test_pieces_add_up_to_the_answer(start: Start, version: int, action: str, parameters: dict[str, Any]) -> None:
    assert await _burst(start, version, _spoiling(action, **parameters)) == await _burst(start, version)


async def test_a_slow_answer_takes_its_time_and_nothing_gets_into_it(start: Start) -> None:
    started = await start(faults=_spoiling("slow", seconds=0.2))
    async with connected(started.port) as client:
        ask_history(client, 1, duration="3600 S")
        ask_history(client, 2, duration="3600 S")
        before = asyncio.get_running_loop().time()
        assert (await client.fields())[:2] == ["17", "1"]
        assert asyncio.get_running_loop().time() - before > 0.1
        assert (await client.next_of(17))[1] == "2"


@_VERSIONS
async def test_half_an_answer_and_a_closed_socket(start: Start, version: int) -> None:
    good = await _burst(start, version)
    started = await start(faults=_spoiling("half_frame"))
    async with connected(started.port, version) as client:
        ask_history(client, 1, duration="3600 S")
        received = await client.reader.read()
    assert received == good[: len(good) // 2]


@_VERSIONS
async def test_a_glued_answer_has_notices_on_both_sides(start: Start, version: int) -> None:
    good = await _burst(start, version)
    received = await _burst(start, version, _spoiling("glued"))
    assert received.count(b"HMDS data farm connection is OK:ushmds") == 2
    assert good in received


@_VERSIONS
async def test_an_aligned_burst_is_whole_receives_long_and_holds_the_answer(start: Start, version: int) -> None:
    good = await _burst(start, version)
    received = await _burst(start, version, _spoiling("align"))
    assert len(received) % RECEIVE_BYTES == 0
    assert received.startswith(good)


@pytest.mark.parametrize("version", [157, 176, 200, 206, 225])
def test_padding_is_one_frame_of_any_length(version: int) -> None:
    outgoing = Outgoing(version, 1, b"", 1_700_000_000.0)
    for missing in (*range(1, 300), *range(RECEIVE_BYTES - 300, RECEIVE_BYTES + 1)):
        notice = padding(outgoing, missing)
        assert len(notice) % RECEIVE_BYTES == missing % RECEIVE_BYTES
        assert struct.unpack_from(">I", notice)[0] == len(notice) - 4
    assert padding(outgoing, 0) == b""


async def test_the_official_client_loses_an_aligned_answer_and_never_knows(start: Start) -> None:
    """Why the fault exists: a burst of exactly n × 4096 bytes makes its receive loop throw everything away."""
    started = await start(max_version=200, faults=_spoiling("align"))
    async with _official(started.port) as official:
        _ask(official.client, 1)
        await asyncio.sleep(1.3)
        official.client.reqCurrentTime()
        await official.wait_for("time")
        assert not official.heard.all("bar")
        _ask(official.client, 2)
        await official.wait_for("end")


@_VERSIONS
@pytest.mark.parametrize("action", ["bad_frame", "unknown_message"])
async def test_rubbish_in_front_is_one_frame_and_the_answer_follows(start: Start, version: int, action: str) -> None:
    good = await _burst(start, version)
    received = await _burst(start, version, _spoiling(action))
    (length,) = struct.unpack_from(">I", received)
    assert received[4 + length :] == good


def test_only_faults_of_bytes_touch_the_bytes() -> None:
    outgoing = Outgoing(200, 1, b"frames", 0.0)
    assert delivered(None, outgoing).pieces == ((b"frames", 0.0),)
    assert delivered(Fault("truncated"), outgoing).pieces == ((b"frames", 0.0),)


@pytest.mark.parametrize("name", sorted(KNOWN))
async def test_every_known_error_reaches_the_client(start: Start, name: str) -> None:
    known = KNOWN[name]
    started = await start(faults=_spoiling("error", code=known.code, text=known.text))
    wanted = spelled_out(known, symbol="AAPL", exchange="SMART", req_id=5).text
    async with connected(started.port, 225) as client:
        ask_history(client, 5)
        error = await client.message(204)
    assert (error[1], error[3], error[4]) == ([5], [known.code], [wanted.encode()])
    assert "{" not in wanted
    assert "AAPL" in wanted or "{symbol}" not in known.text


async def test_a_notice_does_not_end_the_request(start: Start) -> None:
    started = await start(faults=_spoiling("notice", code=2188, text="delayed"))
    async with connected(started.port) as client:
        ask_history(client, 5)
        assert (await client.fields())[1:4] == ["5", "2188", "delayed"]
        assert (await client.fields())[:2] == ["17", "5"]


async def test_a_deaf_service_answers_after_it_has_confirmed_the_cancellation(start: Start) -> None:
    started = await start(faults=_spoiling("deaf", seconds=0.05))
    async with connected(started.port) as client:
        ask_history(client, 5)
        await asyncio.sleep(0.01)
        client.send(25, 1, 5)
        assert (await client.fields())[1:3] == ["5", "162"]
        assert (await client.fields())[:2] == ["17", "5"]
    assert [one["outcome"] for one in started.events("answer")] == ["cancelled", "answered"]


@pytest.mark.parametrize("action", ["silence", "drop"])
async def test_a_pacing_violation_can_be_met_with_silence_or_a_closed_socket(start: Start, action: str) -> None:
    started = await start(faults=_spoiling(action, Match(message="violation")))
    small = {"size": "30 secs", "duration": "60 S"}
    async with connected(started.port) as client:
        ask_history(client, 1, **small)
        assert (await client.fields())[:2] == ["17", "1"]
        await client.fields()
        ask_history(client, 2, **small)
        if action == "drop":
            assert await client.is_closed()
        else:
            with pytest.raises(TimeoutError):
                await client.frame(timeout_seconds=0.1)
    assert [one.rule for one in started.simulator.violations] == ["identical"]
    assert not started.simulator.counters.get("error 162")
