"""The port through which a gate shares a login's budget with other processes, and with those that were killed.

IB counts small requests by login, not by process. So each is booked somewhere that all of a login's processes see,
before it leaves. Who keeps the book (a table, a lock) is not known here; the rules are (`wait_after`), and they are
applied to what the book says.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ingest.domain.answer import RequestRecord
from ingest.gateway.pacing import RequestCost

Past = tuple[tuple[float, RequestCost], ...]
Draft = Callable[[], RequestRecord]


@dataclass(frozen=True, slots=True)
class Turn:
    """What the book says: wait so many seconds and ask again, or go, as the request of this id.

    `leaves_by` is the moment on the gate's monotonic clock until which the booking holds; later it must be made anew.
    `past` is everything that counts, as (age in seconds, cost), this request last when it may go.
    """

    wait: float
    past: Past
    request_id: int | None = None
    leaves_by: float = 0.0


class LoginBook(Protocol):
    """One login's bookings. Neither method may block the event loop."""

    async def book(self, draft: RequestRecord, grace: float, *, instead_of: int | None = None, spare: int = 0) -> Turn:
        """Book a request that leaves within `grace` seconds, unless the rules make it wait.

        `instead_of` is its own earlier booking, which has lapsed; `spare` as in `RequestCost`. Raises DatabaseError.
        """
        ...

    async def close(self, record: RequestRecord) -> None:
        """Say how a booked request ended that brought no answer."""
        ...
