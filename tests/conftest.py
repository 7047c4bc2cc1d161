"""A real PostgreSQL for the tests: the server of INGEST_TEST_DATABASE_URL, or the embedded one in a temporary folder.

The schema is migrated once into a template database; every test gets its own clone. Workers of one parallel run share
the embedded server. A server that cannot be reached stops the run at once: everything behind it would only fail too.
"""

import itertools
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
import structlog
from sqlalchemy import Engine

from ingest.domain.series import Origin
from ingest.errors import IngestError
from ingest.store import migrate, series
from ingest.store.embedded import EmbeddedServer
from ingest.store.engine import create_engine, parse_url
from ingest.store.series import SeriesRow
from tests import given


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """Commands that run in the process of the tests set up its logs; other tests find them as they were."""
    yield
    structlog.reset_defaults()
    logging.captureWarnings(capture=False)


# A test database may be lost with the power; a user's may not.
_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "64MB"}


@dataclass(slots=True)
class Databases:
    """Makes databases on one server; `url` is an administrator's."""

    url: str
    has_timescale: bool = False
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def named(self, name: str) -> str:
        return parse_url(self.url).set(database=name).render_as_string(hide_password=False)

    def create(self, template: str | None = None) -> str:
        """Make a database (a clone of `template`) and give its name."""
        name = f"ingest_test_{os.getpid()}_{next(self._numbers)}"
        self._run(f'CREATE DATABASE "{name}"' + (f' TEMPLATE "{template}"' if template else ""))
        return name

    def drop(self, name: str) -> None:
        self._run(f'DROP DATABASE "{name}" WITH (FORCE)')

    def _run(self, statement: str) -> None:
        with psycopg.connect(self.url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(statement.encode())


def _shared_folder(config: pytest.Config) -> Path:
    """One folder for all workers of a run; the run's own process id names it."""
    workers_input = getattr(config, "workerinput", None)
    run = workers_input["testrunuid"] if workers_input else f"run{os.getpid()}"
    return Path(tempfile.gettempdir()) / f"ingest-tests-{run}"


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        plugin = config.pluginmanager.getplugin("dsession")
        run = getattr(getattr(plugin, "nodemanager", None), "testrunuid", None)
        for folder in (_shared_folder(config), Path(tempfile.gettempdir()) / f"ingest-tests-{run}"):
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def databases(request: pytest.FixtureRequest) -> Iterator[Databases]:
    """The server. Stops the whole run when there is none."""
    named = os.environ.get("INGEST_TEST_DATABASE_URL")
    server = None
    try:
        if named is None:
            server = EmbeddedServer.start(_shared_folder(request.config), settings=_FAST)
        found = Databases(named or server.url)  # type: ignore[union-attr]
        with psycopg.connect(found.url.replace("+psycopg", "")) as connection:
            offered = connection.execute("SELECT FROM pg_available_extensions WHERE name = 'timescaledb'")
            found.has_timescale = offered.rowcount > 0
    except (IngestError, psycopg.Error) as problem:
        pytest.exit(f"the test database cannot be reached: {problem}", returncode=4)
    yield found
    if server is not None:
        server.stop()


@pytest.fixture(scope="session")
def template(databases: Databases) -> Iterator[str]:
    """The name of a migrated database that nobody is connected to."""
    name = databases.create()
    _migrate(databases.named(name))
    yield name
    databases.drop(name)


@pytest.fixture
def empty_database_url(databases: Databases) -> Iterator[str]:
    """A database without the schema."""
    name = databases.create()
    yield databases.named(name)
    databases.drop(name)


@pytest.fixture
def database_url(databases: Databases, template: str) -> Iterator[str]:
    """A migrated, empty database of the test's own."""
    if databases.has_timescale:  # its background workers sit in the template, which then cannot be cloned
        name = databases.create()
        _migrate(databases.named(name))
    else:
        name = databases.create(template)
    yield databases.named(name)
    databases.drop(name)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = create_engine(database_url, purpose="tests")
    yield engine
    engine.dispose()


@pytest.fixture
def series_row(engine: Engine) -> SeriesRow:
    """One-minute trades of AAPL as a real account's series, in the database."""
    with engine.begin() as connection:
        return series.ensure(connection, given.series(), Origin.LIVE)


@pytest.fixture(autouse=True)
def _timescale_server(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("timescale") is None:
        return
    databases: Databases = request.getfixturevalue("databases")
    if not databases.has_timescale:
        pytest.skip("the test server does not offer TimescaleDB; name one with INGEST_TEST_DATABASE_URL")


def _migrate(url: str) -> None:
    engine = create_engine(url, pooled=False)
    migrate.upgrade(engine)
    engine.dispose()
