"""Run the migrations in one transaction, one migrator at a time, never waiting long for a table that is in use.

`ingest init` hands a connection over in `attributes["connection"]`; a developer's `alembic` names a server in
INGEST_TEST_DATABASE_URL. Migrations are written by hand, and a test compares them with `ingest.store.tables`. There is
no offline mode: what is made depends on what the server offers.
"""

import os

from alembic import context
from sqlalchemy import Connection, text

from ingest.store.engine import create_engine
from ingest.store.tables import SCHEMA

_MIGRATOR = 0x1B_0001  # any number, the same for all migrators; cluster-wide locks are per database


def _run(connection: Connection) -> None:
    context.configure(connection=connection, version_table_schema=SCHEMA, transaction_per_migration=False)
    with context.begin_transaction():
        connection.execute(text("SET LOCAL lock_timeout = '120s'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:migrator)"), {"migrator": _MIGRATOR})
        connection.execute(text("SET LOCAL lock_timeout = '10s'"))
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
        context.run_migrations()


given: Connection | None = context.config.attributes.get("connection")
if given is not None:
    _run(given)
else:
    with create_engine(os.environ["INGEST_TEST_DATABASE_URL"]).connect() as own:
        _run(own)
        own.commit()
