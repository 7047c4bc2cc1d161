"""Posts: the rows by which workers are seen, and by which they know how many share a login."""

import os
import socket
import subprocess
import sys
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from ingest.app.serving.post import is_dead
from ingest.store import posts
from ingest.store.posts import PostRow

HOST = socket.gethostname()


def age(engine: Engine, post_id: int, by: timedelta) -> None:
    with engine.begin() as connection:
        moved = text("UPDATE ingest.workers SET seen_at = seen_at - :by WHERE id = :id")
        connection.execute(moved, {"by": by, "id": post_id})


def test_a_login_counts_processes_that_signed_a_moment_ago(engine: Engine) -> None:
    with engine.begin() as connection:
        posts.sign_on(connection, "main", "research", "here", 1)
        posts.sign_on(connection, "second", "research", "here", 1)  # one process, two gateways
        old = posts.sign_on(connection, "main", "research", "there", 1)
        posts.sign_on(connection, "other", "somebody", "here", 2)
        assert posts.processes_on(connection, "research") == 2
    age(engine, old, timedelta(seconds=15))
    with engine.begin() as connection:
        assert posts.processes_on(connection, "research") == 1
        assert posts.sign(connection, old, "working", "", 3)
        assert posts.processes_on(connection, "research") == 2


def test_who_was_forgotten_hears_of_it(engine: Engine) -> None:
    with engine.begin() as connection:
        post_id = posts.sign_on(connection, "main", "research", "here", 1)
        posts.sign_off(connection, post_id)
        assert not posts.sign(connection, post_id, "working", "", 3)
        assert posts.listing(connection) == ()


@pytest.fixture
def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def row(engine: Engine, host: str, pid: int, gateway: str = "main") -> PostRow:
    with engine.begin() as connection:
        posts.sign_on(connection, gateway, "research", host, pid)
        return posts.listing(connection)[0]


def test_a_process_of_this_machine_that_is_no_more_is_dead(engine: Engine, dead_pid: int) -> None:
    assert is_dead(row(engine, HOST, dead_pid), HOST, "main")


@pytest.mark.parametrize(("host", "pid"), [("elsewhere", 0), (HOST, os.getppid()), (HOST, 1)])
def test_of_others_nobody_can_say_that(engine: Engine, dead_pid: int, host: str, pid: int) -> None:
    assert not is_dead(row(engine, host, pid or dead_pid), HOST, "main")


def test_a_row_of_our_own_process_is_a_former_life_where_it_is_of_our_gateway(engine: Engine) -> None:
    assert is_dead(row(engine, HOST, os.getpid()), HOST, "main")
    assert not is_dead(row(engine, HOST, os.getpid()), HOST, "second")
