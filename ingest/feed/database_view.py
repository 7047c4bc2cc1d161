"""A database as a `View`: one read-only transaction, so that bars and ledger are of the same moment."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
from sqlalchemy import Connection, Engine

from ingest.clock import Clock
from ingest.domain.ledger import Ledger
from ingest.domain.window import Window
from ingest.store import bars, ledger, reading
from ingest.store.engine import redacted
from ingest.store.reading import Extent, NamedSeries
from ingest.store.series import SeriesRow


@dataclass(frozen=True, slots=True)
class DatabaseView:
    connection: Connection
    where: str
    now: datetime

    def named(self, names: Sequence[str] | None) -> Sequence[NamedSeries]:
        return reading.named(self.connection, names)

    def ledgers(self, rows: Sequence[SeriesRow]) -> dict[int, Ledger]:
        return ledger.read_many(self.connection, [row.id for row in rows])

    def extents(self, rows: Sequence[SeriesRow]) -> dict[int, Extent]:
        return reading.extents(self.connection, dict.fromkeys(rows))

    def bars(self, row: SeriesRow, window: Window) -> pa.Table:
        return bars.read(self.connection, row, window)


@contextmanager
def database_view(engine: Engine, clock: Clock, where: str = "") -> Iterator[DatabaseView]:
    """The database as it is now, for as long as the body runs. `where` it is: in its URL, if nothing else is said."""
    with reading.one_state(engine) as connection:
        yield DatabaseView(connection, f"the database {where or redacted(engine.url)}", clock.now())
