"""What people were told: each thing that was said of a topic, and when last. All instants are the caller's clock.

A claim comes before the telling and `keep` after it, so of several processes that see the same trouble one tells it; a
claim whose process died counts for ten minutes.
"""

from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import Column, ColumnElement, Connection, PrimaryKeyConstraint, Table, Text, delete, update

from ingest.store.sql import statement
from ingest.store.tables import metadata, moment

table = Table(
    "told",
    metadata,
    Column("topic", Text, nullable=False),
    Column("says", Text, nullable=False),
    moment("claimed_at"),
    moment("sent_at", nullable=True),
    PrimaryKeyConstraint("topic", "says", name="told_pk"),
)

_TELLING = timedelta(minutes=10)
_REMEMBERED = timedelta(days=90)
_MOST_SAID = 300  # characters; PostgreSQL's index takes no more than 2,700 bytes


def claim(  # noqa: PLR0917 - a message's own
    connection: Connection,
    topic: str,
    says: str,
    now: datetime,
    again_after: timedelta | None,
    apart: timedelta = timedelta(),
) -> bool:
    """Whether this is news, which then is the caller's to tell. `again_after` None: the same is never news again.

    Nothing is within `apart` of something else that was told of the topic.
    """
    connection.execute(delete(table).where(table.c.claimed_at < now - _REMEMBERED))
    given = {
        "topic": topic,
        "says": _key(says),
        "now": now,
        "sent_before": None if again_after is None else now - again_after,
        "claimed_before": now - _TELLING,
        "apart_since": now - apart,
    }
    return connection.execute(statement("told_claim"), given).one_or_none() is not None


def keep(connection: Connection, topic: str, says: str, now: datetime) -> None:
    """It was told."""
    connection.execute(update(table).where(*_this(topic, says)).values(sent_at=now))


def release(connection: Connection, topic: str, says: str) -> None:
    """It could not be told: it is news for whoever comes next."""
    connection.execute(delete(table).where(*_this(topic, says), table.c.sent_at.is_(None)))


def forget(connection: Connection, topic: str) -> bool:
    """The trouble is over, whatever was said of it. Whether any of it had been told."""
    gone = delete(table).where(table.c.topic == topic).returning(table.c.sent_at)
    return any(sent_at is not None for sent_at in connection.execute(gone).scalars())


def _this(topic: str, says: str) -> tuple[ColumnElement[bool], ...]:
    return table.c.topic == topic, table.c.says == _key(says)


def _key(says: str) -> str:
    """What is long is told apart by its digest."""
    return says if len(says) <= _MOST_SAID else says[:_MOST_SAID] + sha256(says.encode()).hexdigest()
