"""The schema: made from nothing, equal to the metadata, and told apart from older and newer ones."""

import pytest
from alembic import command
from sqlalchemy import Engine, text

from ingest.errors import SchemaMismatch
from ingest.store import migrate, queue_tables, told, universe_tables
from ingest.store.engine import create_engine
from ingest.store.tables import metadata

#: What adds its tables to the one metadata when it is imported.
_ROOMS = (queue_tables, universe_tables, told)

_DESCRIBED = text("""
    SELECT table_name::text, column_name::text,
           concat_ws(' ', ordinal_position, data_type, is_nullable, column_default, is_identity, identity_generation)
    FROM information_schema.columns
    WHERE table_schema = 'ingest' AND table_name NOT IN ('alembic_version', 'bars')
    UNION ALL
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'ingest'::regnamespace AND conrelid <> 'ingest.alembic_version'::regclass AND contype <> 'n'
    UNION ALL
    SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'ingest' AND tablename <> 'alembic_version'
    ORDER BY 1, 2, 3
""")


def test_migrations_make_exactly_the_metadata(engine: Engine, empty_database_url: str) -> None:
    other = create_engine(empty_database_url, pooled=False)
    assert all(room.metadata is metadata for room in _ROOMS)
    with other.begin() as connection:
        connection.execute(text("CREATE SCHEMA ingest"))
        connection.execute(text("CREATE TABLE ingest.alembic_version (version_num text)"))
        metadata.create_all(connection)
        by_metadata = connection.execute(_DESCRIBED).all()
    with engine.connect() as connection:
        by_migrations = connection.execute(_DESCRIBED).all()
    assert len(by_migrations) > 150
    assert by_migrations == by_metadata


def test_an_empty_database_is_sent_to_init(empty_database_url: str) -> None:
    engine = create_engine(empty_database_url, pooled=False)
    with pytest.raises(SchemaMismatch, match=r"no ingest schema yet.*ingest init"):
        migrate.check(engine)
    migrate.upgrade(engine)
    migrate.check(engine)


def test_upgrading_twice_changes_nothing(engine: Engine) -> None:
    migrate.upgrade(engine)
    migrate.check(engine)


def test_a_newer_schema_asks_for_a_newer_program(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE ingest.alembic_version SET version_num = '9999'"))
    for attempt in (migrate.check, migrate.upgrade):
        with pytest.raises(SchemaMismatch, match=r"newer than this program. Upgrade ingest"):
            attempt(engine)


def test_an_older_schema_is_sent_to_init(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    real = migrate._scripts()
    head = real.get_current_head()
    known = [script.revision for script in real.walk_revisions()]

    class Scripts:
        def get_current_head(self) -> str:
            return "9998"

        def walk_revisions(self) -> list[object]:
            return [type("Script", (), {"revision": name}) for name in (*known, "9998")]

    monkeypatch.setattr(migrate, "_scripts", Scripts)
    with pytest.raises(SchemaMismatch, match=rf"has schema {head}, this program needs 9998. Run `ingest init`"):
        migrate.check(engine)


def test_what_people_were_told_is_kept_over_the_change_of_its_key(empty_database_url: str) -> None:
    engine = create_engine(empty_database_url, pooled=False)
    with engine.begin() as connection:
        config = migrate._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0005")
        connection.execute(text("INSERT INTO ingest.told VALUES ('gateway main', 'unreachable', now(), now())"))
    migrate.upgrade(engine)
    with engine.begin() as connection:
        assert connection.execute(text("SELECT topic, says FROM ingest.told")).all() == [
            ("gateway main", "unreachable")
        ]
        connection.execute(text("INSERT INTO ingest.told VALUES ('gateway main', 'refused', now(), now())"))
