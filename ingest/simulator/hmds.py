"""The history service: admits questions in the order they arrive, answers them concurrently, forgets none.

Admission (limits, pacing, faults) happens at once and synchronously, because the rules are about order of arrival. The
answer follows in a task of its own (`serving`). A question stays open until it is answered or cancelled; a head
timestamp stays open even then, until the client cancels it, and counts against the same fifty.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

from ingest.simulator.faults.catalogue import spelled_out
from ingest.simulator.faults.matching import Incoming
from ingest.simulator.faults.script import Fault
from ingest.simulator.login import Client, Login
from ingest.simulator.lookup import find_one
from ingest.simulator.manners import texts
from ingest.simulator.manners.pacing import PacedRequest
from ingest.simulator.pending import Pending
from ingest.simulator.questions import (
    Question,
    contract_facts,
    head_facts,
    historical_facts,
    incoming_of,
    paced,
    prepare,
)
from ingest.simulator.serving import serve_bars, serve_head
from ingest.simulator.wire.requests import HeadTimestampRequest, HistoricalRequest
from ingest.simulator.wire.times import zone

Work = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class HistoryService:
    """What arrives at the history service and what becomes of it."""

    login: Login
    pending: Pending = field(init=False)

    def __post_init__(self) -> None:
        self.pending = Pending(self.login)

    def historical(self, client: Client, request: HistoricalRequest) -> None:
        """reqHistoricalData arrived."""
        login = self.login
        now, local_zone = login.clock.now(), login.options.time_zone
        prepared = prepare(login.market, request, version=client.version, now=now, local_zone=local_zone)
        question = self._arrived(client, request.req_id, "historical", historical_facts(request, prepared))
        if isinstance(prepared, texts.Refusal):
            self.pending.refuse(question, prepared)
            return
        question.large_bars = not prepared.has_small_bars
        pace = paced(prepared.contract, request) if prepared.has_small_bars else None
        window = (prepared.window.start, prepared.window.end)
        incoming = incoming_of(question, prepared.contract, request.what, request.bar_size, window)
        self._begin(question, incoming, pace, lambda: serve_bars(self.pending, question, prepared))

    def head_timestamp(self, client: Client, request: HeadTimestampRequest) -> None:
        """reqHeadTimeStamp arrived; always paced as if for small bars."""
        login = self.login
        today = datetime.fromtimestamp(login.clock.now(), zone(login.options.time_zone)).date()
        contract = find_one(login.market.contracts(), request.contract, today)
        question = self._arrived(client, request.req_id, "head_timestamp", head_facts(request))
        if isinstance(contract, texts.Refusal):
            self.pending.refuse(question, contract)
            return
        question.facts["contract"] = contract_facts(contract, request.contract.exchange)
        incoming, pace = incoming_of(question, contract, request.what), paced(contract, request)
        self._begin(question, incoming, pace, lambda: serve_head(self.pending, question, contract, request))

    def cancel(self, client: Client, req_id: int, message: str) -> None:
        """cancelHistoricalData or cancelHeadTimestamp: ends an open question of that kind, if there is one."""
        question = self.pending.find(client, req_id)
        if question is None or question.message != message:
            self.login.tell(client, req_id, texts.nothing_to_cancel(req_id))
        elif question.answered:
            self.pending.close(question)
        else:
            self.pending.refuse(question, texts.cancelled(req_id), "cancelled")

    # Admission

    def _arrived(self, client: Client, req_id: int, message: str, facts: dict[str, object]) -> Question:
        question = Question(client, req_id, message, self.login.clock.now(), facts)
        question.seq = self.pending.log("request", question)
        self.login.counters["requests"] += 1
        return question

    def _begin(self, question: Question, incoming: Incoming, pace: PacedRequest | None, work: Work) -> None:
        """Refuse the question or start working on it."""
        refusal = self._judge_limits(question)
        rule = self._broken_rule(pace)
        if refusal is None and rule is not None:
            self._punish(question, incoming, rule)
            return
        if refusal is not None:
            self.pending.refuse(question, refusal)
            return
        self.pending.enter(question)
        question.fault = self.login.faults.hit(incoming)
        if question.fault is not None:
            self.pending.log_fault(question, question.fault)
        question.task = asyncio.ensure_future(self._work(question, pace, work))
        question.task.add_done_callback(self._ended)

    def _judge_limits(self, question: Question) -> texts.Refusal | None:
        client_id = question.client.client_id
        if self.pending.find(question.client, question.req_id) is not None:
            return texts.DUPLICATE_ID
        if len(self.pending.open) >= self.login.options.open_limit:
            self.login.violated("open_requests", client_id, question.req_id)
            return texts.TOO_MANY_OPEN
        return None

    def _broken_rule(self, pace: PacedRequest | None) -> str | None:
        """Enter the request into the ledger; the rule it breaks where rules are enforced."""
        login = self.login
        if pace is None or login.options.pacing == "apply":
            return None
        now = login.clock.now()
        rule = login.ledger.judge(pace, now)
        login.ledger.enter(pace, now)
        return None if login.options.pacing == "off" else rule

    def _punish(self, question: Question, incoming: Incoming, rule: str) -> None:
        """A pacing violation: IB has been seen to answer 162, to say nothing, and to hang up."""
        self.login.violated(rule, question.client.client_id, question.req_id)
        fault = self.login.faults.hit(incoming.as_message("violation"))
        match fault.action if fault else "":
            case "silence":
                self.pending.lose(question, "silence")
            case "drop":
                self.pending.log("answer", question, outcome="dropped")
                question.client.hang_up()
            case _:
                self.pending.refuse(question, texts.PACING)

    # Work

    async def _work(self, question: Question, pace: PacedRequest | None, work: Work) -> None:
        if pace is not None and self.login.options.pacing == "apply":
            await self._wait_turn(pace)
        if self.login.health.spurious_200:
            self.pending.refuse(question, texts.NO_DEFINITION)
        elif not self.login.health.has_history:
            self.pending.lose(question, "lost_in_outage")
        elif question.fault is None or not await self._suffer(question, question.fault):
            await work()

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A market that raises must not look like a slow Gateway."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self.login.failures.append(error)
            self.login.log.write("failure", error=repr(error))

    async def _wait_turn(self, pace: PacedRequest) -> None:
        clock, ledger = self.login.clock, self.login.ledger
        while (wait := ledger.wait_seconds(pace, clock.now())) > 0:
            await clock.sleep(wait)
        ledger.enter(pace, clock.now())

    async def _suffer(self, question: Question, fault: Fault) -> bool:
        """Play a fault that happens before an answer; true where it happens instead of one."""
        match fault.action:
            case "silence":
                self.pending.lose(question, "silence")
            case "error":
                self.pending.refuse(question, self._words(question, fault))
            case "drop":
                self.pending.log("answer", question, outcome="dropped")
                question.client.hang_up()
            case "notice":
                words = self._words(question, fault)
                self.login.notify(question.client, question.req_id, (words.code, words.text))
                return False
            case "delay" | "deaf":
                question.is_deaf = fault.action == "deaf"
                await self.login.clock.sleep(fault.seconds)
                return False
            case _:
                return False
        return True

    def _words(self, question: Question, fault: Fault) -> texts.Refusal:
        contract = question.facts["contract"]
        assert isinstance(contract, dict)
        named = texts.Refusal(fault.code, fault.text)
        return spelled_out(named, symbol=contract["symbol"], exchange=contract["exchange"], req_id=question.req_id)
