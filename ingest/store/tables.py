"""The tables as SQLAlchemy Core metadata, for plain reads and for the test that compares them with the migrations.

`migrations/` makes the tables; what only it can say (triggers, partitions, hypertables, the view) is not repeated here.
Everything lives in the schema `ingest`; no search path is needed.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSTZMULTIRANGE, TSTZRANGE, ExcludeConstraint

SCHEMA = "ingest"
metadata = MetaData(schema=SCHEMA)

_NOW = text("now()")


def moment(name: str, *, nullable: bool = False, now: bool = False) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=nullable, server_default=_NOW if now else None)


def word(name: str) -> Column[str]:
    return Column(name, Text, nullable=False, server_default="")


def _prices(*, nullable: bool = False) -> list[Column[float]]:
    return [Column(name, Double, nullable=nullable) for name in ("open", "high", "low", "close")]


def _amounts() -> list[Column[object]]:
    return [Column("volume", Double), Column("wap", Double), Column("bar_count", Integer)]


instruments = Table(
    "instruments",
    metadata,
    Column("id", Integer, Identity(always=True)),
    Column("con_id", BigInteger, nullable=False),
    Column("origin", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("sec_type", Text, nullable=False),
    Column("exchange", Text, nullable=False),
    Column("currency", Text, nullable=False),
    word("primary_exchange"),
    word("local_symbol"),
    word("trading_class"),
    word("multiplier"),
    word("expiry"),
    Column("strike", Double),
    word("right"),
    word("long_name"),
    word("stock_type"),
    Column("min_tick", Double),
    word("time_zone_id"),
    moment("first_seen"),
    moment("last_seen"),
    PrimaryKeyConstraint("id", name="instruments_pk"),
    UniqueConstraint("con_id", "origin", name="instruments_con_id_origin"),
    UniqueConstraint("id", "origin", name="instruments_id_origin"),
    CheckConstraint("origin IN ('live', 'synthetic')", name="instruments_origin"),
)

instrument_names = Table(
    "instrument_names",
    metadata,
    Column("instrument_id", Integer, nullable=False),
    moment("seen_from"),
    moment("seen_to", nullable=True),
    Column("label", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("sec_type", Text, nullable=False),
    Column("exchange", Text, nullable=False),
    Column("currency", Text, nullable=False),
    word("primary_exchange"),
    word("local_symbol"),
    word("long_name"),
    ForeignKeyConstraint(["instrument_id"], [instruments.c.id], name="instrument_names_instrument"),
    Index("instrument_names_instrument_id", "instrument_id"),
    Index("instrument_names_current", "instrument_id", unique=True, postgresql_where=text("seen_to IS NULL")),
    Index("instrument_names_symbol", "symbol"),
)

series = Table(
    "series",
    metadata,
    Column("id", Integer, Identity(always=True)),
    Column("instrument_id", Integer, nullable=False),
    Column("origin", Text, nullable=False),
    Column("bar_size", Text, nullable=False),
    Column("what_to_show", Text, nullable=False),
    Column("use_rth", Boolean, nullable=False),
    Column("epoch", Integer, nullable=False, server_default="0"),
    moment("created_at", now=True),
    PrimaryKeyConstraint("id", name="series_pk"),
    ForeignKeyConstraint(
        ["instrument_id", "origin"], [instruments.c.id, instruments.c.origin], name="series_instrument_origin"
    ),
    UniqueConstraint("instrument_id", "bar_size", "what_to_show", "use_rth", name="series_identity"),
    UniqueConstraint("id", "origin", name="series_id_origin"),
)

requests = Table(
    "requests",
    metadata,
    Column("id", BigInteger, Identity(always=True)),
    Column("series_id", Integer, nullable=False),
    Column("origin", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("login", Text, nullable=False),
    Column("accounts", Text, nullable=False),
    Column("client_id", Integer, nullable=False),
    Column("server_version", Integer, nullable=False),
    word("connection_time"),
    word("client_package"),
    moment("sent_at"),
    moment("ended_at", nullable=True),
    Column("asked", TSTZRANGE),
    word("end_text"),
    word("duration"),
    Column("outcome", Text, nullable=False),
    Column("code", Integer),
    word("text"),
    Column("bar_count", Integer),
    moment("booked_at", nullable=True),  # by the database's clock; only of what IB's rules for small requests count
    PrimaryKeyConstraint("id", name="requests_pk"),
    ForeignKeyConstraint(["series_id", "origin"], [series.c.id, series.c.origin], name="requests_series_origin"),
    CheckConstraint("kind IN ('bars', 'head', 'schedule')", name="requests_kind"),
    CheckConstraint(
        "outcome IN ('sent', 'bars', 'no_data', 'timed_out', 'error', 'disconnected')", name="requests_outcome"
    ),
    Index("requests_login_sent_at", "login", "sent_at"),
    Index("requests_login_booked_at", "login", "booked_at", postgresql_where=text("booked_at IS NOT NULL")),
    Index("requests_series_id", "series_id"),
)

head_timestamps = Table(
    "head_timestamps",
    metadata,
    Column("instrument_id", Integer, nullable=False),
    Column("what_to_show", Text, nullable=False),
    moment("head", nullable=True),
    Column("request_id", BigInteger),
    moment("asked_at"),
    PrimaryKeyConstraint("instrument_id", "what_to_show", name="head_timestamps_pk"),
    ForeignKeyConstraint(["instrument_id"], [instruments.c.id], name="head_timestamps_instrument"),
    ForeignKeyConstraint(["request_id"], [requests.c.id], name="head_timestamps_request"),
)


asked = Table(
    "asked",
    metadata,
    Column("series_id", Integer, nullable=False),
    Column("windows", TSTZMULTIRANGE, nullable=False),
    PrimaryKeyConstraint("series_id", name="asked_pk"),
    ForeignKeyConstraint(["series_id"], [series.c.id], name="asked_series"),
)


def _bars(name: str) -> Table:
    return Table(
        name,
        metadata,
        Column("series_id", Integer, nullable=False),
        Column("epoch", Integer, nullable=False),
        moment("ts"),
        *_prices(),
        *_amounts(),
        Column("request_id", BigInteger, nullable=False),
        PrimaryKeyConstraint("series_id", "epoch", "ts", name=f"{name}_pk"),
        postgresql_partition_by="RANGE (ts)",
    )


bars_intraday = _bars("bars_intraday")
bars_daily = _bars("bars_daily")

revisions = Table(
    "revisions",
    metadata,
    Column("series_id", Integer, nullable=False),
    Column("epoch", Integer, nullable=False),
    moment("ts"),
    *_prices(),
    *_amounts(),
    Column("request_id", BigInteger, nullable=False),
    moment("replaced_at"),
    Column("replaced_by", BigInteger, nullable=False),
    PrimaryKeyConstraint("series_id", "epoch", "ts", "replaced_by", name="revisions_pk"),
    ForeignKeyConstraint(["series_id"], [series.c.id], name="revisions_series"),
    ForeignKeyConstraint(["replaced_by"], [requests.c.id], name="revisions_replaced_by"),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("series_id", Integer, nullable=False),
    moment("ts"),
    Column("rule", Text, nullable=False),
    *_prices(),
    *_amounts(),
    Column("evidence", Text, nullable=False),
    Column("request_id", BigInteger, nullable=False),
    moment("at"),
    PrimaryKeyConstraint("series_id", "ts", "rule", name="quarantine_pk"),
    ForeignKeyConstraint(["series_id"], [series.c.id], name="quarantine_series"),
    ForeignKeyConstraint(["request_id"], [requests.c.id], name="quarantine_request"),
)

ledger = Table(
    "ledger",
    metadata,
    Column("series_id", Integer, nullable=False),
    Column("held", TSTZRANGE, nullable=False),
    Column("state", Text, nullable=False),
    word("reason"),
    Column("permanent", Boolean, nullable=False, server_default=text("false")),
    Column("request_id", BigInteger),
    moment("updated_at", now=True),
    PrimaryKeyConstraint("series_id", "held", name="ledger_pk"),
    ForeignKeyConstraint(["series_id"], [series.c.id], name="ledger_series"),
    ForeignKeyConstraint(["request_id"], [requests.c.id], name="ledger_request"),
    CheckConstraint("state IN ('covered', 'empty_confirmed', 'pending', 'timed_out', 'failed')", name="ledger_state"),
    CheckConstraint(
        "NOT isempty(held) AND lower_inc(held) AND NOT upper_inc(held)"
        " AND NOT lower_inf(held) AND NOT upper_inf(held) AND isfinite(lower(held)) AND isfinite(upper(held))",
        name="ledger_held_is_a_window",
    ),
    CheckConstraint("state <> 'failed' OR reason <> ''", name="ledger_failure_has_a_reason"),
    CheckConstraint("NOT permanent OR state = 'failed'", name="ledger_only_failures_are_permanent"),
    ExcludeConstraint(
        (text("int4range(series_id, series_id, '[]')"), "&&"), ("held", "&&"), name="ledger_one_state", using="gist"
    ),
)

exports = Table(
    "exports",
    metadata,
    Column("id", Integer, Identity(always=True)),
    moment("at"),
    Column("path", Text, nullable=False),
    Column("manifest", JSONB, nullable=False),
    PrimaryKeyConstraint("id", name="exports_pk"),
)

learned = Table(
    "learned",
    metadata,
    Column("login", Text, nullable=False),
    Column("topic", Text, nullable=False),
    word("bar_size"),
    word("sec_type"),
    Column("value", Integer, nullable=False),
    word("unit"),
    Column("ceiling", Integer),
    moment("learned_at"),
    PrimaryKeyConstraint("login", "topic", "bar_size", "sec_type", name="learned_pk"),
    CheckConstraint("topic IN ('open_requests', 'request_span')", name="learned_topic"),
    CheckConstraint("value > 0", name="learned_value"),
)
