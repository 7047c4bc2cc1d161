"""One historical request from its turn in the queue to its record: paced, sent, waited for, cancelled, proved.

Whatever way it ends, there is a `RequestRecord` of it: in the answer, or as `record` on the error.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from ingest.clock import Clock
from ingest.domain.answer import GatewayLogin, RequestKind, RequestOutcome, RequestRecord
from ingest.domain.series import Series
from ingest.domain.window import Window
from ingest.errors import GatewayLost, PacingViolation, RequestError, RequestRefused, RequestTimedOut
from ingest.gateway.answers import Collector
from ingest.gateway.encoder import Encoder
from ingest.gateway.faults import Reaction
from ingest.gateway.pacing import RequestCost
from ingest.gateway.session import Session, next_request_id

T = TypeVar("T")
RecordListener = Callable[[RequestRecord], None]


@dataclass(frozen=True, slots=True)
class Inquiry(Generic[T]):
    """What to ask, how to write it, and how to read the answer. `size` counts the answer's bars or sessions."""

    kind: RequestKind
    series: Series
    asked: str
    cost: RequestCost
    write: Callable[[Encoder, int], bytes]
    cancel: Callable[[Encoder, int], bytes]
    collector: Callable[[int], Collector[T]]
    seconds: float
    window: Window | None = None
    end_text: str = ""
    duration: str = ""
    size: Callable[[T], int] | None = None
    stays_open: bool = False  # IB keeps it open after its answer until it is cancelled (head timestamps)

    async def ask(
        self,
        session: Session,
        login: GatewayLogin,
        clock: Clock,
        tell: RecordListener | None,
        booked: RequestRecord | None = None,
    ) -> "Answered[T]":
        """Send it now and wait. Raises RequestError or GatewayLost with its record; "no data" is an answer.

        `booked` is the record under which it is in the request log already.
        """
        session.check_alive()
        request_id = next_request_id()
        frame = self.write(session.encoder, request_id)
        record = replace(self.sent(login, clock), request_id=booked.request_id if booked else None)
        _announce(tell, record)
        notices: list[str] = []
        over_at_ib = False
        try:
            answer = await session.ask(
                request_id,
                frame,
                self.collector(session.server_version),
                asked=self.asked,
                seconds=self.seconds,
                notices=notices,
            )
            over_at_ib = not self.stays_open
        except (RequestError, GatewayLost) as error:
            over_at_ib = isinstance(error, RequestRefused | PacingViolation)
            failed = _ended(record, error, clock)
            _announce(tell, failed)
            if isinstance(error, RequestRefused) and error.reaction == Reaction.NO_DATA:
                return Answered(None, failed, error.text, tuple(notices))
            error.record = failed
            raise
        finally:
            if not over_at_ib:
                session.tell(self.cancel(session.encoder, request_id))
        done = self._done(record, answer, clock)
        _announce(tell, done)
        return Answered(answer, done, "", tuple(notices))

    def sent(self, login: GatewayLogin, clock: Clock) -> RequestRecord:
        """Its record as it leaves over a login's session now."""
        return RequestRecord(
            kind=self.kind,
            series=self.series,
            login=login,
            sent_at=clock.now(),
            outcome=RequestOutcome.SENT,
            window=self.window,
            end_text=self.end_text,
            duration=self.duration,
        )

    def _done(self, record: RequestRecord, answer: T, clock: Clock) -> RequestRecord:
        size = self.size(answer) if self.size else None
        outcome = RequestOutcome.NO_DATA if size == 0 else RequestOutcome.BARS
        return replace(record, outcome=outcome, ended_at=clock.now(), bar_count=size)


@dataclass(frozen=True, slots=True)
class Answered(Generic[T]):
    """A clean end: an answer, or None with IB's own sentence that there is nothing."""

    answer: T | None
    record: RequestRecord
    no_data_text: str
    notices: tuple[str, ...]


def _ended(record: RequestRecord, error: RequestError | GatewayLost, clock: Clock) -> RequestRecord:
    outcome, code, text = RequestOutcome.ERROR, None, error.message
    if isinstance(error, GatewayLost):
        outcome = RequestOutcome.DISCONNECTED
    elif isinstance(error, RequestTimedOut):
        outcome = RequestOutcome.TIMED_OUT
    else:
        code, text = error.code, error.text or error.message
        if error.reaction == Reaction.NO_DATA:
            outcome = RequestOutcome.NO_DATA
    return replace(record, outcome=outcome, ended_at=clock.now(), code=code, text=text)


def _announce(tell: RecordListener | None, record: RequestRecord) -> None:
    if tell is not None:
        tell(record)
