"""What people were told, so that the same trouble is told once, by whichever process, and across restarts."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# `claimed_at` without `sent_at`: somebody is telling it at this moment, or died of it.
_TOLD = """
CREATE TABLE ingest.told (
    topic text NOT NULL,
    says text NOT NULL,
    claimed_at timestamptz NOT NULL,
    sent_at timestamptz,
    CONSTRAINT told_pk PRIMARY KEY (topic)
);
"""


def upgrade() -> None:
    op.execute(_TOLD)
