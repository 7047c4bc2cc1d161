"""How far ledgers reach: of any number of series in one statement, without fetching what is settled."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from ingest.domain.window import Window, Windows
from ingest.store.sql import statement


@dataclass(frozen=True, slots=True)
class Tail:
    """Of a stretch of a series' time: where the settled part ends (None: nothing is), and what is not settled.

    What IB refused for good is not settled here, for nobody has it; `refused` says which part that is.
    """

    settled_until: datetime | None
    unsettled: Windows
    refused: Windows = ()


def tails(connection: Connection, stretches: Sequence[tuple[int, Window]]) -> tuple[Tail, ...]:
    """One for each (series id, stretch), in their order; a series may be asked for more than once."""
    if not stretches:
        return ()
    found = connection.execute(
        statement("ledger_tails"),
        {
            "series_ids": [series_id for series_id, _ in stretches],
            "starts": [stretch.start for _, stretch in stretches],
            "ends": [stretch.end for _, stretch in stretches],
        },
    )
    return tuple(
        Tail(until, tuple(map(Window, starts, ends)), tuple(map(Window, refused_starts, refused_ends)))
        for until, starts, ends, refused_starts, refused_ends in found
    )
