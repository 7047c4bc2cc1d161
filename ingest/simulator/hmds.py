"""The history service: admits questions in the order they arrive, answers them concurrently, forgets none.

Admission (limits, pacing, faults) happens at once and synchronously, because the rules are about order of arrival. The
answer follows in a task of its own. A question stays open until it is answered or cancelled; a head timestamp stays
open even then, until the client cancels it, and counts against the same fifty.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime

from ingest.simulator.faults.delivery import whole
from ingest.simulator.faults.matching import Incoming
from ingest.simulator.faults.script import Fault
from ingest.simulator.history import schedule
from ingest.simulator.login import Client, Login
from ingest.simulator.lookup import find_one
from ingest.simulator.manners import texts
from ingest.simulator.manners.pacing import PacedRequest
from ingest.simulator.market.types import Contract
from ingest.simulator.questions import (
    Prepared,
    Question,
    contract_facts,
    head_facts,
    historical_facts,
    named,
    paced,
    prepare,
)
from ingest.simulator.wire import answers
from ingest.simulator.wire.requests import HeadTimestampRequest, HistoricalRequest
from ingest.simulator.wire.times import dashed, zone


@dataclass(slots=True)
class HistoryService:
    """Open questions of all clients, by client and request id."""

    login: Login
    open: dict[tuple[int, int], Question] = field(default_factory=dict)
    _room: asyncio.Semaphore | None = None
    _overloaded: int = 0

    def __post_init__(self) -> None:
        if self.login.options.hmds_concurrency is not None:
            self._room = asyncio.Semaphore(self.login.options.hmds_concurrency)

    def historical(self, client: Client, request: HistoricalRequest) -> None:
        """reqHistoricalData arrived."""
        login = self.login
        now, local_zone = login.clock.now(), login.options.time_zone
        prepared = prepare(login.market, request, version=client.version, now=now, local_zone=local_zone)
        question = self._arrived(client, request.req_id, "historical", historical_facts(request, prepared))
        if isinstance(prepared, texts.Refusal):
            self._refuse(question, prepared)
            return
        question.large_bars = not prepared.has_small_bars
        pace = paced(prepared.contract, request) if prepared.has_small_bars else None
        if self._admit(question, pace):
            window = (prepared.window.start, prepared.window.end)
            self._meet_fault(question, prepared.contract, request.what, request.bar_size, window)
            self._start(question, lambda: self._serve_bars(question, prepared), pace)

    def head_timestamp(self, client: Client, request: HeadTimestampRequest) -> None:
        """reqHeadTimeStamp arrived; always paced as if for small bars."""
        login = self.login
        today = datetime.fromtimestamp(login.clock.now(), zone(login.options.time_zone)).date()
        contract = find_one(login.market.contracts(), request.contract, today)
        question = self._arrived(client, request.req_id, "head_timestamp", head_facts(request))
        if isinstance(contract, texts.Refusal):
            self._refuse(question, contract)
            return
        question.facts["contract"] = contract_facts(contract, request.contract.exchange)
        pace = paced(contract, request)
        if self._admit(question, pace):
            self._meet_fault(question, contract, request.what)
            self._start(question, lambda: self._serve_head(question, contract, request), pace)

    def cancel(self, client: Client, req_id: int, message: str) -> None:
        """cancelHistoricalData or cancelHeadTimestamp: ends an open question of that kind, if there is one."""
        question = self.open.get((client.client_id, req_id))
        if question is None or question.message != message:
            self.login.tell(client, req_id, texts.nothing_to_cancel(req_id))
        elif question.answered:
            self._close(question)
        else:
            self._refuse(question, texts.cancelled(req_id), "cancelled")

    def forget(self, client: Client) -> None:
        """The client is gone and with it everything it asked."""
        for question in [one for one in self.open.values() if one.client is client]:
            self._close(question)

    # Admission

    def _arrived(self, client: Client, req_id: int, message: str, facts: dict[str, object]) -> Question:
        question = Question(client, req_id, message, self.login.clock.now(), facts)
        question.seq = self._log("request", question)
        self.login.counters["requests"] += 1
        return question

    def _admit(self, question: Question, pace: PacedRequest | None) -> bool:
        """Whether the question may be worked on; if not it has been refused."""
        refusal = self._judge(question, pace)
        if refusal is not None:
            self._refuse(question, refusal)
            return False
        self.open[(question.client.client_id, question.req_id)] = question
        return True

    def _judge(self, question: Question, pace: PacedRequest | None) -> texts.Refusal | None:
        login, client_id = self.login, question.client.client_id
        if (client_id, question.req_id) in self.open:
            return texts.DUPLICATE_ID
        if len(self.open) >= login.options.open_limit:
            login.violated("open_requests", client_id, question.req_id)
            return texts.TOO_MANY_OPEN
        if pace is None or login.options.pacing == "apply":
            return None
        now = login.clock.now()
        rule = login.ledger.judge(pace, now)
        login.ledger.enter(pace, now)
        if rule is None or login.options.pacing == "off":
            return None
        login.violated(rule, client_id, question.req_id)
        return texts.PACING

    def _meet_fault(
        self,
        question: Question,
        contract: Contract,
        what: str,
        bar_size: str = "",
        window: tuple[float, float] | None = None,
    ) -> None:
        incoming = Incoming(
            question.message,
            question.client.client_id,
            contract.symbol,
            contract.sec_type,
            bar_size,
            what,
            window,
        )
        question.fault = self.login.faults.hit(incoming)
        if question.fault is not None:
            self.login.log.write("fault", action=question.fault.action, request=question.seq, req_id=question.req_id)

    def _start(self, question: Question, serving: Callable[[], Awaitable[None]], pace: PacedRequest | None) -> None:
        question.task = asyncio.ensure_future(self._work(question, serving, pace))
        question.task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A market that raises must not look like a slow Gateway."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self.login.failures.append(error)
            self.login.log.write("failure", error=repr(error))

    # Work

    async def _work(
        self, question: Question, serving: Callable[[], Awaitable[None]], pace: PacedRequest | None
    ) -> None:
        if pace is not None and self.login.options.pacing == "apply":
            await self._wait_turn(pace)
        if question.fault is None or not await self._suffer(question, question.fault):
            await serving()

    async def _wait_turn(self, pace: PacedRequest) -> None:
        clock, ledger = self.login.clock, self.login.ledger
        while (wait := ledger.wait_seconds(pace, clock.now())) > 0:
            await clock.sleep(wait)
        ledger.enter(pace, clock.now())

    async def _suffer(self, question: Question, fault: Fault) -> bool:
        """Play a fault that happens instead of an answer; false where the answer still follows."""
        match fault.action:
            case "silence":
                self._lose(question, "silence")
            case "error":
                self._refuse(question, texts.Refusal(fault.code, fault.text))
            case "drop":
                self._log("answer", question, outcome="dropped")
                question.client.hang_up()
            case "delay":
                await self.login.clock.sleep(fault.seconds)
                return False
            case _:
                return False
        return True

    async def _serve_bars(self, question: Question, prepared: Prepared) -> None:
        login, client = self.login, question.client
        contract, wanted, window = prepared.contract, prepared.wanted, prepared.window
        request = wanted.request
        if wanted.end.zone_implied:
            login.notify(client, question.req_id, texts.NO_ZONE_WARNING)
        symbol, exchange = named(contract, request.contract)
        nothing = texts.no_data(symbol, exchange, request.what)
        if request.what == "SCHEDULE":
            if await self._take_time(question, len(window.sessions)):
                frames = schedule(client.version, question.req_id, contract, window)
                self._answer(question, frames, 0) if frames else self._refuse(question, nothing)
            return
        if not login.market.has_series(contract, request.what):
            nothing = texts.no_series(symbol, contract.sec_type, exchange, request.what, wanted.size.seconds or 60)
            if await self._take_time(question, 0):
                self._refuse(question, nothing)
            return
        rows = login.desk.encoded(client.version, contract, wanted, window)
        if not await self._take_time(question, rows.count):
            return
        if rows.count == 0:
            self._refuse(question, nothing)
            return
        answer = login.desk.answer(client.version, contract, wanted, window, rows)
        if answer.warning is not None:
            login.notify(client, question.req_id, answer.warning)
        self._answer(question, answer.data + answer.end, answer.count)

    async def _serve_head(self, question: Question, contract: Contract, request: HeadTimestampRequest) -> None:
        has_series = self.login.market.has_series(contract, request.what)
        head = self.login.market.head(contract, request.what) if has_series else None
        if not await self._take_time(question, 0):
            return
        if head is None:
            self._refuse(question, texts.NO_HEAD)
            return
        text = str(head) if request.format_date == 2 else dashed(head)
        self._answer(question, answers.head_timestamp(question.client.version, question.req_id, text), 0)

    async def _take_time(self, question: Question, bars: int) -> bool:
        """Let the answer's latency pass; false where the overloaded service loses it."""
        latency = self.login.options.latency
        overload = 0
        if question.large_bars:
            overload = latency.overload(sum(one.large_bars for one in self.open.values()))
        if overload:
            self._overloaded += 1
            if latency.drops(self._overloaded):
                self._lose(question, "dropped_by_load")
                return False
        async with self._room or nullcontext():
            await self.login.clock.sleep(latency.seconds(bars, overload))
        return True

    # Endings

    def _answer(self, question: Question, frames: bytes, bars: int) -> None:
        question.answered = True
        self.login.counters["answers"] += 1
        self.login.counters["bars"] += bars
        self._log("answer", question, outcome="answered", bars=bars, bytes=len(frames))
        if question.message == "historical":
            self._close(question)
        question.client.deliver(whole(frames))

    def _refuse(self, question: Question, refusal: texts.Refusal, outcome: str = "refused") -> None:
        self._log("answer", question, outcome=outcome, code=refusal.code, text=refusal.text)
        self._close(question)
        self.login.tell(question.client, question.req_id, refusal)

    def _lose(self, question: Question, outcome: str) -> None:
        """No answer will come; the question stays open until the client cancels it."""
        self._log("answer", question, outcome=outcome)

    def _close(self, question: Question) -> None:
        key = (question.client.client_id, question.req_id)
        if self.open.get(key) is question:
            del self.open[key]
        task = question.task
        if task is not None and task is not asyncio.current_task():
            task.cancel()

    def _log(self, event: str, question: Question, **more: object) -> int:
        facts = {"message": question.message, "req_id": question.req_id, "client_id": question.client.client_id}
        if event == "answer":
            latency = self.login.clock.now() - question.asked_at
            more = {"request": question.seq, "latency": round(latency, 6), **more}
        return self.login.log.write(event, **facts, **question.facts, **more)
