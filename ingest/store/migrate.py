"""The schema's version: `upgrade` brings a database up to this program, `check` refuses one that is not.

The one place of the room that opens a transaction: a migration is its own unit of work, and `load` never runs one.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from ingest.errors import DatabaseError, SchemaMismatch

_VERSION = "SELECT version_num FROM ingest.alembic_version"


def upgrade(engine: Engine) -> None:
    """Run all missing migrations in one transaction. Raises DatabaseError; SchemaMismatch on a newer database."""
    with engine.begin() as connection:
        _refuse_newer(current_revision(connection))
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def check(engine: Engine) -> None:
    """Raise SchemaMismatch unless the database's schema is exactly this program's."""
    with engine.connect() as connection:
        found = current_revision(connection)
    head = _scripts().get_current_head()
    if found == head:
        return
    _refuse_newer(found)
    state = "holds no ingest schema yet" if found is None else f"has schema {found}, this program needs {head}"
    raise SchemaMismatch(f"The database {state}.", hint="Run `ingest init`.")


def current_revision(connection: Connection) -> str | None:
    """The revision a database is at, None where the schema was never made."""
    if connection.execute(text("SELECT to_regclass('ingest.alembic_version')")).scalar() is None:
        return None
    return connection.execute(text(_VERSION)).scalar()


def _refuse_newer(found: str | None) -> None:
    known = {script.revision for script in _scripts().walk_revisions()}
    if found is not None and found not in known:
        raise SchemaMismatch(
            f"The database has schema {found}, which is newer than this program.", hint="Upgrade ingest."
        )


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_folder()).replace("%", "%%"))
    return config


def _folder() -> Path:
    """`migrations/`: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "_shipped" / "migrations", package.parent / "migrations"):
        if (folder / "env.py").exists():
            return folder
    raise DatabaseError("The migrations are missing from this installation.", hint="Install ingest again.")
