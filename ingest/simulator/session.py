"""One client connection: handshake, start, then frame after frame until either side has had enough.

Everything that leaves goes through one queue, so that an answer sent slowly on purpose is never torn by
another.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime

from ingest.simulator.faults.delivery import Delivery, last_words, whole
from ingest.simulator.faults.matching import Incoming
from ingest.simulator.faults.script import Fault
from ingest.simulator.hmds import HistoryService
from ingest.simulator.login import Login
from ingest.simulator.manners import texts
from ingest.simulator.manners.pacing import MessageRate
from ingest.simulator.questions import contract_facts
from ingest.simulator.replies import address_of, reply
from ingest.simulator.wire import answers
from ingest.simulator.wire import requests as ask
from ingest.simulator.wire.decode import decode
from ingest.simulator.wire.framing import FrameBuffer, FramingError, welcome
from ingest.simulator.wire.times import zone
from ingest.simulator.wire.versions import OLDEST

_READ_BYTES = 65_536
_STRIKES = 3


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
    _outgoing: asyncio.Queue[Delivery] = field(default_factory=asyncio.Queue)
    _rate: MessageRate = field(init=False)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._rate = MessageRate(self.login.options.message_rate)

    async def run(self) -> None:
        """Serve the client until it leaves or is sent away."""
        sending = asyncio.ensure_future(self._send())
        try:
            if await self._greet():
                await self._converse()
            # What was said last (a refusal, usually) still goes out.
            await self._outgoing.join()
        except ConnectionError as error:
            self.login.log.write("connection_lost", client_id=self.client_id, error=repr(error))
        except FramingError as error:
            self.login.log.write("framing_error", client_id=self.client_id, error=str(error))
        finally:
            for task in (sending, *self._tasks):
                task.cancel()
            self._leave()

    def _leave(self) -> None:
        self.history.forget(self)
        if self.login.clients.get(self.client_id) is self:
            del self.login.clients[self.client_id]
            self.login.log.write("client_left", client_id=self.client_id)
        self.writer.close()

    # Outgoing

    def post(self, frames: bytes) -> None:
        self.deliver(whole(frames))

    def deliver(self, delivery: Delivery) -> None:
        self._outgoing.put_nowait(delivery)

    def hang_up(self) -> None:
        self.deliver(last_words(b""))

    async def _send(self) -> None:
        while True:
            delivery = await self._outgoing.get()
            try:
                await self._send_one(delivery)
            except ConnectionError:
                # The reading side notices as well and ends the session; what is queued has no reader any more.
                self.writer.close()
            finally:
                self._outgoing.task_done()

    async def _send_one(self, delivery: Delivery) -> None:
        if self.writer.is_closing():
            return
        for piece, pause in delivery.pieces:
            self.writer.write(piece)
            await self.writer.drain()
            if pause:
                await self.login.clock.sleep(pause)
        if delivery.then_close:
            self.writer.close()

    # Incoming

    async def _greet(self) -> bool:
        """The handshake; false where the versions do not meet."""
        while (hello := self._buffer.hello()) is None:
            if not await self._receive():
                return False
        options = self.login.options
        self.version = min(options.max_version, hello.most)
        facts = {"offered": f"v{hello.least}..{hello.most}", "options": hello.options, "version": self.version}
        if self.version < max(hello.least, OLDEST):
            self.login.log.write("version_refused", **facts)
            return False
        self.login.log.write("handshake", **facts)
        local = datetime.fromtimestamp(self.login.clock.now(), zone(options.time_zone))
        place = options.connection_zone or options.time_zone
        self.post(welcome(self.version, f"{local:%Y%m%d %H:%M:%S} {place}"))
        return True

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
        options, clock = self.login.options, self.login.clock
        if options.message_rate_rule == "off":
            return True
        if options.message_rate_rule == "pace":
            await clock.sleep(self._rate.wait_seconds(clock.now()))
        if not self._rate.exceeded(clock.now()):
            return True
        if options.message_rate_rule == "pace":
            return True
        self.login.violated("message_rate", self.client_id)
        self.login.tell(self, -1, texts.MESSAGE_RATE)
        if self._rate.strikes >= _STRIKES:
            self.hang_up()
        return False

    def _hear(self, payload: bytes) -> None:
        try:
            request = decode(self.version, payload)
        except ask.MalformedRequest as error:
            self.login.log.write("malformed_request", client_id=self.client_id, error=str(error))
            self.login.tell(self, -1, texts.unreadable(str(error)))
            return
        if isinstance(request, ask.StartApi):
            self._begin(request)
        elif self.client_id < 0:
            # A real Gateway has been seen to wedge over this; here it is only said.
            self.login.log.write("message_before_start", request=type(request).__name__)
        else:
            self._serve(request)

    def _begin(self, request: ask.StartApi) -> None:
        login, options = self.login, self.login.options
        if request.client_id in login.clients or request.client_id < 0:
            login.log.write("client_id_in_use", client_id=request.client_id)
            refusal = texts.CLIENT_ID_IN_USE
            self.deliver(last_words(login.error_frame(self.version, -1, refusal.code, refusal.text)))
            return
        self.client_id = request.client_id
        login.clients[self.client_id] = self
        login.log.write("client_started", client_id=self.client_id, version=self.version)
        self.post(answers.managed_accounts(self.version, ",".join(options.accounts)))
        self.post(answers.next_valid_id(self.version, options.next_valid_id))
        for notice in texts.FARM_NOTICES:
            login.notify(self, -1, notice)

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
            case _:
                self._answer(request)

    def _answer(self, request: ask.Request) -> None:
        login, req_id = self.login, address_of(request)
        match request:
            case ask.OrderMessage(message_id):
                login.log.write("order_refused", client_id=self.client_id, message_id=message_id, order_id=req_id)
            case ask.Unknown(message_id):
                login.log.write("unknown_message", client_id=self.client_id, message_id=message_id)
            case ask.ContractRequest():
                self._log("request", request, req_id=req_id, contract=contract_facts(request.contract))
            case _:
                self._log("request", request, req_id=req_id)
        fault = self._fault_for(request)
        if fault is None:
            self._reply(request)
        elif fault.action == "error":
            login.tell(self, req_id, texts.Refusal(fault.code, fault.text))
        elif fault.action == "drop":
            self.hang_up()
        elif fault.action == "delay":
            task = asyncio.ensure_future(self._reply_later(request, fault.seconds))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _reply(self, request: ask.Request) -> None:
        answer = reply(self.login, self, request)
        if isinstance(answer, texts.Refusal):
            self.login.tell(self, address_of(request), answer)
        elif answer:
            self.post(answer)

    async def _reply_later(self, request: ask.Request, seconds: float) -> None:
        await self.login.clock.sleep(seconds)
        self._reply(request)

    def _fault_for(self, request: ask.Request) -> Fault | None:
        """Contract and symbol look-ups can be made to fail; the rest of the small talk always works."""
        match request:
            case ask.ContractRequest(_, query):
                incoming = Incoming("contract", self.client_id, query.symbol, query.sec_type)
            case ask.MatchingSymbolsRequest(_, pattern):
                incoming = Incoming("symbols", self.client_id, pattern)
            case _:
                return None
        fault = self.login.faults.hit(incoming)
        if fault is not None:
            self._log("fault", request, action=fault.action, req_id=address_of(request))
        return fault

    def _log(self, event: str, request: ask.Request, **facts: object) -> None:
        self.login.log.write(event, message=type(request).__name__, client_id=self.client_id, **facts)
