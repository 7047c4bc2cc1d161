"""`Gateway`: one IB login over one socket, as a handful of typed questions. Asyncio only.

    gate = PacedGate(Pacer(), clock)                       # one per login, shared by its gateways
    async with Gateway(GatewayAddress(port=4002), clock, gate) as gateway:
        found = await gateway.contract_details(InstrumentQuery.parse("AAPL"))
        answer = await gateway.historical_bars(request, window, deadline_seconds=120)

Every historical answer or error carries the `RequestRecord` that proves it. After GatewayLost, `wait_until_ready` (or
`connect`) opens a new session; requests are not repeated here (the retry layer does that).
"""

import asyncio
import random
from dataclasses import dataclass, replace
from datetime import datetime
from types import TracebackType
from typing import Self, TypeVar

import structlog

from ingest.clock import Clock
from ingest.domain.answer import GatewayLogin, HistoricalAnswer, RequestRecord
from ingest.domain.bars import BarBatch
from ingest.domain.instrument import Instrument, InstrumentQuery
from ingest.domain.request import Duration, HistoricalRequest
from ingest.domain.request import Session as TradingSession
from ingest.domain.series import Origin, Series
from ingest.domain.window import Window
from ingest.errors import GatewayGone, GatewayLost, GatewayRefused, GatewayUnreachable, UsageError
from ingest.gateway import questions
from ingest.gateway.address import Deadlines, GatewayAddress
from ingest.gateway.distribution import client_package
from ingest.gateway.events import SymbolMatch
from ingest.gateway.gate import PacedGate
from ingest.gateway.handshake import COMPLETE
from ingest.gateway.inquiry import Answered, Inquiry, RecordListener
from ingest.gateway.lookup import look_up, search
from ingest.gateway.pacing import RequestCost
from ingest.gateway.session import NoticeListener, Session

T = TypeVar("T")
_log = structlog.get_logger()
_chance = random.SystemRandom()
_LONGEST_PAUSE_SECONDS = 60.0
_CLIENT_ID_IN_USE = 326
_OTHER_CLIENT_IDS = 8  # above the configured one; a gateway serves 32 clients
_STALE_SESSION_PAUSES = (2.0, 5.0, 10.0)  # seconds until a session that died lets go of its client id


@dataclass(frozen=True, slots=True)
class HeadAnswer:
    """The first moment IB has of a series; None when IB says that there is none."""

    head: datetime | None
    record: RequestRecord


