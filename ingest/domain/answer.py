"""What came back: `HistoricalAnswer` (clean) and `RequestRecord` (the proof that is kept of every request)."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ingest.domain.bars import BarBatch
from ingest.domain.request import HistoricalRequest
from ingest.domain.series import Origin, Series
from ingest.domain.window import Window


class RequestKind(StrEnum):
    BARS = "bars"
    HEAD = "head"
    SCHEDULE = "schedule"


class RequestOutcome(StrEnum):
    """How a request ended, as kept in the request log."""

    SENT = "sent"  # on the wire, nothing back yet (also what a crash leaves)
    BARS = "bars"  # clean end with bars
    NO_DATA = "no_data"  # clean empty end, or IB's own no-data answer
    TIMED_OUT = "timed_out"
    ERROR = "error"
    DISCONNECTED = "disconnected"


@dataclass(frozen=True, slots=True)
class GatewayLogin:
    """The session a request went through: provenance that is stored with it."""

    name: str  # the login's name in settings; the pacing budget's owner
    accounts: tuple[str, ...]
    server_version: int
    client_id: int
    connection_time: str = ""
    client_package: str = ""

    @property
    def origin(self) -> Origin:
        return Origin.of_accounts(self.accounts)


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request: what was asked, over which session, when, and exactly what came back."""

    kind: RequestKind
    series: Series
    login: GatewayLogin
    sent_at: datetime
    outcome: RequestOutcome
    ended_at: datetime | None = None
    window: Window | None = None  # the chunk's window
    end_text: str = ""
    duration: str = ""
    code: int | None = None  # IB's error code
    text: str = ""  # IB's raw text
    bar_count: int | None = None
    request_id: int | None = None  # the log's own id, once it has one


@dataclass(frozen=True, slots=True)
class HistoricalAnswer:
    """A clean answer: an end marker came and the count was right, or IB said itself that there is no data.

    `bars` may reach outside the chunk (IB overlaps) and may be empty; `no_data_text` is IB's own sentence, if any.
    """

    request: HistoricalRequest
    bars: BarBatch
    record: RequestRecord
    no_data_text: str = ""
    notices: tuple[str, ...] = field(default=())
