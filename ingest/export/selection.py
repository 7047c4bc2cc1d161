"""`Selection`: which series, and which stretch of them, a snapshot is to hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from ingest.calendars import calendar_of
from ingest.domain.bar_size import BarSize
from ingest.domain.series import Origin
from ingest.domain.what import WhatToShow
from ingest.domain.window import Window
from ingest.errors import ExportError, UnknownInstrument, UsageError
from ingest.plan.wish import Edge, window_of
from ingest.store import instruments, reading
from ingest.store.reading import NamedSeries

_FIRST, _LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Selection:
    """Empty or None means any. `start` and `end` as at the command line: dates are sessions, `end` is not included."""

    symbols: tuple[str, ...] = ()
    bar_sizes: tuple[BarSize, ...] = ()
    what: WhatToShow | None = None
    use_rth: bool | None = None
    origin: Origin | None = None
    start: Edge | None = None
    end: Edge | None = None

    def document(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "symbols": list(self.symbols),
            "bar_sizes": [size.value for size in self.bar_sizes],
            "what_to_show": self.what.value if self.what else None,
            "use_rth": self.use_rth,
            "origin": self.origin.value if self.origin else None,
            "start": self.start.isoformat() if self.start else None,
            "end": self.end.isoformat() if self.end else None,
        }

    def series(self, connection: Connection) -> tuple[NamedSeries, ...]:
        """The series in the database. Raises UnknownInstrument for a name it does not hold, ExportError for none."""
        listed = reading.named(connection, self.symbols or None)
        if self.symbols:
            chosen = {con_id for name in self.symbols for con_id in self._con_ids(connection, name)}
            listed = tuple(each for each in listed if each.row.series.instrument.con_id in chosen)
        found = tuple(each for each in listed if self._takes(each))
        if not found:
            raise ExportError(f"Nothing to export: {_why(listed)}", hint="`ingest status` lists what is held.")
        return found

    def window(self, named: NamedSeries) -> Window | None:
        """The stretch of this series, None for all of it. Raises UsageError when it is no stretch at all."""
        if self.start is None and self.end is None:
            return None
        series = named.row.series
        calendar = calendar_of(series.instrument, use_rth=series.use_rth)
        try:
            return window_of(series, calendar, self.start or _FIRST, self.end or _LAST)
        except ValueError as error:
            raise UsageError(f"{series}: {error}.") from None

    def _con_ids(self, connection: Connection, name: str) -> set[int]:
        found = {row.instrument.con_id for row in instruments.find(connection, name, origin=self.origin)}
        if not found:
            raise UnknownInstrument(
                f"The database holds nothing called {name!r}.", hint="`ingest status` lists what it holds."
            )
        return found

    def _takes(self, named: NamedSeries) -> bool:
        series = named.row.series
        return (
            (not self.bar_sizes or series.bar_size in self.bar_sizes)
            and self.what in (None, series.what)
            and self.use_rth in (None, series.use_rth)
            and self.origin in (None, named.row.origin)
        )


def _why(listed: Sequence[NamedSeries]) -> str:
    if not listed:
        return "the database holds no series of it yet."
    shown = ", ".join(str(each.row) for each in listed[:6]) + (", …" if len(listed) > 6 else "")
    return f"no series fits; held are {shown}."
