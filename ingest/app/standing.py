"""How series stand: what is held, how far behind, what is not settled, and whether the log of requests proves it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine

from ingest.calendars import calendar_of
from ingest.domain.answer import RequestKind, RequestOutcome, RequestRecord
from ingest.domain.freshness import open_end, trading_time
from ingest.domain.ledger import Entry, Ledger, State
from ingest.domain.series import Series
from ingest.domain.window import Window, Windows, intersect, normalise, subtract, total
from ingest.plan.reach import due_until
from ingest.store import asked, ledger, requests
from ingest.store.series import SeriesRow
from ingest.store.standing import Held, bars_held

_BEGINNING = datetime(1900, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Standing:
    """One series in `ingest status`. `behind`: trading time that is over and not settled, after the last that is (None:
    none), as wishes are measured. `problem` says why that cannot be found out."""

    series: Series
    origin: str
    bars: int
    first: datetime | None
    last: datetime | None
    behind: timedelta | None
    unsettled: Mapping[str, timedelta]
    problem: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "series": str(self.series),
            "con_id": self.series.instrument.con_id,
            "bar_size": self.series.bar_size.value,
            "what_to_show": self.series.what.value,
            "use_rth": self.series.use_rth,
            "origin": self.origin,
            "bars": self.bars,
            "first": self.first,
            "last": self.last,
            "behind_seconds": self.behind.total_seconds() if self.behind else 0.0,
            "unsettled_seconds": {state: held.total_seconds() for state, held in self.unsettled.items()},
            "problem": self.problem,
        }


@dataclass(frozen=True, slots=True)
class Coverage:
    """One series in `ingest coverage`. `unknown` was asked for, and nobody got to it; `unproved` are settled stretches
    that no logged request backs."""

    row: SeriesRow
    ledger: Ledger
    unknown: Windows = ()
    unproved: tuple[Entry, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "series": str(self.row.series),
            "con_id": self.row.series.instrument.con_id,
            "origin": self.row.origin.value,
            "ledger": [
                {
                    "start": entry.window.start,
                    "end": entry.window.end,
                    "state": entry.state.value,
                    "reason": entry.reason,
                    "permanent": entry.permanent,
                }
                for entry in self.ledger
            ],
            "unknown": [{"start": window.start, "end": window.end} for window in self.unknown],
            "unproved": [{"start": e.window.start, "end": e.window.end} for e in self.unproved],
        }


def status_rows(engine: Engine, rows: Sequence[SeriesRow], now: datetime) -> list[Standing]:
    """In the order given."""
    with engine.connect() as connection:
        held = bars_held(connection, rows)
        ledgers = ledger.read_many(connection, [row.id for row in rows])
        unknown = asked.unknown(connection, [row.id for row in rows])
    return [_standing(row, held[row.id], ledgers[row.id], unknown[row.id], now) for row in rows]


def _standing(row: SeriesRow, bars: Held, known: Ledger, unknown: Windows, now: datetime) -> Standing:
    behind, problem = None, ""
    try:
        behind = _behind(row.series, known, now)
    except Exception as error:  # noqa: BLE001 - a calendar that cannot be built is shown where the figure would be
        problem = f"{type(error).__name__}: {error}"
    shown = bars.bars, bars.first, bars.last
    return Standing(row.series, row.origin.value, *shown, behind, _unsettled(known, unknown), problem)


def ledgers_of(engine: Engine, rows: Sequence[SeriesRow], *, prove: bool = False) -> list[Coverage]:
    """The ledgers; with `prove`, each settled stretch held against the log of requests."""
    with engine.connect() as connection:
        ledgers = ledger.read_many(connection, [row.id for row in rows])
        unknown = asked.unknown(connection, [row.id for row in rows])
        return [
            Coverage(
                row,
                ledgers[row.id],
                never_reached(ledgers[row.id], unknown[row.id]),
                _unproved(connection, row, ledgers[row.id]) if prove else (),
            )
            for row in rows
        ]


def never_reached(known: Ledger, unknown: Windows) -> Windows:
    """The part of what was asked for and is in no state that a run has left behind, or has not come to yet.

    What follows the ledger's end is not counted: a series that is behind is said to be, and an update goes on there.
    """
    return intersect(unknown, [Window(_BEGINNING, known.entries[-1].window.end)]) if known.entries else unknown


def _unproved(connection: Connection, row: SeriesRow, held: Ledger) -> tuple[Entry, ...]:
    """Covered time needs clean answers with bars over it; confirmed emptiness two that were empty, or a rule.

    What was settled without a request (by the calendar, the head timestamp, IB's age limits) says so in its reason.
    """
    log = [r for r in requests.proof(connection, row.id) if r.kind is RequestKind.BARS and r.window is not None]
    clean = [r for r in log if r.outcome in (RequestOutcome.BARS, RequestOutcome.NO_DATA)]
    answered = _windows(r for r in clean if r.outcome is RequestOutcome.BARS)
    twice = _twice(clean)
    failing = []
    for entry in held:
        if entry.state is State.COVERED and subtract([entry.window], answered):
            failing.append(entry)
        if entry.state is State.EMPTY_CONFIRMED and not _by_rule(entry) and subtract([entry.window], twice):
            failing.append(entry)
    return tuple(failing)


def _by_rule(entry: Entry) -> bool:
    return entry.reason.startswith(("no session", "before IB's first bar", "after expiry"))


def _windows(records: Any) -> Windows:
    return normalise(record.window for record in records if record.window is not None)


def _twice(records: Sequence[RequestRecord]) -> Windows:
    """Time that two requests of different shape have asked for."""
    found: list[Window] = []
    for number, one in enumerate(records):
        for other in records[:number]:
            differs = (one.end_text, one.duration) != (other.end_text, other.duration)
            if differs and one.window is not None and other.window is not None:
                found += intersect([one.window], [other.window])
    return normalise(found)


def _behind(series: Series, held: Ledger, now: datetime) -> timedelta | None:
    if not held.entries:
        return None
    calendar = calendar_of(series.instrument, use_rth=series.use_rth)
    settled = held.windows(*(state for state in State if state.is_settled))
    end = settled[-1].end if settled else held.entries[0].window.start
    refused = [entry.window for entry in held if entry.permanent]
    lacking = open_end(end, due_until(series, calendar, now), refused)
    return trading_time(calendar, lacking, daily=series.bar_size.is_daily) or None


def _unsettled(held: Ledger, unknown: Windows) -> dict[str, timedelta]:
    """By the ledger's states; `unknown` is none of them: it was asked for, and nobody got to it."""
    spans = {state.value: total(held.windows(state)) for state in State if not state.is_settled}
    spans["unknown"] = total(never_reached(held, unknown))
    return {state: span for state, span in spans.items() if span}
