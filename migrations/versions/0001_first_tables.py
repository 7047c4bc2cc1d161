"""Make the first tables: instruments, series, requests, bars, revisions, quarantine, ledger, exports.

Bars are hypertables where the server offers TimescaleDB, and plain tables partitioned by time elsewhere. Revisions and
epochs are here from the start, so that nothing has to be bent in afterwards.
"""

from alembic import op
from sqlalchemy import text

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_INSTRUMENTS = """
CREATE TABLE ingest.instruments (
    id integer GENERATED ALWAYS AS IDENTITY CONSTRAINT instruments_pk PRIMARY KEY,
    con_id bigint NOT NULL,
    origin text NOT NULL CONSTRAINT instruments_origin CHECK (origin IN ('live', 'synthetic')),
    label text NOT NULL,
    symbol text NOT NULL,
    sec_type text NOT NULL,
    exchange text NOT NULL,
    currency text NOT NULL,
    primary_exchange text NOT NULL DEFAULT '',
    local_symbol text NOT NULL DEFAULT '',
    trading_class text NOT NULL DEFAULT '',
    multiplier text NOT NULL DEFAULT '',
    expiry text NOT NULL DEFAULT '',
    strike double precision,
    "right" text NOT NULL DEFAULT '',
    long_name text NOT NULL DEFAULT '',
    stock_type text NOT NULL DEFAULT '',
    min_tick double precision,
    time_zone_id text NOT NULL DEFAULT '',
    first_seen timestamptz NOT NULL,
    last_seen timestamptz NOT NULL,
    CONSTRAINT instruments_con_id_origin UNIQUE (con_id, origin),
    CONSTRAINT instruments_id_origin UNIQUE (id, origin)
);

-- What an instrument was called, and when. seen_to is null for the present name.
CREATE TABLE ingest.instrument_names (
    instrument_id integer NOT NULL CONSTRAINT instrument_names_instrument REFERENCES ingest.instruments,
    seen_from timestamptz NOT NULL,
    seen_to timestamptz,
    label text NOT NULL,
    symbol text NOT NULL,
    sec_type text NOT NULL,
    exchange text NOT NULL,
    currency text NOT NULL,
    primary_exchange text NOT NULL DEFAULT '',
    local_symbol text NOT NULL DEFAULT ''
);
CREATE INDEX instrument_names_instrument_id ON ingest.instrument_names (instrument_id);
CREATE UNIQUE INDEX instrument_names_current ON ingest.instrument_names (instrument_id) WHERE seen_to IS NULL;
CREATE INDEX instrument_names_symbol ON ingest.instrument_names (symbol);
"""

