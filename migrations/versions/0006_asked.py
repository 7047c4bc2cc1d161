"""What was asked for of each series, so that a run that was cut short does not leave a hole that nobody knows of.

And people are told each trouble of a topic once, also where several take turns.
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_ASKED = """
CREATE TABLE ingest.asked (
    series_id integer NOT NULL,
    windows tstzmultirange NOT NULL,
    CONSTRAINT asked_pk PRIMARY KEY (series_id),
    CONSTRAINT asked_series FOREIGN KEY (series_id) REFERENCES ingest.series (id)
);
"""

_TOLD = """
ALTER TABLE ingest.told DROP CONSTRAINT told_pk;
ALTER TABLE ingest.told ADD CONSTRAINT told_pk PRIMARY KEY (topic, says);
"""


def upgrade() -> None:
    op.execute(_ASKED)
    op.execute(_TOLD)
