"""Bad input gets one clear line, the exit code of its family, and loses nothing."""

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from tests.acceptance.running import CommandLine, InProcess, Simulator, simulator

RECENT = ("-b", "1d", "--start", "2024-05-01", "--end", "2024-06-01")


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with simulator(tmp_path_factory.mktemp("sim"), "--now", "2024-06-10T12:00:00Z") as running:
        yield running


@pytest.fixture
def ingest(tmp_path: Path, sim: Simulator, database_url: str) -> CommandLine:
    return InProcess.at(tmp_path, port=sim.port, database_url=database_url)


def assert_one_line(done: "subprocess.CompletedProcess[str]", code: int, *words: str) -> None:
    assert done.returncode == code, done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: ")
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in lines[0]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("backfill", "AAPL", "-b", "7m", "--days", "5"), "1m"),
        (("backfill", "AAPL", "-b", "1m", "--start", "2024-01-05", "--end", "2024-01-02"), "not after the start"),
        (("backfill", "AAPL", "-b", "1m", "--start", "2044-01-05"), "future"),
        (("backfill", "AAPL", "-b", "1m", "--start", "2024-13-05"), "2024-13-05"),
        (("backfill", "AAPL", "-b", "1m", "--start", "2024-01-05T10:00", "--tz", "Mars/Base"), "Mars/Base"),
        (("backfill", "../../x", "-b", "1m", "--days", "5"), "../../X"),
        (("backfill", "ES/Z6", "-b", "1m", "--days", "5"), "ES/Z6"),
        (("backfill", "", "-b", "1m", "--days", "5"), "empty symbol"),
        (("backfill", "münchen", "-b", "1m", "--days", "5"), "cannot be a symbol"),
        (("backfill", "AAPL", "-b", "1m"), "--start"),
        (("backfill", "AAPL", "--days", "5"), "--help"),
        (("backfill", "AAPL", "-b", "1m", "--bogus"), "--bogus"),
        (("backfill", "AAPL", "-b", "1m", "--days", "5", "--what", "GOSSIP"), "GOSSIP"),
        (("backfill", "NOSUCH", *RECENT), "NOSUCH"),
        (("backfill", "SHOP", *RECENT), "con_id:"),
        (("status", "NOSUCH"), "NOSUCH"),
        (("instruments", "import", "missing.csv"), "missing.csv"),
        (("nonsense",), "nonsense"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(ingest: CommandLine, words: tuple[str, ...], named: str) -> None:
    assert_one_line(ingest.run(*words), 2, named)


def test_all_symbols_that_mean_nothing_are_named_at_once(ingest: CommandLine) -> None:
    done = ingest.run("backfill", "AAPLL", "MSFT", "SHOP", "KOOO", *RECENT)
    assert done.returncode == 2
    first, *lines = done.stderr.splitlines()
    assert first == "error: 3 problems:"
    beginnings = ("  IB knows no contract for AAPLL", "  SHOP STK is ambiguous: ", "  IB knows no contract for KOOO")
    assert all(line.startswith(begins) for line, begins in zip(lines, beginnings, strict=True))
    assert_one_line(ingest.run("status", "NOSUCH", "MSFT", "NEITHER"), 2, "'NOSUCH', 'NEITHER'")
    refused = ingest.run("backfill", "A/B", "MSFT", "münchen", *RECENT)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 3)


def test_all_lines_of_a_file_that_mean_nothing_are_named_at_once(ingest: CommandLine) -> None:
    (ingest.folder / "two.csv").write_text("symbol\nMSFT\nNOSUCH\nSHOP\n")
    done = ingest.run("instruments", "import", "two.csv")
    assert done.returncode == 2
    assert done.stderr.startswith("error: 2 problems:\n")
    assert "  two.csv:3: IB knows no contract for NOSUCH" in done.stderr
    assert "  two.csv:4: SHOP STK is ambiguous" in done.stderr
    assert [each["symbol"] for each in ingest.json("instruments", "list")] == ["MSFT"]
    (ingest.folder / "bad.csv").write_text("MSFT\nmünchen\nA/B\n")
    refused = ingest.run("instruments", "import", "bad.csv").stderr
    assert "  bad.csv:2: " in refused
    assert "  bad.csv:3: " in refused


def test_a_contract_that_is_held_at_one_exchange_is_not_gone_on_with_at_another(
    ingest: CommandLine, engine: Engine
) -> None:
    """IB gives it one con_id at both: one series would hold the bars of two exchanges, all of it proved."""
    assert ingest.run("backfill", "AAPL", *RECENT).returncode == 0
    refused = ingest.run("backfill", "AAPL@NYSE", "-b", "1h", "--days", "5")
    assert refused.returncode == 2
    assert "is held as it trades at SMART; bars of NYSE would be mixed with those. Ask for AAPL@SMART" in refused.stderr
    assert [each["exchange"] for each in ingest.json("instruments", "list")] == ["SMART"]
    assert ingest.run("backfill", "AAPL@SMART", "-b", "1h", "--days", "5").returncode == 0


def test_a_symbol_with_a_blank_works(ingest: CommandLine) -> None:
    done = ingest.run("backfill", "BRK B", *RECENT)
    assert done.returncode == 0, done.stderr
    assert "BRK B 1d TRADES" in done.stdout


def test_a_gateway_that_is_not_there(ingest: CommandLine) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = str(unused.getsockname()[1])
        done = ingest.run("backfill", "AAPL", *RECENT, INGEST_GATEWAY_PORT=port)
    assert_one_line(done, 5, port, "4001")


