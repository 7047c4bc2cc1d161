"""From what a caller names as `source` to a `View` of it; and the settings' database, opened once and left at exit."""

import atexit
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from ingest.clock import SystemClock
from ingest.config import Settings, load_settings
from ingest.database import Database
from ingest.errors import UsageError
from ingest.feed.database_view import database_view
from ingest.feed.snapshot_view import snapshot_view
from ingest.feed.views import View

Source = Engine | str | os.PathLike[str] | None

_Key = tuple[int, Path, str]
_opened: dict[_Key, Database] = {}
_guard = threading.Lock()


@contextmanager
def view_of(source: Source) -> Iterator[View]:
    """A view that holds still while the body runs. None: the database that settings name, the embedded one included.

    Raises UsageError for what is no source; SettingsError, DatabaseError or ExportError where it cannot be read.
    """
    if source is None:
        database = _database(load_settings())
        with database_view(database.engine, SystemClock(), database.where) as view:
            yield view
    elif isinstance(source, Engine):
        with database_view(source, SystemClock()) as view:
            yield view
    elif isinstance(source, str | os.PathLike):
        yield snapshot_view(Path(source))
    else:
        raise UsageError(f"{source!r} is no source of bars.", hint="Give a snapshot's path, an Engine, or nothing.")


def close() -> None:
    """Leave the settings' database, as the end of the program does. The next question opens it again."""
    with _guard:
        for key in list(_opened):
            database = _opened.pop(key)
            if key[0] == os.getpid():  # a forked child must not end its parent's sessions
                database.close()


def _database(settings: Settings) -> Database:
    key = (os.getpid(), settings.home, settings.database.url.get_secret_value())
    with _guard:
        if key not in _opened:
            if not _opened:
                atexit.register(close)
            _opened[key] = Database.open(settings)
        return _opened[key]
