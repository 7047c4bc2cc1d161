"""A night of `ingest run` as an operator sees it: readiness, a digest on the phone, metrics, and a clean end."""

import json
import select
import signal
import socket
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.error import HTTPError

from prometheus_client.parser import text_string_to_metric_families

from tests.acceptance.running import CommandLine, simulator
from tests.unit.notify.receiving import endpoint

T = TypeVar("T")
WISH = """\
[universe]
symbols = ["AAPL", "NOSUCH"]
exchange = "SMART"
currency = "USD"

[[series]]
bar_size = "1 day"

[want]
since = 2024-05-20
until = 2024-05-25

[export]
to = "out"
"""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def asked(port: int, path: str) -> tuple[int, str]:
    """Status and body; (0, "") while nobody listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read().decode()
    except OSError:
        return 0, ""


def eventually(look: Callable[[], T], is_so: Callable[[T], bool], *, seconds: int = 40) -> T:
    for _ in range(seconds * 20):
        found = look()
        if is_so(found):
            return found
        select.select([], [], [], 0.05)
    raise AssertionError(f"not within {seconds} s; the last was {found!r}")


def samples(port: int) -> dict[str, float]:
    return {
        " ".join([sample.name, *(f"{key}={value}" for key, value in sorted(sample.labels.items()))]): sample.value
        for family in text_string_to_metric_families(asked(port, "/metrics")[1])
        for sample in family.samples
    }


def test_a_night_can_be_watched_and_is_told_of(tmp_path: Path, database_url: str) -> None:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "small.toml").write_text(WISH, encoding="utf-8")
    port = free_port()
    with simulator(tmp_path, "--now", "2024-06-10T12:00:00Z") as sim, endpoint() as phone:
        ingest = CommandLine.at(
            tmp_path,
            port=sim.port,
            database_url=database_url,
            INGEST_HEALTH_PORT=str(port),
            INGEST_NOTIFY_URLS=phone.url("h1ddenT0ken"),
        )
        running = ingest.start("run")
        try:
            eventually(lambda: asked(port, "/ready"), lambda found: found[0] == 200)
            assert json.loads(asked(port, "/health")[1])["alive"]
            assert ingest.run("jobs", "queue", "jobs/small.toml").returncode == 0
            (digest,) = eventually(lambda: list(phone.posts), lambda posts: len(posts) == 1)
            figures = eventually(lambda: samples(port), lambda found: found["ingest_bars_loaded_total"] == 5)
        finally:
            running.send_signal(signal.SIGTERM)
            _, log = running.communicate(timeout=60)
    assert running.returncode == 0, log
    assert "h1ddenT0ken" not in log
    assert_says_all(digest, tmp_path)
    assert figures["ingest_requests_total kind=bars login=default outcome=answered"] == 1
    assert figures["ingest_gateway_connected gateway=default"] == 1
    assert figures["ingest_small_requests_left login=default"] > 0
    assert len(phone.posts) == 1, "told once"


def assert_says_all(digest: dict[str, Any], folder: Path) -> None:
    assert digest["title"] == "small: 1 symbol not found"
    body = digest["message"]
    assert "1 of 1 series complete. 5 new bars, 1 request." in body
    assert "Not found:\nNOSUCH: IB knows no contract for NOSUCH STK SMART USD." in body
    (snapshot,) = (each for each in (folder / "out").iterdir() if not each.is_symlink())
    assert f"Snapshot out/{snapshot.name}: 5 bars of 1 series" in body


def test_a_service_whose_loop_hangs_ends_itself_and_says_where(tmp_path: Path, database_url: str) -> None:
    """Held still from outside; on its return the loop and the alarm race, so it is held more than once."""
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "small.toml").write_text(WISH, encoding="utf-8")
    port = free_port()
    ingest = CommandLine.at(
        tmp_path, database_url=database_url, INGEST_HEALTH_PORT=str(port), INGEST_HEALTH_HUNG_SECONDS="1"
    )
    hung = ingest.start("scheduler")
    try:
        eventually(lambda: asked(port, "/ready"), lambda found: found[0] == 200)
        for _ in range(20):
            hung.send_signal(signal.SIGSTOP)
            select.select([], [], [], 1.5)
            hung.send_signal(signal.SIGCONT)
            select.select([], [], [], 0.3)
            if hung.poll() is not None:
                break
    finally:
        hung.kill()
        _, log = hung.communicate(timeout=60)
    assert hung.returncode == 1
    assert "Timeout (0:00:01)!\nThread 0x" in log
