"""A firing → one fill for each of its series that is not complete.

A lookup that failed says nothing about what there is. Symbols that IB could not be asked about just now, or denies
though it knew them before, are asked for again a few times; meanwhile, and in the end, they stand for the series to
which the wish came the last time.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

from sqlalchemy import Connection, Engine

from ingest.app.queueing import fills_of
from ingest.app.serving.station import Manned
from ingest.app.wishing import JobOrders, as_last_known, job_orders
from ingest.clock import Clock
from ingest.errors import IngestError
from ingest.store import firings, jobs, wishes
from ingest.store import series as series_store
from ingest.store.firings import Firing
from ingest.wishes import job_of
from ingest.worker.lines import Order

#: How often doubtful symbols are looked up, and the wait before the second time, doubled for each further one.
LOOKUPS = 5
FIRST_WAIT = timedelta(minutes=1)
#: How many series of a firing are queued in one transaction.
_SERIES_AT_A_TIME = 50


@dataclass(frozen=True, slots=True)
class Expansion:
    """Expansions at one gateway."""

    engine: Engine
    clock: Clock
    manned: Manned

    def firing(self, firing_id: int) -> Firing | None:
        """None where it is gone, or needs no expansion any more."""
        with self.engine.connect() as connection:
            found = firings.by_id(connection, firing_id)
        return None if found is None or found.expanded_at is not None else found

    async def resolve(self, firing: Firing) -> JobOrders:
        """What the wish comes to now. Raises what `job_orders` does, and whatever an unreadable document brings."""
        job = job_of(firing.document)
        made = await job_orders(self.manned.gateway, self.engine, job, self.clock)
        return as_last_known(self.engine, job, made, self.manned.gateway.origin, self.clock)

    def queue(self, firing: Firing, made: JobOrders, *, is_final: bool) -> int:
        """Some series at a time, so that work begins with the first; one that dies in the middle is repeated. Gives how
        many jobs there are; `is_final` says that no more follow.

        It ends early where the firing is not to be expanded any more: this job was cancelled, or another has done it.
        """
        count = 0
        for at in range(0, len(made.orders), _SERIES_AT_A_TIME):
            count += self._queue_part(firing, made.orders[at : at + _SERIES_AT_A_TIME])
        with self.engine.begin() as connection:
            if is_final and _is_open(connection, firing):
                origin = self.manned.gateway.origin
                rows = [series_store.find(connection, order.series, origin) for order in made.orders]
                wishes.put_series(connection, firing.wish, [row.id for row in rows if row is not None])
                firings.mark_expanded(connection, firing.id, [asdict(each) for each in made.unmet])
        return count

    def refuse(self, firing: Firing, error: Exception) -> None:
        """A wish that cannot be read as a whole: its conclusion says so, to which a firing comes only when expanded."""
        reason = str(error) if isinstance(error, IngestError) else f"a defect of this program: {error!r}"
        unmet = {"symbol": firing.wish, "kind": type(error).__name__, "reason": reason}
        with self.engine.begin() as connection:
            firings.mark_expanded(connection, firing.id, [unmet])

    def _queue_part(self, firing: Firing, orders: Sequence[Order]) -> int:
        with self.engine.begin() as connection:
            if not _is_open(connection, firing):
                return 0
            fills = fills_of(
                connection,
                orders,
                self.manned.gateway.origin,
                wish=firing.wish,
                firing=firing.id,
                priority=int(firing.document.get("priority", 0)),
                now=self.clock.now(),
                spans=self.manned.learner.spans,
            )
            jobs.queue_fills(connection, fills)
        return len(fills)


def _is_open(connection: Connection, firing: Firing) -> bool:
    """Whether nobody has expanded it yet, or called that off; nobody can until the transaction ends."""
    found = firings.by_id(connection, firing.id, hold=True)
    return found is not None and found.expanded_at is None
