"""What the gateway said, as values: one class per kind of message that matters here. Bars stay raw until asked for."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Accounts:
    accounts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NextId:
    """IB's next order id. Only its arrival matters: requests sent earlier may get no reply at all."""


@dataclass(frozen=True, slots=True)
class Message:
    """IB's `error`: errors, warnings and notices alike. `request_id` is −1 (or 0) when it is about no request."""

    request_id: int
    code: int
    text: str


@dataclass(frozen=True, slots=True)
class ContractFound:
    """One match of a contract-details request; `details` is an `ibapi.contract.ContractDetails`."""

    request_id: int
    details: Any


@dataclass(frozen=True, slots=True)
class ContractsEnd:
    request_id: int


@dataclass(frozen=True, slots=True)
class SymbolMatch:
    """One answer of a symbol search, by relevance, at most 16 in all. `derivatives` are security types."""

    con_id: int
    symbol: str
    sec_type: str
    primary_exchange: str
    currency: str
    description: str = ""
    derivatives: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SymbolsFound:
    request_id: int
    matches: tuple[SymbolMatch, ...]


@dataclass(frozen=True, slots=True)
class HeadFound:
    """The head timestamp as text: epoch seconds with formatDate=2, `yyyymmdd-hh:mm:ss` in UTC with 1."""

    request_id: int
    text: str


@dataclass(frozen=True, slots=True)
class ScheduleFound:
    """Sessions as IB's texts: (start, end, reference date) with wall times in `time_zone`."""

    request_id: int
    time_zone: str
    sessions: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class BarsFrame:
    """A historical-data message, undecoded: whoever waits for it decodes it (`bulk.decode`), late ones cost nothing."""

    request_id: int
    message_id: int
    body: bytes


@dataclass(frozen=True, slots=True)
class BarsEnd:
    """The separate end marker of server versions ≥ 196. Its range is the asked one, not what the bars cover."""

    request_id: int


@dataclass(frozen=True, slots=True)
class ServerTime:
    moment: datetime


@dataclass(frozen=True, slots=True)
class Unknown:
    """A message nobody asked for (or a newer one than this client knows): counted, never fatal."""

    message_id: int


Event = (
    Accounts
    | NextId
    | Message
    | ContractFound
    | ContractsEnd
    | SymbolsFound
    | HeadFound
    | ScheduleFound
    | BarsFrame
    | BarsEnd
    | ServerTime
    | Unknown
)