# The composite foreign keys carry the origin from the instrument to every request, so that a request through a
# simulator cannot be booked on a real series, nor the reverse, whoever writes the SQL.
_SERIES = """
CREATE TABLE ingest.series (
    id integer GENERATED ALWAYS AS IDENTITY CONSTRAINT series_pk PRIMARY KEY,
    instrument_id integer NOT NULL,
    origin text NOT NULL,
    bar_size text NOT NULL,
    what_to_show text NOT NULL,
    use_rth boolean NOT NULL,
    epoch integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT series_instrument_origin FOREIGN KEY (instrument_id, origin) REFERENCES ingest.instruments (id, origin),
    CONSTRAINT series_identity UNIQUE (instrument_id, bar_size, what_to_show, use_rth),
    CONSTRAINT series_id_origin UNIQUE (id, origin)
);

CREATE TABLE ingest.requests (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT requests_pk PRIMARY KEY,
    series_id integer NOT NULL,
    origin text NOT NULL,
    kind text NOT NULL CONSTRAINT requests_kind CHECK (kind IN ('bars', 'head', 'schedule')),
    login text NOT NULL,
    accounts text NOT NULL,
    client_id integer NOT NULL,
    server_version integer NOT NULL,
    connection_time text NOT NULL DEFAULT '',
    client_package text NOT NULL DEFAULT '',
    sent_at timestamptz NOT NULL,
    ended_at timestamptz,
    asked tstzrange,
    end_text text NOT NULL DEFAULT '',
    duration text NOT NULL DEFAULT '',
    outcome text NOT NULL CONSTRAINT requests_outcome
        CHECK (outcome IN ('sent', 'bars', 'no_data', 'timed_out', 'error', 'disconnected')),
    code integer,
    text text NOT NULL DEFAULT '',
    bar_count integer,
    CONSTRAINT requests_series_origin FOREIGN KEY (series_id, origin) REFERENCES ingest.series (id, origin)
);
CREATE INDEX requests_login_sent_at ON ingest.requests (login, sent_at);
CREATE INDEX requests_series_id ON ingest.requests (series_id);

CREATE TABLE ingest.head_timestamps (
    instrument_id integer NOT NULL CONSTRAINT head_timestamps_instrument REFERENCES ingest.instruments,
    what_to_show text NOT NULL,
    head timestamptz,  -- null: IB knows none
    request_id bigint CONSTRAINT head_timestamps_request REFERENCES ingest.requests,
    asked_at timestamptz NOT NULL,
    CONSTRAINT head_timestamps_pk PRIMARY KEY (instrument_id, what_to_show)
);

CREATE FUNCTION ingest.refuse_change_of_origin() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the origin of % % is % for ever', TG_TABLE_NAME, OLD.id, OLD.origin
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = TG_TABLE_NAME || '_origin_is_for_ever';
END $$;
CREATE TRIGGER series_origin_is_for_ever BEFORE UPDATE ON ingest.series
    FOR EACH ROW WHEN (OLD.origin IS DISTINCT FROM NEW.origin) EXECUTE FUNCTION ingest.refuse_change_of_origin();
CREATE TRIGGER instruments_origin_is_for_ever BEFORE UPDATE ON ingest.instruments
    FOR EACH ROW WHEN (OLD.origin IS DISTINCT FROM NEW.origin) EXECUTE FUNCTION ingest.refuse_change_of_origin();
"""

# No foreign keys from bars: one look-up for each of a hundred million rows would halve the loading speed.
_BARS = """
CREATE TABLE ingest.{name} (
    series_id integer NOT NULL,
    epoch integer NOT NULL,
    ts timestamptz NOT NULL,
    open double precision NOT NULL,
    high double precision NOT NULL,
    low double precision NOT NULL,
    close double precision NOT NULL,
    volume double precision,
    wap double precision,
    bar_count integer,
    request_id bigint NOT NULL,
    CONSTRAINT {name}_pk PRIMARY KEY (series_id, epoch, ts)
) {partitioning};
"""

# For people with a SQL prompt: only bars of the present epoch, so that adjustment bases never mix.
_VIEW = """
CREATE VIEW ingest.bars AS
SELECT b.* FROM ingest.bars_intraday b JOIN ingest.series s ON s.id = b.series_id AND s.epoch = b.epoch
UNION ALL
SELECT b.* FROM ingest.bars_daily b JOIN ingest.series s ON s.id = b.series_id AND s.epoch = b.epoch;
"""

