"""`ingest init`: make or upgrade the schema."""

from typing import Annotated

import typer

_FIRST_PLAN = "ingest plan AAPL -b 1d --start 2024-01-02"


def init(
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Make the database ready: create the schema, or bring an older one up to this version.

    Without INGEST_DATABASE_URL a private PostgreSQL is kept in INGEST_HOME. Running it again changes nothing.

    Examples:

      ingest init

      INGEST_DATABASE_URL=postgresql://me@localhost/bars ingest init
    """
    from ingest.cli.screen import emit_json, say
    from ingest.config import load_settings
    from ingest.database import Database
    from ingest.store import migrate

    with Database.open(load_settings(), checked=False, may_make=True) as database:
        with database.engine.connect() as connection:
            before = migrate.current_revision(connection)
        migrate.upgrade(database.engine)
        with database.engine.connect() as connection:
            after = migrate.current_revision(connection)
    if as_json:
        emit_json({"database": database.where, "before": before, "revision": after})
        return
    done = "is up to date" if before == after else "was created" if before is None else f"was upgraded from {before}"
    say(f"The schema in the database {database.where} {done} (revision {after}).")
    say(f"Next: `ingest doctor` checks the gateway, `{_FIRST_PLAN}` shows what a backfill costs.")
