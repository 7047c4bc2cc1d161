"""What was learned of the limits IB does not publish, by login: open requests, and request spans by size and type."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from ingest.domain.bar_size import BarSize
from ingest.domain.request import Duration
from ingest.store.tables import learned as table

_OPEN, _SPAN = "open_requests", "request_span"


@dataclass(frozen=True, slots=True)
class LearnedOpen:
    """How many large requests a login keeps open; `too_many` is the least that was slow (None: none was)."""

    allowed: int
    too_many: int | None
    learned_at: datetime


@dataclass(frozen=True, slots=True)
class LearnedSpan:
    """How much one request asks for; `refused` is the least count that IB refused (None: it refused none)."""

    bar_size: BarSize
    sec_type: str
    span: Duration
    refused: int | None
    learned_at: datetime


def open_requests(connection: Connection, login: str) -> LearnedOpen | None:
    chosen = select(table.c.value, table.c.ceiling, table.c.learned_at)
    found = connection.execute(chosen.where(table.c.login == login, table.c.topic == _OPEN)).one_or_none()
    return None if found is None else LearnedOpen(*found)


def save_open_requests(connection: Connection, login: str, lesson: LearnedOpen) -> None:
    _save(connection, login, _OPEN, value=lesson.allowed, ceiling=lesson.too_many, learned_at=lesson.learned_at)


def spans(connection: Connection, login: str) -> tuple[LearnedSpan, ...]:
    """Every span learned for a login, the smallest bars first."""
    found = connection.execute(select(table).where(table.c.login == login, table.c.topic == _SPAN))
    lessons = [
        LearnedSpan(
            BarSize(row.bar_size), row.sec_type, Duration.parse(f"{row.value} {row.unit}"), row.ceiling, row.learned_at
        )
        for row in found
    ]
    return tuple(sorted(lessons, key=lambda lesson: (lesson.bar_size.seconds, lesson.sec_type)))


def save_span(connection: Connection, login: str, lesson: LearnedSpan) -> None:
    _save(
        connection,
        login,
        _SPAN,
        bar_size=lesson.bar_size.value,
        sec_type=lesson.sec_type,
        value=lesson.span.count,
        unit=lesson.span.unit,
        ceiling=lesson.refused,
        learned_at=lesson.learned_at,
    )


def _save(connection: Connection, login: str, topic: str, **values: object) -> None:
    added = insert(table).values(login=login, topic=topic, **values)
    news = {name: values[name] for name in values if name not in ("bar_size", "sec_type")}
    connection.execute(added.on_conflict_do_update(constraint="learned_pk", set_=news))
