"""What people were told, by topic: the last thing said of it, and when. All instants are the caller's clock.

A claim comes before the telling and `keep` after it, so of several processes that see the same trouble one tells it; a
claim whose process died counts for ten minutes.
"""

from datetime import datetime, timedelta

from sqlalchemy import Column, Connection, PrimaryKeyConstraint, Table, Text, delete, update

from ingest.store.sql import statement
from ingest.store.tables import metadata, moment

table = Table(
    "told",
    metadata,
    Column("topic", Text, nullable=False),
    Column("says", Text, nullable=False),
    moment("claimed_at"),
    moment("sent_at", nullable=True),
    PrimaryKeyConstraint("topic", name="told_pk"),
)

_TELLING = timedelta(minutes=10)
_REMEMBERED = timedelta(days=90)


def claim(connection: Connection, topic: str, says: str, now: datetime, again_after: timedelta | None) -> bool:
    """Whether this is news, which then is the caller's to tell. `again_after` None: the same is never news again."""
    connection.execute(delete(table).where(table.c.claimed_at < now - _REMEMBERED))
    given = {
        "topic": topic,
        "says": says,
        "now": now,
        "sent_before": None if again_after is None else now - again_after,
        "claimed_before": now - _TELLING,
    }
    return connection.execute(statement("told_claim"), given).one_or_none() is not None


def keep(connection: Connection, topic: str, now: datetime) -> None:
    """It was told."""
    connection.execute(update(table).where(table.c.topic == topic).values(sent_at=now))


def release(connection: Connection, topic: str) -> None:
    """It could not be told: it is news for whoever comes next."""
    connection.execute(delete(table).where(table.c.topic == topic, table.c.sent_at.is_(None)))


def forget(connection: Connection, topic: str) -> bool:
    """The trouble is over. Whether it had been told."""
    gone = delete(table).where(table.c.topic == topic).returning(table.c.sent_at)
    found = connection.execute(gone).one_or_none()
    return found is not None and found.sent_at is not None