class Gateway:
    """A connection that can be lost and opened again. Not for several event loops."""

    def __init__(
        self,
        address: GatewayAddress,
        clock: Clock,
        pacer: PacedGate,
        deadlines: Deadlines | None = None,
        *,
        on_notice: NoticeListener | None = None,
        on_record: RecordListener | None = None,
    ) -> None:
        """`pacer` is the login's gate. `on_notice` hears what IB says about no request in particular; `on_record` hears
        of every historical request when it leaves and when it ends (to log it before a crash can lose it)."""
        self.address = address
        self._own_id = address.client_id
        self._clock = clock
        self._pacer = pacer
        self._deadlines = deadlines or Deadlines()
        self._on_notice = on_notice
        self._on_record = on_record
        self._session: Session | None = None
        self._connecting = asyncio.Lock()
        self._wanted = False
        self._search: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def connect(self) -> None:
        """Open a session, unless one is open. Raises GatewayUnreachable or GatewayRefused, one clear line each.

        Where the client id is in use, one of the next ids is taken, which `address` then tells.
        """
        async with self._connecting:
            if self.is_open:
                return
            client_package()
            await self._close_session()
            self._session = await self._open_with_some_id()
            self._wanted = True
            self._report()

    async def close(self) -> None:
        """Close the session; what is in flight ends with GatewayLost. Safe to call twice."""
        self._wanted = False
        if self._search is not None:
            self._search.cancel()
        async with self._connecting:
            await self._close_session()

    @property
    def is_open(self) -> bool:
        return self._session is not None and self._session.lost is None

    @property
    def connected_to_ib(self) -> bool:
        """Whether TWS says that it reaches IB (1100 and 2110 deny it, 1101 and 1102 restore it)."""
        return self._session is not None and self._session.lost is None and self._session.connectivity.line_is_up

    @property
    def serves_history(self) -> bool:
        """Whether requests for bars make sense now: TWS reaches IB and not every history farm is broken."""
        return self._session is not None and self._session.lost is None and self._session.connectivity.serves_history()

    @property
    def farms(self) -> dict[str, bool]:
        """IB's data farms that were heard of, as "history ushmds", and whether each works."""
        return {f"{kind} {name}": works for (kind, name), works in self.session.connectivity.farms.items()}

    @property
    def session(self) -> Session:
        """The open session; raises GatewayLost when there is none."""
        if self._session is None:
            raise GatewayLost(f"There is no session with {self.address}.", hint="Connect first.")
        self._session.check_open()
        return self._session

    @property
    def login(self) -> GatewayLogin:
        """The provenance of everything that comes over the present session."""
        session = self.session
        return GatewayLogin(
            name=self.address.login_name,
            accounts=session.accounts,
            server_version=session.server_version,
            client_id=self.address.client_id,
            connection_time=session.transport.welcome.connection_time,
            client_package=client_package(),
        )

    @property
    def server_version(self) -> int:
        return self.session.server_version

    @property
    def origin(self) -> Origin:
        """Whether real or simulated accounts are behind this session."""
        return self.login.origin

    async def wait_until_ready(self) -> None:
        """Return once requests for bars make sense: a session is open, TWS reaches IB and some history farm is up.

        A broken farm concerns its region only and an inactive one wakes on demand, so neither blocks alone. A session
        that was lost is opened again, for as long as `Deadlines.reconnect`; then what stands in the way is raised
        (GatewayUnreachable, GatewayRefused). Raises GatewayGone when IB stays out of reach behind an open session for
        longer than `Deadlines.outage`, and GatewayLost when the gateway was closed or never connected.
        """
        give_up_at = self._clock.monotonic() + self._deadlines.outage
        while True:
            if not self._wanted:
                raise GatewayLost(f"There is no session with {self.address}.", hint="Connect first.")
            if not self.is_open:
                await self._reconnect()
            session = self.session
            session.changed.clear()
            if session.connectivity.serves_history():
                return
            await self._change(session, give_up_at)

    async def current_time(self) -> datetime:
        """The gateway's clock, UTC, to the second."""
        return await self.session.current_time(self._deadlines.current_time)

    async def contract_details(self, query: InstrumentQuery) -> tuple[Instrument, ...]:
        """All contracts that match; empty when IB knows none (its error 200, believed only while IB is reachable).

        Raises RequestRefused (an ambiguous query among others), RequestTimedOut, GatewayLost.
        """
        async with self._pacer.slot(RequestCost.of_lookup()):
            return await look_up(self.session, query, self._deadlines.lookup)

    async def matching_symbols(self, pattern: str) -> tuple[SymbolMatch, ...]:
        """Up to 16 instruments whose symbol or name begins like `pattern`. Paced to one a second."""
        if not pattern.strip():
            raise UsageError("A search needs some letters of a symbol or a name.")
        async with self._pacer.slot(RequestCost.of_search()):
            return await search(self.session, pattern.strip(), self._deadlines.lookup)

    async def historical_bars(
        self, request: HistoricalRequest, window: Window | None, deadline_seconds: float, *, spare: int = 0
    ) -> HistoricalAnswer:
        """The bars of one request; `window` is what they are wanted for and only goes into the record.

        `spare` units of the small-bar budget are left to others.

        The deadline runs from sending, not from queueing. IB's "no data" is an answer without bars. Raises
        RequestTimedOut, RequestRefused, PacingViolation, AnswerBroken or GatewayLost, each with its `record`.
        """
        answered = await self._ask(questions.bars(request, window, deadline_seconds), spare)
        return HistoricalAnswer(
            request=request,
            bars=answered.answer or BarBatch.empty(),
            record=answered.record,
            no_data_text=answered.no_data_text,
            notices=answered.notices,
        )

    async def head_timestamp(self, series: Series, *, spare: int = 0) -> HeadAnswer:
        """When IB's history of a series begins. Counts under the small-bar rules and is always cancelled afterwards."""
        answered = await self._ask(questions.head(series, self._deadlines.head), spare)
        return HeadAnswer(answered.answer, answered.record)

    async def schedule(self, series: Series, end: datetime | None, duration: Duration) -> tuple[TradingSession, ...]:
        """IB's trading sessions up to `end` (None: now), by date. `duration` counts sessions back from it.

        Raises RequestRefused (options have no schedule), RequestTimedOut, AnswerBroken, GatewayLost.
        """
        answered = await self._ask(questions.schedule(series, end, duration, self._deadlines.schedule))
        return answered.answer or ()

    async def _ask(self, inquiry: Inquiry[T], spare: int = 0) -> Answered[T]:
        cost = replace(inquiry.cost, spare=spare if inquiry.cost.units else 0)
        async with self._pacer.slot(cost, lambda: inquiry.sent(self.login, self._clock)) as booked:
            return await inquiry.ask(self.session, self.login, self._clock, self._on_record, booked)

    async def _change(self, session: Session, give_up_at: float) -> None:
        """Wait until the way to IB changes."""
        try:
            async with self._clock.deadline(max(0.0, give_up_at - self._clock.monotonic())):
                await session.changed.wait()
        except TimeoutError:
            what = "working history farm" if session.connectivity.line_is_up else "connection to IB"
            hours = self._deadlines.outage / 3600
            raise GatewayGone(
                f"The gateway at {self.address} has had no {what} for {hours:.1f} hours.",
                hint="See whether TWS is logged in; then run again.",
            ) from None

    async def _open_with_some_id(self) -> Session:
        """A session, with the first client id that is free: the present one, or another of the range, at once.

        Where none is, some may be held by sessions that have just died: the whole range is tried again after a while.
        """
        for pause in (*_STALE_SESSION_PAUSES, None):
            try:
                return await self._open_with_first_free_id()
            except GatewayRefused as error:
                if error.code != _CLIENT_ID_IN_USE or pause is None:
                    raise
            _log.warning("gateway.no_client_id_free", client_id=self._own_id, retry_in_seconds=pause)
            await self._clock.sleep(pause)
        raise AssertionError("the last refusal is raised")

    async def _open_with_first_free_id(self) -> Session:
        """Raises GatewayRefused of the present id where all are in use."""
        present, refusal = self.address, None
        others = range(self._own_id, self._own_id + _OTHER_CLIENT_IDS + 1)
        for number in dict.fromkeys((present.client_id, *others)):
            address = replace(present, client_id=number)
            try:
                session = await self._open(address)
            except GatewayRefused as error:
                if error.code != _CLIENT_ID_IN_USE:
                    raise
                refusal = refusal or error
            else:
                self.address = address
                if refusal is not None:
                    why = f"client id {present.client_id} is in use, {number} is taken instead"
                    _log.warning("gateway.other_client_id", why=why)
                return session
        assert refusal is not None
        raise refusal

    async def _open(self, address: GatewayAddress) -> Session:
        told, violated = self._on_notice, self._pacer.violated
        return await Session.open(address, self._clock, self._deadlines, on_notice=told, on_violation=violated)

    async def _reconnect(self) -> None:
        """Open a session again; all who wait share one search and its outcome."""
        if self._search is None or self._search.done():
            self._search = asyncio.create_task(self._seek(), name="gateway-reconnect")
            self._search.add_done_callback(_seen)
        task = asyncio.current_task()
        try:
            await asyncio.shield(self._search)
        except asyncio.CancelledError:
            if task is not None and task.cancelling():
                raise
            raise GatewayLost(f"The session with {self.address} was closed.") from None

    async def _seek(self) -> None:
        """At once, then after 1, 2, 4 … 60 s, a quarter more or less, so that many clients do not come back as one."""
        give_up_at = self._clock.monotonic() + self._deadlines.reconnect
        pause = 1.0
        while True:
            try:
                return await self.connect()
            except (GatewayUnreachable, GatewayRefused) as error:
                if self._clock.monotonic() + pause > give_up_at:
                    raise
                _log.warning("gateway.reconnect_failed", why=error.message, retry_in_seconds=pause)
            await self._clock.sleep(pause * _chance.uniform(0.75, 1.25))
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    async def _close_session(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _report(self) -> None:
        session = self.session
        _log.info(
            "gateway.connected",
            address=str(self.address),
            client_id=self.address.client_id,
            login=self.address.login_name,
            server_version=session.server_version,
            origin=str(self.origin),
        )
        if session.server_version < COMPLETE:
            _log.warning(
                "gateway.old_protocol",
                server_version=session.server_version,
                hint="Below 175 volumes of US stocks come in lots of 100: update TWS and do not mix such bars.",
            )


def _seen(search: "asyncio.Task[None]") -> None:
    """Nobody may be left to hear of the search's failure."""
    if not search.cancelled():
        search.exception()
