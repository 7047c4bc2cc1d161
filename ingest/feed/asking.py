"""A reader's question, checked and answered from a view: which series, over which window, what of it is not held."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from ingest.calendars import calendar_of
from ingest.domain.bar_size import BarSize
from ingest.domain.ledger import Ledger
from ingest.domain.series import Origin
from ingest.domain.what import WhatToShow
from ingest.domain.window import Window
from ingest.errors import UsageError
from ingest.feed.choosing import Chosen, Form, choose
from ingest.feed.holes import Stretch, missing, stretches
from ingest.feed.views import View
from ingest.plan.wish import Edge, parse_edge, window_of

Moment = str | date | datetime


@dataclass(frozen=True, slots=True)
class Question:
    """Names in the order asked; `end` None is now."""

    names: tuple[str, ...]
    form: Form
    start: Edge
    end: Edge | None


@dataclass(frozen=True, slots=True)
class Answer:
    """One series: the window asked for on its axis, what is known of it, and what is missing."""

    chosen: Chosen
    wish: Window
    known: tuple[Stretch, ...]
    missing: tuple[Stretch, ...]

    def missing_records(self) -> list[dict[str, Any]]:
        """As plain values, for the notes beside a frame."""
        return [
            {
                "symbol": self.chosen.name,
                "start": stretch.window.start.isoformat(),
                "end": stretch.window.end.isoformat(),
                "state": stretch.state,
                "reason": stretch.reason,
            }
            for stretch in self.missing
        ]

    def series_record(self) -> dict[str, Any]:
        """The series as plain values: its key, and what tells its trading hours."""
        series, instrument = self.chosen.series, self.chosen.series.instrument
        return {
            "symbol": self.chosen.name,
            "con_id": instrument.con_id,
            "sec_type": instrument.sec_type,
            "exchange": instrument.exchange,
            "primary_exchange": instrument.primary_exchange,
            "currency": instrument.currency,
            "time_zone_id": instrument.time_zone_id,
            "bar_size": series.bar_size.value,
            "what_to_show": series.what.value,
            "use_rth": series.use_rth,
            "origin": self.chosen.origin.value,
        }


def question(
    symbols: str | Iterable[str],
    bar_size: str | BarSize,
    start: Moment,
    end: Moment | None,
    *,
    what: str | WhatToShow | None,
    use_rth: bool,
    origin: str | Origin | None,
) -> Question:
    """Raises UsageError in one line for the first thing that makes no sense."""
    names = (symbols,) if isinstance(symbols, str) else tuple(symbols)
    if not names or not all(isinstance(name, str) and name.strip() for name in names):
        raise UsageError("No symbols to ask for.", hint="Give one such as 'AAPL', or a list of them.")
    try:
        form = Form(
            BarSize.parse(str(bar_size)),
            WhatToShow.parse(str(what)) if what else None,
            use_rth,
            origin_named(origin),
        )
        return Question(names, form, edge(start), None if end is None else edge(end))
    except ValueError as error:
        raise UsageError(f"{error}.") from None


def edge(moment: Moment) -> Edge:
    """A date means a session, a datetime an instant (in UTC if it says no zone). Raises ValueError for other text."""
    if isinstance(moment, str):
        return parse_edge(moment, "UTC")
    if isinstance(moment, datetime):  # rebuilt, because a pandas Timestamp is one with arithmetic of its own
        plain = datetime.fromisoformat(moment.isoformat(timespec="microseconds"))
        return plain if plain.tzinfo else plain.replace(tzinfo=UTC)
    return moment


def origin_named(origin: str | Origin | None) -> Origin | None:
    """Raises UsageError for a word that is no origin."""
    if origin is None or origin in tuple(Origin):
        return Origin(origin) if origin else None
    raise UsageError(f"There is no origin {origin!r}.", hint="Use 'live' or 'synthetic'.")


def answers(view: View, asked: Question) -> list[Answer]:
    """One answer for each series, in the order asked. Raises UnknownInstrument, AmbiguousInstrument or UsageError."""
    chosen = choose(view.named(asked.names), asked.names, asked.form, view.where, lambda: view.named(None))
    ledgers = view.ledgers([one.row for one in chosen if one.row is not None])
    return [_answer(one, asked, ledgers.get(one.row.id) if one.row else None, view.now) for one in chosen]


def everything(view: View, origin: Origin | None) -> Sequence[tuple[Chosen, Ledger]]:
    """All series of a view with their ledgers."""
    rows = [each.row for each in view.named(None) if origin in (None, each.row.origin)]
    ledgers = view.ledgers(rows)
    return [(Chosen(row.series.instrument.label, row.series, row.origin, row), ledgers[row.id]) for row in rows]


def _answer(one: Chosen, asked: Question, ledger: Ledger | None, now: datetime) -> Answer:
    calendar = calendar_of(one.series.instrument, use_rth=one.series.use_rth)
    end = asked.end if asked.end is not None else now + timedelta(days=1)
    try:
        wish = window_of(one.series, calendar, asked.start, end)
    except ValueError as error:
        raise UsageError(f"{one.series}: {error}.") from None
    known = stretches(ledger or Ledger(), wish)
    return Answer(one, wish, known, missing(one.series, known, now))
