"""What a client can ask, as values, whichever way it was written.

Only what the simulator answers has a shape of its own; account questions share one, orders are recognised only to be
refused, and everything else is named well enough to be answered with an error.
"""

from dataclasses import dataclass, field


class MalformedRequest(Exception):
    """A message whose id is known and whose body cannot be read; the session goes on."""

    def __init__(self, message_id: int, why: str) -> None:
        super().__init__(message_id, why)
        self.message_id = message_id
        self.why = why

    def __str__(self) -> str:
        return f"Error reading request. Message id={self.message_id}: {self.why}"


@dataclass(frozen=True, slots=True)
class ContractQuery:
    """The client's description of a contract: any field may be empty."""

    con_id: int = 0
    symbol: str = ""
    sec_type: str = ""
    expiry: str = ""
    strike: float = 0.0
    right: str = ""
    multiplier: str = ""
    exchange: str = ""
    primary_exchange: str = ""
    currency: str = ""
    local_symbol: str = ""
    trading_class: str = ""
    include_expired: bool = False
    sec_id_type: str = ""
    sec_id: str = ""


@dataclass(frozen=True, slots=True)
class StartApi:
    client_id: int
    capabilities: str = ""


@dataclass(frozen=True, slots=True)
class HistoricalRequest:
    """reqHistoricalData, its strings unjudged."""

    req_id: int
    contract: ContractQuery
    end: str
    bar_size: str
    duration: str
    use_rth: bool
    what: str
    format_date: int = 1
    keep_up_to_date: bool = False


@dataclass(frozen=True, slots=True)
class HeadTimestampRequest:
    req_id: int
    contract: ContractQuery
    use_rth: bool
    what: str
    format_date: int = 1


@dataclass(frozen=True, slots=True)
class ContractRequest:
    req_id: int
    contract: ContractQuery


@dataclass(frozen=True, slots=True)
class MatchingSymbolsRequest:
    req_id: int
    pattern: str


@dataclass(frozen=True, slots=True)
class CancelHistorical:
    req_id: int


@dataclass(frozen=True, slots=True)
class CancelHeadTimestamp:
    req_id: int


@dataclass(frozen=True, slots=True)
class CurrentTime:
    in_milliseconds: bool = False


@dataclass(frozen=True, slots=True)
class NextId:
    pass


@dataclass(frozen=True, slots=True)
class ManagedAccounts:
    pass


@dataclass(frozen=True, slots=True)
class AccountQuestion:
    """Positions, orders, executions, balances: answered as for an account that is empty."""

    message_id: int
    req_id: int = -1
    account: str = ""


@dataclass(frozen=True, slots=True)
class OrderMessage:
    """Anything that would trade."""

    message_id: int
    order_id: int = -1


@dataclass(frozen=True, slots=True)
class Notice:
    """A message that needs no answer (log level, market data type, cancellations of things never started)."""

    message_id: int


@dataclass(frozen=True, slots=True)
class Unsimulated:
    """A real message of the API that this stand-in does not act out."""

    message_id: int
    req_id: int = -1


@dataclass(frozen=True, slots=True)
class Unknown:
    """A message id that no version of the API has."""

    message_id: int
    body: bytes = field(default=b"", repr=False)


Request = (
    StartApi
    | HistoricalRequest
    | HeadTimestampRequest
    | ContractRequest
    | MatchingSymbolsRequest
    | CancelHistorical
    | CancelHeadTimestamp
    | CurrentTime
    | NextId
    | ManagedAccounts
    | AccountQuestion
    | OrderMessage
    | Notice
    | Unsimulated
    | Unknown
)

#: placeOrder, cancelOrder, exerciseOptions, reqGlobalCancel, and the two that change the Gateway itself.
ORDER_MESSAGES = frozenset({3, 4, 19, 21, 58, 109})

#: Log level, market data type, auto-binding, and cancellations of what is never running here.
NOTICES = frozenset({2, 11, 13, 14, 15, 23, 51, 53, 56, 57, 59, 63, 64, 70, 75, 77, 89, 93, 95, 98, 101, 103, 106, 107})

#: Client message → the server message that ends its (empty) answer.
ACCOUNT_ENDS: dict[int, int] = {5: 53, 6: 54, 7: 55, 16: 53, 61: 62, 62: 64, 74: 72, 76: 74, 78: 76, 85: 85, 99: 102}
