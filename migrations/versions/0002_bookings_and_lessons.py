"""Book small-bar requests before they leave, and remember what was learned of the limits IB does not publish.

`booked_at` is by the database's clock: the only one that all processes of a login share, on whatever machine they run.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Requests of the last minutes were not booked; they still count.
_BOOKINGS = """
ALTER TABLE ingest.requests ADD COLUMN booked_at timestamptz;
UPDATE ingest.requests SET booked_at = sent_at WHERE sent_at > now() - INTERVAL '15 minutes';
CREATE INDEX requests_login_booked_at ON ingest.requests (login, booked_at) WHERE booked_at IS NOT NULL;
"""

# bar_size and sec_type are empty for what is learned of a login as a whole. ceiling: the least that IB did not bear.
_LEARNED = """
CREATE TABLE ingest.learned (
    login text NOT NULL,
    topic text NOT NULL,
    bar_size text NOT NULL DEFAULT '',
    sec_type text NOT NULL DEFAULT '',
    value integer NOT NULL,
    unit text NOT NULL DEFAULT '',
    ceiling integer,
    learned_at timestamptz NOT NULL,
    CONSTRAINT learned_pk PRIMARY KEY (login, topic, bar_size, sec_type),
    CONSTRAINT learned_topic CHECK (topic IN ('open_requests', 'request_span')),
    CONSTRAINT learned_value CHECK (value > 0)
);
"""


def upgrade() -> None:
    op.execute(_BOOKINGS)
    op.execute(_LEARNED)
