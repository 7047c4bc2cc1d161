"""What all clients of one Gateway share: the market, the clock, the log, and the account of who asked what.

IB counts pacing per login, so the ledger lives here and not in a connection.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Protocol

from ingest.simulator.cache import AnswerCache
from ingest.simulator.clock import SimulatorClock
from ingest.simulator.faults.delivery import Delivery
from ingest.simulator.faults.matching import FaultMatcher
from ingest.simulator.history import HistoryDesk
from ingest.simulator.listings import Listings
from ingest.simulator.log import EventLog
from ingest.simulator.manners.pacing import PacingLedger
from ingest.simulator.manners.texts import Refusal
from ingest.simulator.market.types import Market
from ingest.simulator.settings import ServerOptions
from ingest.simulator.wire import answers


class Client(Protocol):
    """A connected client as the services see it."""

    client_id: int
    version: int

    def deliver(self, delivery: Delivery) -> None:
        """Queue bytes behind whatever is on its way already."""
        ...

    def post(self, frames: bytes) -> None:
        """Queue whole frames."""
        ...

    def hang_up(self) -> None:
        """Close the socket without a word."""
        ...


@dataclass(frozen=True, slots=True)
class Violation:
    """A pacing rule broken: `identical`, `burst`, `total`, `open_requests` or `message_rate`."""

    rule: str
    client_id: int
    req_id: int
    at: float


@dataclass(slots=True)
class Health:
    """What of IB is out of reach at the moment. `mute`: the login itself is gone and nothing is answered at all."""

    farms_down: set[str] = field(default_factory=set)
    connected: bool = True
    mute: bool = False
    spurious_200: bool = False

    @property
    def has_history(self) -> bool:
        return self.connected and "hmds" not in self.farms_down


@dataclass(slots=True)
class Login:
    """One Gateway session at IB and everything its clients have in common."""

    market: Market
    clock: SimulatorClock
    options: ServerOptions
    log: EventLog
    listings: Listings = field(init=False)
    desk: HistoryDesk = field(init=False)
    faults: FaultMatcher = field(init=False)
    health: Health = field(default_factory=Health)
    ledger: PacingLedger = field(default_factory=PacingLedger)
    clients: dict[int, Client] = field(default_factory=dict)
    counters: Counter[str] = field(default_factory=Counter)
    violations: list[Violation] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.market = self.listings = Listings(self.market)
        self.desk = HistoryDesk(self.market, self.options, AnswerCache(self.options.answer_cache_bytes))
        self.faults = FaultMatcher(self.options.faults)

    def violated(self, rule: str, client_id: int, req_id: int = -1) -> None:
        self.violations.append(Violation(rule, client_id, req_id, self.clock.now()))
        self.log.write("violation", rule=rule, client_id=client_id, req_id=req_id)

    def broadcast(self, refusal: Refusal) -> None:
        """Send a notice that belongs to no request to every client."""
        self.log.write("broadcast", code=refusal.code, text=refusal.text)
        for client in list(self.clients.values()):
            self.notify(client, -1, (refusal.code, refusal.text))

    def tell(self, client: Client, req_id: int, refusal: Refusal) -> None:
        """Send an error."""
        self.counters[f"error {refusal.code}"] += 1
        client.post(self.error_frame(client.version, req_id, refusal.code, refusal.text))

    def notify(self, client: Client, req_id: int, warning: tuple[int, str]) -> None:
        client.post(self.error_frame(client.version, req_id, *warning))

    def error_frame(self, version: int, req_id: int, code: int, text: str) -> bytes:
        return answers.error(version, req_id, code, text, self.clock.now())
