"""The embedded server: shared by processes, stopped by the last one, unimpressed by kill -9, deep folders and root."""

import fcntl
import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from ingest.errors import DatabaseError, DatabaseUnreachable
from ingest.store.embedded import EmbeddedServer, is_made

ROOT = Path(__file__).parents[2]

USE_UNTIL_TOLD = """
import sys
from pathlib import Path
from ingest.store.embedded import EmbeddedServer
with EmbeddedServer.start(Path(sys.argv[1])):
    print("ready", flush=True)
    sys.stdin.readline()
"""

# A user who may not read our interpreter's folder needs everything imported before the change of user.
USE_AS_SOMEBODY = """
import fcntl, os, pwd, shutil, sys
from pathlib import Path
from ingest.store.embedded import EmbeddedServer
home = Path(sys.argv[1])
if os.geteuid() == 0:
    nobody = pwd.getpwnam("nobody")
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    os.setgroups([])
    os.setgid(nobody.pw_gid)
    os.setuid(nobody.pw_uid)
with EmbeddedServer.start(home) as server:
    print(server.cluster.data.stat().st_uid == os.geteuid(), flush=True)
"""


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A home with data in it. The path is short: pytest's own temporary folders are too deep for a socket."""
    with tempfile.TemporaryDirectory(prefix="ig") as folder:
        Path(folder).chmod(0o755)
        with EmbeddedServer.start(Path(folder)):
            pass
        yield Path(folder)


@pytest.fixture
def new_home() -> Iterator[Path]:
    """An empty folder."""
    with tempfile.TemporaryDirectory(prefix="ig") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def is_running(home: Path) -> bool:
    """Whether server processes hold the lock that the kernel gives up only with the last of them."""
    with (home / "postgres" / "server.lock").open("r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def user_of(home: Path, script: str = USE_UNTIL_TOLD) -> subprocess.Popen[str]:
    environment = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    user = subprocess.Popen(
        [sys.executable, "-c", script, str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    )
    assert user.stdout is not None
    assert user.stdout.readline().strip() in ("ready", "True")
    return user


def end(user: subprocess.Popen[str], by: signal.Signals | None = None) -> None:
    if by is not None:
        user.send_signal(by)
    user.communicate("\n" if by is None else None, timeout=30)


def answers(server: EmbeddedServer) -> bool:
    with psycopg.connect(server.url.replace("+psycopg", "")) as connection:
        return connection.execute("SELECT 1").fetchone() == (1,)


def test_a_server_starts_answers_and_leaves_nothing_behind(home: Path) -> None:
    with EmbeddedServer.start(home) as server:
        assert answers(server)
        assert is_running(home)
        with psycopg.connect(server.url.replace("+psycopg", "")) as connection:
            shown = [connection.execute(f"SHOW {name}".encode()).fetchone() for name in ("fsync", "listen_addresses")]
            assert shown == [("on",), ("",)]
    server.stop()
    assert not is_running(home)
    assert not (home / "postgres" / "data" / "postmaster.pid").exists()


def test_the_last_of_several_processes_stops_it_and_what_was_written_stays(home: Path) -> None:
    with EmbeddedServer.start(home) as server:
        other = user_of(home)
        with psycopg.connect(server.url.replace("+psycopg", "")) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
    assert is_running(home)
    end(other)
    assert not is_running(home)
    with EmbeddedServer.start(home) as server, psycopg.connect(server.url.replace("+psycopg", "")) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def test_ctrl_c_stops_it(home: Path) -> None:
    end(user_of(home), by=signal.SIGINT)
    assert not is_running(home)


def test_after_kill_9_of_its_only_user_the_next_one_shares_and_stops_it(home: Path) -> None:
    end(user_of(home), by=signal.SIGKILL)
    assert is_running(home)
    with EmbeddedServer.start(home) as server:
        assert answers(server)
    assert not is_running(home)


def test_after_kill_9_of_the_server_it_recovers(home: Path) -> None:
    with EmbeddedServer.start(home) as server:
        with psycopg.connect(server.url.replace("+psycopg", "")) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
        first_line = server.cluster.postmaster_file.read_text().split()[0]
        os.kill(int(first_line), signal.SIGKILL)
        with EmbeddedServer.start(home) as again, psycopg.connect(again.url.replace("+psycopg", "")) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
    assert not is_running(home)


def test_a_pid_file_that_names_another_living_process_is_no_obstacle(home: Path) -> None:
    with EmbeddedServer.start(home) as server:
        text = server.cluster.postmaster_file.read_text()
    server.cluster.postmaster_file.write_text(text.replace(text.split()[0], str(os.getppid()), 1))
    with EmbeddedServer.start(home) as server:
        assert answers(server)


def test_half_made_data_of_a_killed_first_start_is_made_anew(new_home: Path) -> None:
    (new_home / "postgres" / "data.new" / "base").mkdir(parents=True)
    with EmbeddedServer.start(new_home) as server:
        assert answers(server)


def test_a_folder_too_deep_for_a_socket_works(new_home: Path) -> None:
    deep = new_home / ("d" * 60) / ("e" * 60)
    with EmbeddedServer.start(deep) as server:
        assert answers(server)
        sockets = server.cluster.sockets
        assert not sockets.is_relative_to(new_home)
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    assert not sockets.exists(), "the socket's folder was left behind"


def test_a_folder_that_only_its_owner_may_enter_stays_closed_to_others(new_home: Path) -> None:
    closed = new_home / "closed"
    closed.mkdir(mode=0o700)
    with EmbeddedServer.start(closed / "home") as server:
        assert answers(server)
    assert stat.S_IMODE(closed.stat().st_mode) & 0o067 == 0


def test_an_ordinary_users_server_runs_as_that_user(new_home: Path) -> None:
    end(user_of(new_home, USE_AS_SOMEBODY))
    assert not is_running(new_home)


def test_a_home_with_blanks_and_a_port_in_the_environment_works(
    new_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPORT", "6543")
    with EmbeddedServer.start(new_home / "Application Support") as server:
        monkeypatch.setenv("PGPORT", "6544")
        assert answers(server)


def test_data_of_a_postgresql_that_is_not_installed_is_left_alone(new_home: Path) -> None:
    (new_home / "postgres" / "data").mkdir(parents=True)
    (new_home / "postgres" / "data" / "PG_VERSION").write_text("11\n")
    with pytest.raises(DatabaseError, match=r"was made by PostgreSQL 11; installed are \[16, 18\]"):
        EmbeddedServer.start(new_home)


def test_a_path_the_start_command_cannot_take_is_refused(new_home: Path) -> None:
    with pytest.raises(DatabaseUnreachable, match=r"has '\$' in its path"):
        EmbeddedServer.start(new_home / "$HOME")


def test_a_home_that_cannot_be_written_is_named_in_one_line(home: Path) -> None:
    (home / "file").write_text("not a folder")
    with pytest.raises(DatabaseUnreachable, match=r"^The database folder .*file/home/postgres cannot be written: .*"):
        EmbeddedServer.start(home / "file" / "home")


def test_a_server_that_cannot_start_says_why(home: Path) -> None:
    with pytest.raises(DatabaseUnreachable, match=r"failed at pg_ctl: configuration file .* contains errors\. Look"):
        EmbeddedServer.start(home, settings={"shared_buffers": "a lot"})
    assert not is_running(home)
    with EmbeddedServer.start(home) as server:
        assert answers(server)


def test_a_home_without_a_database_has_none_until_a_server_was_started_in_it(new_home: Path) -> None:
    assert not is_made(new_home)
    with EmbeddedServer.start(new_home):
        assert is_made(new_home)
    assert is_made(new_home)
