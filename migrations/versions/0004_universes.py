"""Universes: named lists of instruments, with everybody who ever was a member, and the contract each member is.

A member is a text as people write it until it is found; then its contract is kept, one for each origin, because the
con_ids of a simulator mean nothing at IB. An instrument's names gain the long one: its changes leave a trace too.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_UNIVERSES = """
CREATE TABLE ingest.universes (
    id integer GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL,
    description text NOT NULL DEFAULT '',
    sec_type text NOT NULL DEFAULT '',
    exchange text NOT NULL DEFAULT '',
    currency text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT universes_pk PRIMARY KEY (id),
    CONSTRAINT universes_name UNIQUE (name)
);

CREATE TABLE ingest.universe_members (
    id bigint GENERATED ALWAYS AS IDENTITY,
    universe_id integer NOT NULL,
    symbol text NOT NULL,
    added_at timestamptz NOT NULL DEFAULT now(),
    removed_at timestamptz,
    reason text NOT NULL DEFAULT '',
    CONSTRAINT universe_members_pk PRIMARY KEY (id),
    CONSTRAINT universe_members_universe FOREIGN KEY (universe_id) REFERENCES ingest.universes (id),
    CONSTRAINT universe_members_leave_for_a_reason CHECK ((removed_at IS NULL) = (reason = ''))
);
CREATE UNIQUE INDEX universe_members_present ON ingest.universe_members (universe_id, symbol) WHERE removed_at IS NULL;
CREATE INDEX universe_members_universe_id ON ingest.universe_members (universe_id);

CREATE TABLE ingest.universe_contracts (
    member_id bigint NOT NULL,
    origin text NOT NULL,
    con_id bigint NOT NULL,
    found_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT universe_contracts_pk PRIMARY KEY (member_id, origin),
    CONSTRAINT universe_contracts_member FOREIGN KEY (member_id) REFERENCES ingest.universe_members (id),
    CONSTRAINT universe_contracts_instrument FOREIGN KEY (con_id, origin)
        REFERENCES ingest.instruments (con_id, origin)
);
"""

_LONG_NAMES = """
ALTER TABLE ingest.instrument_names ADD COLUMN long_name text NOT NULL DEFAULT '';
UPDATE ingest.instrument_names n SET long_name = i.long_name
    FROM ingest.instruments i WHERE i.id = n.instrument_id AND n.seen_to IS NULL;
"""


def upgrade() -> None:
    op.execute(_UNIVERSES)
    op.execute(_LONG_NAMES)
