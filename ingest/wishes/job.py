"""`Job`: one file of `jobs/` as values; nothing here reads files or the clock.

An edge of `[want]` is a date (a session), an instant, or an `Ago`, which becomes a date on the day the job runs.
"""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from ingest.domain.bar_size import BarSize
from ingest.domain.instrument import InstrumentQuery
from ingest.domain.what import WhatToShow
from ingest.plan.wish import Edge

_UNITS = ("day", "week", "month", "year")


@dataclass(frozen=True, slots=True)
class Ago:
    """So long before the day the job runs: 10 days, 2 weeks, 6 months, 3 years."""

    number: int
    unit: str

    def __post_init__(self) -> None:
        if self.unit not in _UNITS or not 1 <= self.number <= 36_500:
            raise ValueError(f"{self} is no span; write for example 10 days, 2 weeks, 6 months or 3 years")
        try:
            self.before(date(2000, 1, 1))
        except (ValueError, OverflowError):
            raise ValueError(f"{self} is longer than any history") from None

    def __str__(self) -> str:
        return f"{self.number} {self.unit}{'s' if self.number != 1 else ''}"

    @classmethod
    def parse(cls, text: str) -> "Ago":
        """Read `10 days`, `1 year`. Raises ValueError in one line."""
        found = re.fullmatch(r"(\d{1,6})\s*(day|week|month|year)s?", text.strip().lower())
        if not found:
            raise ValueError(f"{text!r} is no date and no span; write 2024-01-31, or for example 10 days or 3 years")
        return cls(int(found[1]), found[2])

    def before(self, day: date) -> date:
        """The day that lies so far back; the last of the month where that month is shorter."""
        if self.unit in ("day", "week"):
            return day - timedelta(days=self.number * (7 if self.unit == "week" else 1))
        months = day.year * 12 + day.month - 1 - self.number * (12 if self.unit == "year" else 1)
        year, month = divmod(months, 12)
        last = monthrange(year, month + 1)[1]
        return date(year, month + 1, min(day.day, last))


@dataclass(frozen=True, slots=True)
class Universe:
    """The instruments, as people write them. `sec_type`, `exchange`, `currency` count where a symbol names none.

    With a `name` they are those of a universe in the database, read when the job runs; `symbols` is empty here.
    """

    symbols: tuple[str, ...]
    sec_type: str = ""
    exchange: str = ""
    currency: str = ""
    file: Path | None = None
    name: str = ""

    def query(self, symbol: str) -> InstrumentQuery:
        """Raises ValueError for a text that names no instrument."""
        return InstrumentQuery.parse(symbol, sec_type=self.sec_type, exchange=self.exchange, currency=self.currency)


@dataclass(frozen=True, slots=True)
class SeriesWish:
    """One `[[series]]`: wanted of every instrument. `what` None: the one usual for the instrument's type."""

    bar_size: BarSize
    what: WhatToShow | None = None
    outside_rth: bool = False


@dataclass(frozen=True, slots=True)
class Want:
    """The time to make complete, `until` not included; None: up to the last closed bar."""

    since: Edge | Ago
    until: Edge | Ago | None = None

    def start(self, today: date) -> Edge:
        return _on(self.since, today)

    def end(self, today: date) -> Edge | None:
        return None if self.until is None else _on(self.until, today)


@dataclass(frozen=True, slots=True)
class Cron:
    """Five fields of a crontab, in a time zone. Weekdays are names, for their numbers differ between crons."""

    expression: str
    time_zone: str


@dataclass(frozen=True, slots=True)
class AfterClose:
    """On session days of an exchange_calendars calendar, so long after its close."""

    calendar: str
    delay: timedelta


@dataclass(frozen=True, slots=True)
class ExportWish:
    """A snapshot of the job's series, in folder `to` (relative to the working folder), after each run."""

    to: Path
    keep_last: int | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """Everything a job file says. Higher `priority` goes first."""

    name: str
    path: Path
    universe: Universe
    series: tuple[SeriesWish, ...]
    want: Want
    schedule: Cron | AfterClose | None = None
    export: ExportWish | None = None
    priority: int = 0
    description: str = ""


def _on(edge: Edge | Ago, today: date) -> Edge:
    return edge.before(today) if isinstance(edge, Ago) else edge
