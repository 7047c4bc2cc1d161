"""Working on one question: the time it takes, the market's answer, and the faults that spoil it."""

from contextlib import nullcontext

from ingest.simulator.cache import EncodedBars
from ingest.simulator.faults.actions import ACTIONS
from ingest.simulator.faults.bars import spoil
from ingest.simulator.faults.delivery import Outgoing, delivered
from ingest.simulator.history import Told, encode, schedule
from ingest.simulator.manners import texts
from ingest.simulator.market.types import Contract
from ingest.simulator.pending import Pending
from ingest.simulator.questions import Prepared, Question, named
from ingest.simulator.wire import answers
from ingest.simulator.wire.requests import HeadTimestampRequest
from ingest.simulator.wire.times import dashed

#: A stray answer carries an id nobody asked under.
_STRAY_ID = 1_000_000


async def serve_bars(pending: Pending, question: Question, prepared: Prepared) -> None:
    """Answer a historical request."""
    wanted, contract = prepared.wanted, prepared.contract
    request = wanted.request
    if wanted.end.zone_implied:
        pending.login.notify(question.client, question.req_id, texts.NO_ZONE_WARNING)
    symbol, exchange = named(contract, request.contract)
    nothing = texts.no_data(symbol, exchange, request.what)
    if request.what == "SCHEDULE":
        await _serve_schedule(pending, question, prepared, nothing)
    elif not pending.login.market.has_series(contract, request.what):
        nothing = texts.no_series(symbol, contract.sec_type, exchange, request.what, wanted.size.seconds or 60)
        if await _take_time(pending, question, 0):
            pending.refuse(question, nothing)
    else:
        rows = _rows(pending, question, prepared)
        if await _take_time(pending, question, rows.count):
            if rows.count or _is_empty_on_purpose(question):
                _send_bars(pending, question, prepared, rows)
            else:
                pending.refuse(question, nothing)


async def _serve_schedule(pending: Pending, question: Question, prepared: Prepared, nothing: texts.Refusal) -> None:
    if not await _take_time(pending, question, len(prepared.window.sessions)):
        return
    frames = schedule(question.client.version, question.req_id, prepared.contract, prepared.window)
    if frames:
        _send(pending, question, frames, 0)
    else:
        pending.refuse(question, nothing)


def _is_empty_on_purpose(question: Question) -> bool:
    return question.fault is not None and question.fault.action in ("empty", "truncated")


def _rows(pending: Pending, question: Question, prepared: Prepared) -> EncodedBars:
    """The bars, encoded; spoiled ones never come from or go to the cache."""
    desk, version, fault = pending.login.desk, question.client.version, question.fault
    if fault is None or ACTIONS[fault.action].stage != "bars":
        return desk.encoded(version, prepared.contract, prepared.wanted, prepared.window)
    bars = spoil(fault, desk.bars(prepared.contract, prepared.wanted, prepared.window))
    return encode(bars, desk.style(version, prepared.contract, prepared.wanted))


def _send_bars(pending: Pending, question: Question, prepared: Prepared, rows: EncodedBars) -> None:
    client, action = question.client, question.fault.action if question.fault else ""
    miscount = question.fault.count if question.fault and action == "wrong_count" else 0
    frames = b""
    for told in [Told(question.req_id + _STRAY_ID)] * (action == "stray_answer") + [Told(question.req_id, miscount)]:
        answer = pending.login.desk.answer(
            client.version, prepared.contract, prepared.wanted, prepared.window, rows, told=told
        )
        frames += answer.data + (b"" if action == "missing_end" else answer.end)
    if rows.warning is not None:
        pending.login.notify(client, question.req_id, rows.warning)
    _send(pending, question, frames, rows.count)


async def serve_head(pending: Pending, question: Question, contract: Contract, request: HeadTimestampRequest) -> None:
    """Answer a head timestamp request."""
    market = pending.login.market
    head = market.head(contract, request.what) if market.has_series(contract, request.what) else None
    if not await _take_time(pending, question, 0):
        return
    if head is None:
        pending.refuse(question, texts.NO_HEAD)
        return
    text = str(head) if request.format_date == 2 else dashed(head)
    _send(pending, question, answers.head_timestamp(question.client.version, question.req_id, text), 0)


def _send(pending: Pending, question: Question, frames: bytes, bars: int) -> None:
    outgoing = Outgoing(question.client.version, question.req_id, frames, pending.login.clock.now())
    pending.answer(question, delivered(question.fault, outgoing), bars)


async def _take_time(pending: Pending, question: Question, bars: int) -> bool:
    """Let the answer's latency pass; false where the overloaded service loses it."""
    latency = pending.login.options.latency
    overload = 0
    if question.large_bars:
        overload = latency.overload(sum(one.large_bars for one in pending.open.values()))
    if overload:
        pending.overloaded += 1
        if latency.drops(pending.overloaded):
            pending.lose(question, "dropped_by_load")
            return False
    async with pending.room or nullcontext():
        await pending.login.clock.sleep(latency.seconds(bars, overload))
    return True
