"""`View`: one consistent state of what is held, wherever it is kept. The feed asks nothing else of a source.

A database and a snapshot are told apart here and in `sources` only, which is why they give the same answers.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import pyarrow as pa

from ingest.domain.ledger import Ledger
from ingest.domain.window import Window
from ingest.store.reading import Extent, NamedSeries
from ingest.store.series import SeriesRow


class View(Protocol):
    """`where` names it in messages; `now` is when it was this way: what had not happened then is not missing in it."""

    @property
    def where(self) -> str: ...

    @property
    def now(self) -> datetime: ...

    def named(self, names: Sequence[str] | None) -> Sequence[NamedSeries]:
        """Series that any of `names` could mean, or all of them; more than that does no harm."""
        ...

    def ledgers(self, rows: Sequence[SeriesRow]) -> dict[int, Ledger]: ...

    def extents(self, rows: Sequence[SeriesRow]) -> dict[int, Extent]: ...

    def bars(self, row: SeriesRow, window: Window) -> pa.Table:
        """In BAR_SCHEMA, ascending."""
        ...
