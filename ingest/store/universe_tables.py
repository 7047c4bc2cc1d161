"""The tables of universes (see `tables`, and migration 0004 for what they mean)."""

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

from ingest.store.tables import instruments, metadata, moment, word

universes = Table(
    "universes",
    metadata,
    Column("id", Integer, Identity(always=True)),
    Column("name", Text, nullable=False),
    word("description"),
    word("sec_type"),
    word("exchange"),
    word("currency"),
    moment("created_at", now=True),
    PrimaryKeyConstraint("id", name="universes_pk"),
    UniqueConstraint("name", name="universes_name"),
)

universe_members = Table(
    "universe_members",
    metadata,
    Column("id", BigInteger, Identity(always=True)),
    Column("universe_id", Integer, nullable=False),
    Column("symbol", Text, nullable=False),
    moment("added_at", now=True),
    moment("removed_at", nullable=True),
    word("reason"),
    PrimaryKeyConstraint("id", name="universe_members_pk"),
    ForeignKeyConstraint(["universe_id"], [universes.c.id], name="universe_members_universe"),
    CheckConstraint("(removed_at IS NULL) = (reason = '')", name="universe_members_leave_for_a_reason"),
    Index(
        "universe_members_present", "universe_id", "symbol", unique=True, postgresql_where=text("removed_at IS NULL")
    ),
    Index("universe_members_universe_id", "universe_id"),
)

universe_contracts = Table(
    "universe_contracts",
    metadata,
    Column("member_id", BigInteger, autoincrement=False, nullable=False),
    Column("origin", Text, nullable=False),
    Column("con_id", BigInteger, nullable=False),
    moment("found_at", now=True),
    PrimaryKeyConstraint("member_id", "origin", name="universe_contracts_pk"),
    ForeignKeyConstraint(["member_id"], [universe_members.c.id], name="universe_contracts_member"),
    ForeignKeyConstraint(
        ["con_id", "origin"], [instruments.c.con_id, instruments.c.origin], name="universe_contracts_instrument"
    ),
)
