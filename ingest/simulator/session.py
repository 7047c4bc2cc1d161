"""One client connection: handshake, start, then frame after frame until either side has had enough."""

import asyncio
from dataclasses import dataclass, field

from ingest.simulator import farms
from ingest.simulator.faults.delivery import Delivery, last_words, whole
from ingest.simulator.faults.matching import Incoming
from ingest.simulator.faults.script import Fault
from ingest.simulator.handshake import negotiate, welcoming
from ingest.simulator.hmds import HistoryService
from ingest.simulator.login import Login
from ingest.simulator.manners import texts
from ingest.simulator.manners.pacing import MessageRate
from ingest.simulator.outbox import Outbox
from ingest.simulator.questions import contract_facts
from ingest.simulator.replies import address_of, reply
from ingest.simulator.wire import answers
from ingest.simulator.wire import requests as ask
from ingest.simulator.wire.decode import decode
from ingest.simulator.wire.framing import FrameBuffer, FramingError

_READ_BYTES = 65_536
_STRIKES = 3

#: IB's own ceiling of API clients on one Gateway.
_MOST_CLIENTS = 32


@dataclass(slots=True, eq=False)
class ClientSession:
    """A connected client. `client_id` is −1 until it has said who it is."""

    login: Login
    history: HistoryService
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    client_id: int = -1
    version: int = 0
    _buffer: FrameBuffer = field(default_factory=FrameBuffer)
    _outbox: Outbox = field(init=False)
    _rate: MessageRate = field(init=False)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._outbox = Outbox(self.writer, self.login.clock)
        self._rate = MessageRate(self.login.options.message_rate)

    def post(self, frames: bytes) -> None:
        self.deliver(whole(frames))

    def deliver(self, delivery: Delivery) -> None:
        self._outbox.put(delivery)

    def hang_up(self) -> None:
        self.deliver(last_words(b""))

    async def run(self) -> None:
        """Serve the client until it leaves or is sent away."""
        sending = asyncio.ensure_future(self._outbox.run())
        try:
            if await self._greet():
                await self._converse()
            # What was said last (a refusal, usually) still goes out.
            await self._outbox.emptied()
        except ConnectionError as error:
            self.login.log.write("connection_lost", client_id=self.client_id, error=repr(error))
        except FramingError as error:
            self.login.log.write("framing_error", client_id=self.client_id, error=str(error))
        finally:
            for task in (sending, *self._tasks):
                task.cancel()
            self._leave()

    def _leave(self) -> None:
        self.history.pending.forget(self)
        if self.login.clients.get(self.client_id) is self:
            del self.login.clients[self.client_id]
            self.login.log.write("client_left", client_id=self.client_id)
        self.writer.close()

    async def _greet(self) -> bool:
        """The handshake; false where it fails."""
        while (hello := self._buffer.hello()) is None:
            if not await self._receive():
                return False
        self.version = negotiate(self.login, hello)
        if self.version:
            self.deliver(welcoming(self.login, self.version))
        return self.version > 0

    async def _receive(self) -> bool:
        data = await self.reader.read(_READ_BYTES)
        self._buffer.feed(data)
        return bool(data)

    async def _converse(self) -> None:
        while not self.writer.is_closing():
            while (payload := self._buffer.frame()) is not None:
                if await self._within_rate():
                    self._hear(payload)
            if not await self._receive():
                return

    async def _within_rate(self) -> bool:
        """Count a message; false where it is refused for coming too fast."""
        rule, clock = self.login.options.message_rate_rule, self.login.clock
        if rule == "off":
            return True
        if rule == "pace":
            await clock.sleep(self._rate.wait_seconds(clock.now()))
        if not self._rate.exceeded(clock.now()) or rule == "pace":
            return True
        self.login.violated("message_rate", self.client_id)
        self.login.tell(self, -1, texts.MESSAGE_RATE)
        if self._rate.strikes >= _STRIKES:
            self.hang_up()
        return False

    def _hear(self, payload: bytes) -> None:
        login = self.login
        try:
            request = decode(self.version, payload)
        except ask.MalformedRequest as error:
            login.log.write("malformed_request", client_id=self.client_id, error=str(error))
            login.tell(self, -1, texts.unreadable(str(error)))
            return
        if isinstance(request, ask.StartApi):
            self._start(request)
        elif self.client_id < 0:
            # A real Gateway has been seen to wedge over this; here it is only said.
            login.log.write("message_before_start", request=type(request).__name__)
        elif login.health.mute:
            self._log("unanswered", request, req_id=address_of(request))
        else:
            self._serve(request)

    # Starting

    def _start(self, request: ask.StartApi) -> None:
        login = self.login
        fault = login.faults.hit(Incoming("start", request.client_id))
        if fault is not None:
            self._log("fault", request, action=fault.action)
            self._start_badly(request, fault)
        elif request.client_id in login.clients or request.client_id < 0:
            login.log.write("client_id_in_use", client_id=request.client_id)
            self._send_away(texts.CLIENT_ID_IN_USE)
        elif len(login.clients) >= _MOST_CLIENTS:
            self.hang_up()
        else:
            self._begin(request)

    def _start_badly(self, request: ask.StartApi, fault: Fault) -> None:
        match fault.action:
            case "client_id_in_use":
                self._send_away(texts.CLIENT_ID_IN_USE)
            case "error":
                self._send_away(texts.Refusal(fault.code, fault.text))
            case "drop":
                self.hang_up()
            case "delay":
                self._later(fault.seconds, request)
            case "notice":
                self._begin(request)
                self.login.notify(self, -1, (fault.code, fault.text))
            case _:
                return

    def _send_away(self, refusal: texts.Refusal) -> None:
        self.deliver(last_words(self.login.error_frame(self.version, -1, refusal.code, refusal.text)))

    def _begin(self, request: ask.StartApi) -> None:
        login, options = self.login, self.login.options
        self.client_id = request.client_id
        login.clients[self.client_id] = self
        login.log.write("client_started", client_id=self.client_id, version=self.version)
        self.post(answers.managed_accounts(self.version, ",".join(options.accounts)))
        self.post(answers.next_valid_id(self.version, options.next_valid_id))
        for notice in farms.greeting(login.health):
            login.notify(self, -1, (notice.code, notice.text))

    # Serving

    def _serve(self, request: ask.Request) -> None:
        match request:
            case ask.HistoricalRequest():
                self.history.historical(self, request)
            case ask.HeadTimestampRequest():
                self.history.head_timestamp(self, request)
            case ask.CancelHistorical(req_id):
                self._log("cancel", request, req_id=req_id)
                self.history.cancel(self, req_id, "historical")
            case ask.CancelHeadTimestamp(req_id):
                self._log("cancel", request, req_id=req_id)
                self.history.cancel(self, req_id, "head_timestamp")
            case ask.ContractRequest(req_id, query):
                self._log("request", request, req_id=req_id, contract=contract_facts(query))
                self._look_up(request, Incoming("contract", self.client_id, query.symbol, query.sec_type))
            case ask.MatchingSymbolsRequest(req_id, pattern):
                self._log("request", request, req_id=req_id, pattern=pattern)
                self._look_up(request, Incoming("symbols", self.client_id, pattern))
            case _:
                self._log_small_talk(request)
                self._reply(request)

    def _log_small_talk(self, request: ask.Request) -> None:
        match request:
            case ask.OrderMessage(message_id, order_id):
                self._log("order_refused", request, message_id=message_id, order_id=order_id)
            case ask.Unknown(message_id):
                self._log("unknown_message", request, message_id=message_id)
            case _:
                self._log("request", request, req_id=address_of(request))

    def _look_up(self, request: ask.Request, incoming: Incoming) -> None:
        """Contract and symbol look-ups need IB, and can be made to fail."""
        health, req_id = self.login.health, address_of(request)
        if not health.connected or "secdef" in health.farms_down:
            self._log("unanswered", request, req_id=req_id)
            if health.spurious_200:
                self.login.tell(self, req_id, texts.NO_DEFINITION)
            return
        fault = self.login.faults.hit(incoming)
        if fault is None:
            self._reply(request)
            return
        self._log("fault", request, action=fault.action, req_id=req_id)
        self._suffer(request, fault)

    def _suffer(self, request: ask.Request, fault: Fault) -> None:
        req_id = address_of(request)
        match fault.action:
            case "error":
                self.login.tell(self, req_id, texts.Refusal(fault.code, fault.text))
            case "drop":
                self.hang_up()
            case "delay":
                self._later(fault.seconds, request)
            case "notice":
                self.login.notify(self, req_id, (fault.code, fault.text))
                self._reply(request)
            case _:
                return

    def _reply(self, request: ask.Request) -> None:
        answer = reply(self.login, self, request)
        if isinstance(answer, texts.Refusal):
            self.login.tell(self, address_of(request), answer)
        elif answer:
            self.post(answer)

    def _later(self, seconds: float, request: ask.Request) -> None:
        """Answer, or begin, after a while."""
        task = asyncio.ensure_future(self._wait_and_go_on(seconds, request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _wait_and_go_on(self, seconds: float, request: ask.Request) -> None:
        await self.login.clock.sleep(seconds)
        if isinstance(request, ask.StartApi):
            self._begin(request)
        else:
            self._reply(request)

    def _log(self, event: str, request: ask.Request, **facts: object) -> None:
        self.login.log.write(event, message=type(request).__name__, client_id=self.client_id, **facts)
