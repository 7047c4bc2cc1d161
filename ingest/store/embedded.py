"""`EmbeddedServer`: a private PostgreSQL in a home folder, for those who have no database server.

Lifetime: the first process that starts it runs it, others share it, and the last one out stops it, in order, also after
Ctrl-C. The locks are the kernel's (flock), so a `kill -9` releases them: a server whose users were all killed goes on
until the next user comes, shares it and, leaving last, stops it. (SIGTERM kills Python without any cleaning up; turn it
into SystemExit for an orderly stop.) Three lock files, all in `<home>/postgres`:
`users.lock` is held shared by every user, `start.lock` by whoever starts or stops, and `server.lock` by the server
processes themselves, which inherit it: that tells a living server from a stale pid file, whatever runs under the pid.
"""

import atexit
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

import psycopg

from ingest.clock import blocking_sleep
from ingest.errors import DatabaseUnreachable
from ingest.store.cluster import DATABASE, PORT, USER, Cluster, writing

_PATIENCE_SECONDS = 120.0
_POLL_SECONDS = 0.02


class EmbeddedServer:
    """One process's share in a running server. `url` is a SQLAlchemy URL; `stop` may be called more than once."""

    def __init__(self, cluster: Cluster, url: str, users_lock: int) -> None:
        self.cluster = cluster
        self.url = url
        self._users_lock = users_lock
        self._pid = os.getpid()
        self._stopped = False
        atexit.register(self.stop)

    @classmethod
    def start(cls, home: Path, *, settings: Mapping[str, str] | None = None) -> "EmbeddedServer":
        """Start the server of `home`, or join it where it runs; makes the folder and an empty database as needed.

        `settings` are PostgreSQL's, and count only for the process that really starts it. Measured: 0.12 s, the very
        first time 0.8 s. Raises DatabaseUnreachable with the server's own reason.
        """
        cluster = Cluster.at(home)
        with writing(cluster.folder), _starting(cluster):
            users_lock = _lock_file(cluster, "users.lock")
            try:
                _flock(users_lock, shared=True)
                sockets = _ensure_running(cluster, settings or {})
            except BaseException:
                _leave(cluster, users_lock)
                raise
        return cls(cluster, _url(sockets), users_lock)

    def stop(self) -> None:
        """Leave; the last user stops the server. Does nothing in a forked child."""
        if self._stopped or os.getpid() != self._pid:
            return
        self._stopped = True
        atexit.unregister(self.stop)
        with _starting(self.cluster):
            _leave(self.cluster, self._users_lock)

    def __enter__(self) -> "EmbeddedServer":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


def is_made(home: Path) -> bool:
    """Whether the home folder holds a database, running or not. True where that cannot be seen: a start says why."""
    try:
        return (home.expanduser() / "postgres" / "data").exists()
    except OSError:
        return True


def _ensure_running(cluster: Cluster, settings: Mapping[str, str]) -> Path:
    """The socket folder of a server that has answered. The start lock is held.

    A server found running may still be recovering, or be the last breath of one that crashed: then we look again.
    """
    silence: psycopg.Error | None = None
    for _ in range(int(_PATIENCE_SECONDS / _POLL_SECONDS)):
        lock = _server_lock(cluster)
        if lock is not None:
            try:
                cluster.make(lock)
                cluster.configure(settings)
                cluster.start(lock)
            finally:
                os.close(lock)
        sockets = cluster.running_sockets()
        if sockets is not None:
            try:
                _ensure_database(sockets)
            except psycopg.Error as problem:
                silence = problem
            else:
                return sockets
        blocking_sleep(_POLL_SECONDS)
    raise DatabaseUnreachable(
        f"The embedded database in {cluster.folder} runs but does not answer: {silence}.",
        hint=f"Look at {cluster.log}.",
    )


def _server_lock(cluster: Cluster) -> int | None:
    """A descriptor that holds the server's lock, or None: server processes of this cluster are alive and hold it."""
    lock = _lock_file(cluster, "server.lock")
    if _flock(lock):
        return lock
    os.close(lock)
    return None


def _leave(cluster: Cluster, users_lock: int) -> None:
    """Give up the users' lock, and stop the server if no other process holds it. The start lock is held."""
    try:
        lock = _server_lock(cluster)
        if lock is not None:
            os.close(lock)
        elif _flock(users_lock):
            cluster.stop()
    finally:
        os.close(users_lock)


def _ensure_database(sockets: Path) -> None:
    with psycopg.connect(host=str(sockets), port=PORT, user=USER, dbname="postgres", autocommit=True) as connection:
        if not connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).rowcount:
            connection.execute(f"CREATE DATABASE {DATABASE}")


def _url(sockets: Path) -> str:
    return f"postgresql+psycopg://{USER}@/{DATABASE}?host={quote(str(sockets), safe='')}&port={PORT}"


@contextmanager
def _starting(cluster: Cluster) -> Iterator[None]:
    """Hold the start lock, waiting for whoever starts or stops the server right now."""
    descriptor = _lock_file(cluster, "start.lock")
    try:
        for _ in range(int(_PATIENCE_SECONDS / _POLL_SECONDS)):
            if _flock(descriptor):
                break
            blocking_sleep(_POLL_SECONDS)
        else:
            raise DatabaseUnreachable(f"Another process has been starting {cluster.folder} for two minutes.")
        yield
    finally:
        os.close(descriptor)


def _lock_file(cluster: Cluster, name: str) -> int:
    path = cluster.folder / name
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    cluster.account.own(path)
    return descriptor


def _flock(descriptor: int, *, shared: bool = False) -> bool:
    """Take a lock without waiting; False when somebody else's is in the way."""
    import fcntl

    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
