"""Opening the database that settings name: any PostgreSQL by URL, or the embedded one in the home folder."""

from dataclasses import dataclass
from types import TracebackType

from sqlalchemy import Engine

from ingest.config import Settings
from ingest.errors import DatabaseMissing
from ingest.store import migrate
from ingest.store.embedded import EmbeddedServer, is_made
from ingest.store.engine import create_engine, parse_url, redacted


@dataclass(slots=True)
class Database:
    """An engine, and the embedded server behind it if there is one. Close it, or use it in a `with`."""

    engine: Engine
    where: str
    server: EmbeddedServer | None = None

    @classmethod
    def open(cls, settings: Settings, *, checked: bool = True, may_make: bool = False) -> "Database":
        """Connect to what settings say. `checked`: refuse a schema that is not this program's (SchemaMismatch).

        `may_make`: an embedded database is made where there is none; else that is DatabaseMissing, so that a mistyped
        home stays as empty as it is. Raises DatabaseUnreachable where nothing answers.
        """
        url = settings.database.url.get_secret_value()
        if not url and not may_make and not is_made(settings.home):
            raise DatabaseMissing(
                f"There is no database in {settings.home}.", hint="Run `ingest init`, or check INGEST_HOME."
            )
        server = None if url else EmbeddedServer.start(settings.home)
        database = cls(
            create_engine(server.url if server else url),
            f"embedded in {settings.home}" if server else redacted(parse_url(url)),
            server,
        )
        if checked:
            try:
                migrate.check(database.engine)
            except BaseException:
                database.close()
                raise
        return database

    def close(self) -> None:
        self.engine.dispose()
        if self.server is not None:
            self.server.stop()

    def __enter__(self) -> "Database":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
