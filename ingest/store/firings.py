"""Firings: the occurrences of wishes that were put to work, by schedule or by hand, and how each ended.

`firings_once` (wish, due_at) is the judge of "fired before": any number of schedulers may fire the same occurrence at
the same time, and one of them gets an id. `due_at` is the product's clock, the other moments are the database's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, Select, func, select, update
from sqlalchemy.dialects.postgresql import insert

from ingest.store.queue_tables import firings as table
from ingest.store.sql import statement

Cause = Literal["schedule", "catch_up", "by_hand"]


@dataclass(frozen=True, slots=True)
class Firing:
    """One occurrence of a wish. `document` is the wish as it was then; `unmet` what its expansion could not resolve."""

    id: int
    wish: str
    due_at: datetime
    cause: Cause
    document: Mapping[str, Any]
    fired_at: datetime
    expanded_at: datetime | None = None
    unmet: tuple[Mapping[str, Any], ...] = ()
    ended_at: datetime | None = None
    outcome: Mapping[str, Any] | None = None


def fire(connection: Connection, wish: str, due_at: datetime, cause: Cause, document: Mapping[str, Any]) -> int | None:
    """Note that an occurrence is put to work. Gives its id; None when it was fired before.

    Waits for another transaction that is firing the same occurrence.
    """
    values = {"wish": wish, "due_at": due_at, "cause": cause, "document": dict(document)}
    added = insert(table).values(**values).on_conflict_do_nothing(constraint="firings_once")
    made: int | None = connection.execute(added.returning(table.c.id)).scalar_one_or_none()
    return made


def by_id(connection: Connection, firing_id: int, *, hold: bool = False) -> Firing | None:
    """`hold` keeps others from changing it until the transaction ends, and waits for those who just do."""
    query = _listed().where(table.c.id == firing_id)
    found = connection.execute(query.with_for_update() if hold else query).one_or_none()
    return None if found is None else _firing(found)


def last_due(connection: Connection, wish: str) -> datetime | None:
    """The latest occurrence that was fired, by hand included; None: none ever was."""
    latest: datetime | None = connection.execute(
        select(func.max(table.c.due_at)).where(table.c.wish == wish)
    ).scalar_one()
    return latest


def mark_expanded(connection: Connection, firing_id: int, unmet: Sequence[Mapping[str, Any]]) -> None:
    """Note that its fills are queued: in the transaction that queues them, or it might be taken for ended before."""
    changed = update(table).where(table.c.id == firing_id)
    connection.execute(changed.values(expanded_at=func.now(), unmet=[dict(each) for each in unmet]))


def claim_ended(connection: Connection) -> tuple[Firing, ...]:
    """End every firing that has no fill waiting or running and is expanded, or that nobody will expand any more: its
    expansion failed without leaving word. Exactly one caller gets each.

    Ask after the commit that ended a fill: of two fills that end at once, neither transaction sees the other's end.
    """
    found = [_firing(row) for row in connection.execute(statement("firings_claim_ended"))]
    return tuple(sorted(found, key=lambda firing: firing.id))


def conclude(connection: Connection, firing_id: int, outcome: Mapping[str, Any]) -> None:
    """Keep what came of it; a firing that nobody claimed (its expansion failed) ends with it."""
    ended_at = func.coalesce(table.c.ended_at, func.now())
    connection.execute(update(table).where(table.c.id == firing_id).values(outcome=dict(outcome), ended_at=ended_at))


def recent(connection: Connection, wish: str | None = None, limit: int = 20) -> tuple[Firing, ...]:
    """The last ones, newest first; of one wish where it is named."""
    query = _listed().order_by(table.c.id.desc()).limit(limit)
    if wish is not None:
        query = query.where(table.c.wish == wish)
    return tuple(_firing(found) for found in connection.execute(query))


def _listed() -> Select[Any]:
    return select(
        table.c.id,
        table.c.wish,
        table.c.due_at,
        table.c.cause,
        table.c.document,
        table.c.fired_at,
        table.c.expanded_at,
        table.c.unmet,
        table.c.ended_at,
        table.c.outcome,
    )


def _firing(found: Row[Any]) -> Firing:
    values = dict(found._mapping)
    return Firing(**(values | {"unmet": tuple(values["unmet"])}))