_HELD = """
CREATE TABLE ingest.revisions (
    series_id integer NOT NULL CONSTRAINT revisions_series REFERENCES ingest.series,
    epoch integer NOT NULL,
    ts timestamptz NOT NULL,
    open double precision NOT NULL,
    high double precision NOT NULL,
    low double precision NOT NULL,
    close double precision NOT NULL,
    volume double precision,
    wap double precision,
    bar_count integer,
    request_id bigint NOT NULL,
    replaced_at timestamptz NOT NULL,
    replaced_by bigint NOT NULL CONSTRAINT revisions_replaced_by REFERENCES ingest.requests,
    CONSTRAINT revisions_pk PRIMARY KEY (series_id, epoch, ts, replaced_by)
);

CREATE TABLE ingest.quarantine (
    series_id integer NOT NULL CONSTRAINT quarantine_series REFERENCES ingest.series,
    ts timestamptz NOT NULL,
    rule text NOT NULL,
    open double precision NOT NULL,
    high double precision NOT NULL,
    low double precision NOT NULL,
    close double precision NOT NULL,
    volume double precision,
    wap double precision,
    bar_count integer,
    evidence text NOT NULL,
    request_id bigint NOT NULL CONSTRAINT quarantine_request REFERENCES ingest.requests,
    at timestamptz NOT NULL,
    CONSTRAINT quarantine_pk PRIMARY KEY (series_id, ts, rule)
);

-- Which time of a series is in which state; no row means unknown. The exclusion constraint is the promise that no
-- minute is in two states. (int4range stands in for btree_gist, which not every server has.)
CREATE TABLE ingest.ledger (
    series_id integer NOT NULL CONSTRAINT ledger_series REFERENCES ingest.series,
    held tstzrange NOT NULL,
    state text NOT NULL,
    reason text NOT NULL DEFAULT '',
    permanent boolean NOT NULL DEFAULT false,
    request_id bigint CONSTRAINT ledger_request REFERENCES ingest.requests,
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ledger_pk PRIMARY KEY (series_id, held),
    CONSTRAINT ledger_state CHECK (state IN ('covered', 'empty_confirmed', 'pending', 'timed_out', 'failed')),
    CONSTRAINT ledger_held_is_a_window CHECK (
        NOT isempty(held) AND lower_inc(held) AND NOT upper_inc(held)
        AND NOT lower_inf(held) AND NOT upper_inf(held) AND isfinite(lower(held)) AND isfinite(upper(held))
    ),
    CONSTRAINT ledger_failure_has_a_reason CHECK (state <> 'failed' OR reason <> ''),
    CONSTRAINT ledger_only_failures_are_permanent CHECK (NOT permanent OR state = 'failed'),
    CONSTRAINT ledger_one_state EXCLUDE USING gist (int4range(series_id, series_id, '[]') WITH &&, held WITH &&)
);

CREATE TABLE ingest.exports (
    id integer GENERATED ALWAYS AS IDENTITY CONSTRAINT exports_pk PRIMARY KEY,
    at timestamptz NOT NULL,
    path text NOT NULL,
    manifest jsonb NOT NULL
);
"""

# A chunk should hold what is worked on at once: a month of minutes, ten years of days. Compressed by series, as read;
# the free edition of TimescaleDB has no compression, and then goes without.
_HYPERTABLE = """
SELECT create_hypertable('ingest.{name}', by_range('ts', INTERVAL '{chunk}'), create_default_indexes => false);
DO $$ BEGIN
    ALTER TABLE ingest.{name} SET (
        timescaledb.compress, timescaledb.compress_segmentby = 'series_id, epoch', timescaledb.compress_orderby = 'ts'
    );
    PERFORM add_compression_policy('ingest.{name}', compress_after => INTERVAL '{after}');
EXCEPTION WHEN feature_not_supported THEN
    RAISE NOTICE 'bars stay uncompressed: %', SQLERRM;
END $$;
"""
_SPANS = {"bars_intraday": ("1 month", "3 months"), "bars_daily": ("10 years", "10 years")}


def upgrade() -> None:
    op.execute(_INSTRUMENTS)
    op.execute(_SERIES)
    hypertables = _timescale()
    for name, (chunk, after) in _SPANS.items():
        op.execute(_BARS.format(name=name, partitioning="" if hypertables else "PARTITION BY RANGE (ts)"))
        if hypertables:
            op.execute(_HYPERTABLE.format(name=name, chunk=chunk, after=after))
    op.execute(_VIEW)
    op.execute(_HELD)


def _timescale() -> bool:
    """Whether TimescaleDB is there: already in this database, or offered by the server and ours to add."""
    connection = op.get_bind()
    offered = connection.execute(
        text("SELECT installed_version IS NOT NULL FROM pg_available_extensions WHERE name = 'timescaledb'")
    ).scalar_one_or_none()
    if not offered and offered is not None:
        connection.execute(text(_ADD_TIMESCALE))
    return bool(connection.execute(text("SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'")).scalar())


# Needs the library preloaded and the right to add extensions; without either, plain partitions serve as well.
_ADD_TIMESCALE = """
DO $$ BEGIN
    CREATE EXTENSION timescaledb;
EXCEPTION WHEN OTHERS THEN
    RAISE NOTICE 'TimescaleDB is offered but cannot be added: %', SQLERRM;
END $$
"""
