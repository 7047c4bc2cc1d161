"""Questions that are open, and the ways one of them ends: answered, refused, lost, closed."""

import asyncio
from dataclasses import dataclass, field

from ingest.simulator.faults.delivery import Delivery
from ingest.simulator.faults.script import Fault
from ingest.simulator.login import Client, Login
from ingest.simulator.manners.texts import Refusal
from ingest.simulator.questions import Question


@dataclass(slots=True)
class Pending:
    """Open questions of all clients, by client and request id, and the room there is to work on them."""

    login: Login
    open: dict[tuple[int, int], Question] = field(default_factory=dict)
    room: asyncio.Semaphore | None = None
    overloaded: int = 0

    def __post_init__(self) -> None:
        if self.login.options.hmds_concurrency is not None:
            self.room = asyncio.Semaphore(self.login.options.hmds_concurrency)

    def find(self, client: Client, req_id: int) -> Question | None:
        return self.open.get((client.client_id, req_id))

    def enter(self, question: Question) -> None:
        self.open[(question.client.client_id, question.req_id)] = question

    def forget(self, client: Client) -> None:
        """The client is gone and with it everything it asked."""
        for question in [one for one in self.open.values() if one.client is client]:
            question.is_deaf = False
            self.close(question)

    def lose_all(self) -> None:
        """The service is out of reach: what is being worked on is never answered."""
        for question in self.open.values():
            if question.task is not None and not question.task.done():
                question.task.cancel()
                self.lose(question, "lost_in_outage")

    def answer(self, question: Question, delivery: Delivery, bars: int) -> None:
        """The answer leaves. A deaf service sends it even after it has confirmed a cancellation."""
        question.answered = True
        self.login.counters["answers"] += 1
        self.login.counters["bars"] += bars
        size = sum(len(piece) for piece, _ in delivery.pieces)
        self.log("answer", question, outcome="answered", bars=bars, bytes=size)
        if question.message == "historical":
            self.close(question)
        question.client.deliver(delivery)

    def refuse(self, question: Question, refusal: Refusal, outcome: str = "refused") -> None:
        """An error ends the question; no end marker follows."""
        self.log("answer", question, outcome=outcome, code=refusal.code, text=refusal.text)
        self.close(question)
        self.login.tell(question.client, question.req_id, refusal)

    def lose(self, question: Question, outcome: str) -> None:
        """No answer will come; the question stays open until the client cancels it."""
        self.log("answer", question, outcome=outcome)

    def close(self, question: Question) -> None:
        key = (question.client.client_id, question.req_id)
        if self.open.get(key) is question:
            del self.open[key]
        task = question.task
        if task is not None and task is not asyncio.current_task() and not question.is_deaf:
            task.cancel()

    def log_fault(self, question: Question, fault: Fault) -> None:
        self.login.log.write("fault", action=fault.action, request=question.seq, req_id=question.req_id)

    def log(self, event: str, question: Question, **more: object) -> int:
        facts = {"message": question.message, "req_id": question.req_id, "client_id": question.client.client_id}
        if event == "answer":
            latency = self.login.clock.now() - question.asked_at
            more = {"request": question.seq, "latency": round(latency, 6), **more}
        return self.login.log.write(event, **facts, **question.facts, **more)
