"""What was asked for of each series by somebody's command, whatever became of it.

The ledger knows only time that was settled, or tried. Of a run that is stopped half-way it holds nothing for the other
half: what was asked for of it is remembered here.
"""

from collections.abc import Collection

from sqlalchemy import Connection, delete

from ingest.domain.window import Window, Windows
from ingest.store.sql import statement
from ingest.store.tables import asked as table


def add(connection: Connection, series_id: int, windows: Windows) -> None:
    """Remember that this time was asked for."""
    given = {"starts": [each.start for each in windows], "ends": [each.end for each in windows]}
    connection.execute(statement("asked_add"), {"series_id": series_id} | given)


def unknown(connection: Connection, series_ids: Collection[int]) -> dict[int, Windows]:
    """What was asked for and is in no state of the ledger, for each of the series; it may reach into the future."""
    found: dict[int, list[Window]] = {each: [] for each in series_ids}
    for row in connection.execute(statement("asked_unknown"), {"series_ids": sorted(found)}):
        found[row.series_id].append(Window(row.starts, row.ends))
    return {each: tuple(windows) for each, windows in found.items()}


def forget(connection: Connection, series_ids: Collection[int]) -> int:
    """Forget what was asked for of these series; what is held of them stays. Gives how many it was remembered of."""
    return connection.execute(delete(table).where(table.c.series_id.in_(sorted(series_ids)))).rowcount
