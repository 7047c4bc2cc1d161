"""The tables around the queue (see `tables`): wishes as last read, their firings, how far jobs are, pauses and workers.

Procrastinate's own tables live in the schema `ingest_queue` and are not repeated here.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from ingest.store.tables import metadata, moment, series, word

QUEUE_SCHEMA = "ingest_queue"


def _count(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default=text("0"))


def _listed(name: str) -> Column[object]:
    return Column(name, JSONB, nullable=False, server_default=text("'[]'::jsonb"))


wishes = Table(
    "wishes",
    metadata,
    Column("name", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("document", JSONB, nullable=False),
    moment("next_due", nullable=True),
    moment("read_at", now=True),
    moment("removed_at", nullable=True),
    PrimaryKeyConstraint("name", name="wishes_pk"),
)

firings = Table(
    "firings",
    metadata,
    Column("id", BigInteger, Identity(always=True)),
    Column("wish", Text, nullable=False),
    moment("due_at"),
    Column("cause", Text, nullable=False),
    Column("document", JSONB, nullable=False),
    moment("fired_at", now=True),
    moment("expanded_at", nullable=True),
    _listed("unmet"),
    moment("ended_at", nullable=True),
    Column("outcome", JSONB),
    PrimaryKeyConstraint("id", name="firings_pk"),
    UniqueConstraint("wish", "due_at", name="firings_once"),
    CheckConstraint("cause IN ('schedule', 'catch_up', 'by_hand')", name="firings_cause"),
)
Index("firings_open", firings.c.id, postgresql_where=text("ended_at IS NULL"))

wish_series = Table(
    "wish_series",
    metadata,
    Column("wish", Text, nullable=False),
    Column("series_id", Integer, nullable=False),
    PrimaryKeyConstraint("wish", "series_id", name="wish_series_pk"),
    ForeignKeyConstraint(["series_id"], [series.c.id], name="wish_series_series"),
)

job_progress = Table(
    "job_progress",
    metadata,
    Column("job_id", BigInteger, autoincrement=False, nullable=False),
    word("gateway"),
    _count("slices"),
    _count("rounds"),
    _count("settled"),
    _count("remaining"),
    Column("bars", BigInteger, nullable=False, server_default=text("0")),
    _listed("tried"),
    word("note"),
    moment("started_at", now=True),
    moment("updated_at", now=True),
    PrimaryKeyConstraint("job_id", name="job_progress_pk"),
)

pauses = Table(
    "pauses",
    metadata,
    Column("scope", Text, nullable=False),
    word("name"),
    moment("paused_at", now=True),
    PrimaryKeyConstraint("scope", "name", name="pauses_pk"),
    CheckConstraint("scope IN ('all', 'gateway', 'universe')", name="pauses_scope"),
)

workers = Table(
    "workers",
    metadata,
    Column("id", BigInteger, Identity(always=True)),
    Column("gateway", Text, nullable=False),
    Column("login", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("state", Text, nullable=False),
    word("note"),
    _count("running"),
    moment("started_at", now=True),
    moment("seen_at", now=True),
    PrimaryKeyConstraint("id", name="workers_pk"),
)
