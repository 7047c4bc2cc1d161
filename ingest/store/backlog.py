"""What is ahead of the workers, and how fast they were of late: the facts behind "when will it be done"."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from ingest.domain.bar_size import BarSize
from ingest.domain.job import Lane
from ingest.domain.what import WhatToShow
from ingest.store.sql import statement


@dataclass(frozen=True, slots=True)
class OpenFill:
    """A fill that runs or waits. `requests` are left of it, about; `seconds_until` it may go on, by the database."""

    id: int
    lane: Lane
    priority: int
    series_id: int
    what: WhatToShow
    runs: bool
    is_paused: bool
    requests: int
    seconds_until: float | None


@dataclass(frozen=True, slots=True)
class Speed:
    """One login and one size of bars: requests that were answered while `busy_seconds` passed in which any was open.

    `units` of the budget for small requests were spent, on head timestamps too.
    """

    login: str
    is_small: bool
    requests: int
    busy_seconds: float
    units: int


def open_fills(connection: Connection) -> tuple[OpenFill, ...]:
    """All of them, in no order."""
    return tuple(
        OpenFill(
            row.id,
            Lane(row.lane),
            row.priority,
            row.series_id,
            WhatToShow(row.what),
            row.runs,
            row.is_paused,
            row.requests,
            row.seconds_until,
        )
        for row in connection.execute(statement("jobs_ahead"))
    )


def speeds(connection: Connection, logins: Collection[str], since: datetime) -> tuple[Speed, ...]:
    """What these logins did since a moment of the product's clock; nothing of those that did nothing."""
    given = {
        "logins": sorted(logins),
        "since": since,
        "small": [size.value for size in BarSize if size.is_small],
    }
    found = connection.execute(statement("requests_pace"), given)
    return tuple(Speed(row.login, row.small, row.requests, row.busy, int(row.units)) for row in found)
