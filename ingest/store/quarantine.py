"""Bars that did not pass, with the rule and the evidence; the last finding for each series, bar time and rule."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert

from ingest.domain.issue import Issue, QuarantinedBar
from ingest.domain.window import Window
from ingest.store.tables import quarantine as table

_VALUES = ("open", "high", "low", "close", "volume", "wap", "bar_count")


@dataclass(frozen=True, slots=True)
class Finding:
    """A bar in quarantine: of which series, by which request, since when."""

    series_id: int
    bar: QuarantinedBar
    request_id: int
    at: datetime


def write(connection: Connection, series_id: int, bars: Sequence[QuarantinedBar], request_id: int) -> None:
    """Keep bars apart. The same bar failing the same rule again replaces the older finding."""
    write_all(connection, [(series_id, bar, request_id) for bar in bars])


def write_all(connection: Connection, findings: Sequence[tuple[int, QuarantinedBar, int]]) -> None:
    """As `write`, for several series in one statement: (series id, bar, request id) each."""
    latest = {(series_id, bar.ts, bar.issue.rule): (bar, request) for series_id, bar, request in findings}
    if not latest:
        return
    rows = [
        {"series_id": key[0], "ts": bar.ts, "rule": bar.issue.rule, "evidence": bar.issue.evidence}
        | {name: getattr(bar, name) for name in _VALUES}
        | {"request_id": request, "at": func.now()}
        for key, (bar, request) in latest.items()
    ]
    statement = insert(table).values(rows)
    fresh = {name: statement.excluded[name] for name in (*_VALUES, "evidence", "request_id", "at")}
    connection.execute(statement.on_conflict_do_update(constraint="quarantine_pk", set_=fresh))


def listing(
    connection: Connection, *, series_ids: Sequence[int] | None = None, window: Window | None = None
) -> tuple[Finding, ...]:
    """Findings by series and time; None means all."""
    query = select(table).order_by(table.c.series_id, table.c.ts, table.c.rule)
    if series_ids is not None:
        query = query.where(table.c.series_id.in_(series_ids))
    if window is not None:
        query = query.where(table.c.ts >= window.start, table.c.ts < window.end)
    return tuple(_finding(row) for row in connection.execute(query).mappings())


def _finding(row: Any) -> Finding:
    values = {name: row[name] for name in _VALUES}
    bar = QuarantinedBar(ts=row["ts"], issue=Issue(row["rule"], row["evidence"]), **values)
    return Finding(row["series_id"], bar, row["request_id"], row["at"])