def test_a_service_that_is_not_a_gateway(ingest: CommandLine) -> None:
    with wrong_service() as port:
        done = ingest.run(
            "backfill", "AAPL", *RECENT, INGEST_GATEWAY_PORT=str(port), INGEST_GATEWAY_CONNECT_SECONDS="2"
        )
    assert_one_line(done, 5, str(port))


def test_a_gateway_that_never_answers_the_handshake(ingest: CommandLine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = str(silent.getsockname()[1])
        done = ingest.run("backfill", "AAPL", *RECENT, INGEST_GATEWAY_PORT=port, INGEST_GATEWAY_CONNECT_SECONDS="1")
    assert_one_line(done, 5, port)


def test_a_database_that_is_down_and_its_password_stays_unsaid(ingest: CommandLine) -> None:
    done = ingest.run("status", INGEST_DATABASE_URL="postgresql://me:secretword@127.0.0.1:1/x")
    assert_one_line(done, 4, "127.0.0.1:1")
    assert "secretword" not in done.stderr + done.stdout


def test_a_database_without_a_schema(ingest: CommandLine, empty_database_url: str) -> None:
    assert_one_line(ingest.run("status", INGEST_DATABASE_URL=empty_database_url), 4, "ingest init")


@pytest.mark.parametrize(
    "words", [("status",), ("update",), ("export",), ("jobs", "list"), ("instruments", "list"), ("run",), ("worker",)]
)
def test_a_mistyped_home_is_said_and_stays_empty(ingest: CommandLine, tmp_path: Path, words: tuple[str, ...]) -> None:
    done = ingest.run(*words, INGEST_DATABASE_URL="", INGEST_HOME=str(tmp_path / "mistyped"))
    assert_one_line(done, 4, f"There is no database in {tmp_path / 'mistyped'}.", "`ingest init`", "INGEST_HOME")
    assert not (tmp_path / "mistyped").exists()


def test_a_schema_newer_than_the_program(ingest: CommandLine, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE ingest.alembic_version SET version_num = '9999'"))
    assert_one_line(ingest.run("status"), 4, "9999", "Upgrade ingest")
    assert_one_line(ingest.run("init"), 4, "9999")


def test_all_bad_settings_are_reported_at_once(ingest: CommandLine) -> None:
    done = ingest.run("status", INGEST_GATEWAY_PORT="x", INGEST_GATEWAY_CLIENT_ID="-3")
    assert_one_line(done, 3, "INGEST_GATEWAY_PORT", "INGEST_GATEWAY_CLIENT_ID")


def test_a_key_that_is_mistyped_in_the_settings_is_named_with_the_one_that_is_close(ingest: CommandLine) -> None:
    (ingest.folder / "ingest.toml").write_text('[gateway]\nprt = 1\nlogin = 7\n[gateways.a]\nhots = "x"\n[gatway]\n')
    said = ("gateway.prt: unknown key; did you mean 'port'?", "gateway.login: must be a string in quotes")
    more = ("gateways.a.hots: unknown key; did you mean 'host'?", "gatway: unknown key; did you mean 'gateway'?")
    assert_one_line(ingest.run("status"), 3, *said, *more)
    (ingest.folder / "ingest.toml").unlink()
    assert_one_line(ingest.run("status", INGEST_GATEWAY_PRT="1"), 3, "INGEST_GATEWAY_PRT: unknown key", "'port'")


def test_a_password_in_the_settings_file_is_refused(ingest: CommandLine) -> None:
    (ingest.folder / "ingest.toml").write_text('[database]\nurl = "postgresql://me:secretword@localhost/x"\n')
    done = ingest.run("status")
    assert_one_line(done, 3, "INGEST_DATABASE_URL")
    assert "secretword" not in done.stderr


def test_two_runs_of_the_same_backfill_at_once(tmp_path: Path, database_url: str) -> None:
    words = ("backfill", "AAPL", "-b", "1m", "--start", "2024-01-02", "--end", "2024-06-01")
    with simulator(tmp_path, "--now", "2024-06-10T12:00:00Z", "--latency", "0.5") as slow:
        ingest = InProcess.at(tmp_path, port=slow.port, database_url=database_url, INGEST_GATEWAY_CONCURRENCY="1")
        first = ingest.start(*words)
        try:
            while not slow.bar_requests():
                assert first.poll() is None
            second = ingest.run(*words, INGEST_GATEWAY_CLIENT_ID="72")
            assert_one_line(second, 6, "AAPL 1m TRADES", f"pid {first.pid}")
        finally:
            output, errors = first.communicate(timeout=60)
        assert first.returncode == 0, errors
        assert "complete" in output


def test_an_export_folder_that_cannot_be_written(ingest: CommandLine) -> None:
    assert ingest.run("backfill", "AAPL", *RECENT).returncode == 0
    assert_one_line(ingest.run("export", "--to", "/proc/snapshots"), 7, "/proc/snapshots")


def test_an_export_folder_that_is_a_file(ingest: CommandLine, tmp_path: Path) -> None:
    assert ingest.run("backfill", "AAPL", *RECENT).returncode == 0
    (tmp_path / "file").touch()
    assert_one_line(ingest.run("export", "--to", str(tmp_path / "file")), 7, "file")


class Silently(BaseHTTPRequestHandler):
    """Logs nothing where the command's own words are looked at."""

    def log_message(self, *_said: object) -> None:
        return


@contextmanager
def wrong_service() -> Iterator[int]:
    """An HTTP server, the commonest thing to find on a wrong port."""
    server = HTTPServer(("127.0.0.1", 0), Silently)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
