"""One database for all rows of a worker, emptied before each: cloning one takes longer than the row itself."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text

from ingest.store.engine import create_engine
from tests.conftest import Databases

_TABLES = """
    SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') FROM pg_tables
    WHERE schemaname NOT IN ('pg_catalog', 'information_schema') AND tablename <> 'alembic_version'
"""


@pytest.fixture(scope="session")
def common_engine(databases: Databases, template: str) -> Iterator[Engine]:
    name = databases.create(template)
    engine = create_engine(databases.named(name), purpose="fault tests")
    yield engine
    engine.dispose()
    databases.drop(name)


@pytest.fixture
def engine(common_engine: Engine) -> Engine:
    """An empty database of the product's schema."""
    with common_engine.begin() as connection:
        names = connection.execute(text(_TABLES)).scalar_one()
        connection.execute(text(f"TRUNCATE {names} CASCADE"))
    return common_engine
