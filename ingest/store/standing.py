"""How many bars each series holds, and from when to when: counted, not estimated."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, func, or_, select

from ingest.store.bars import table_of
from ingest.store.series import SeriesRow
from ingest.store.tables import bars_daily, bars_intraday


@dataclass(frozen=True, slots=True)
class Held:
    """Bars of a series' present epoch; `first` and `last` are bar starts, None where there is none."""

    bars: int = 0
    first: datetime | None = None
    last: datetime | None = None


def bars_held(connection: Connection, rows: Sequence[SeriesRow]) -> dict[int, Held]:
    """By series id. One scan of the primary key's part for each series."""
    found = {row.id: Held() for row in rows}
    for table in (bars_intraday, bars_daily):
        chosen = [row for row in rows if table_of(row) == table.name]
        if not chosen:
            continue
        ours = or_(*(and_(table.c.series_id == row.id, table.c.epoch == row.epoch) for row in chosen))
        counted = select(table.c.series_id, func.count(), func.min(table.c.ts), func.max(table.c.ts)).where(ours)
        for series_id, bars, first, last in connection.execute(counted.group_by(table.c.series_id)):
            found[series_id] = Held(bars, first, last)
    return found
