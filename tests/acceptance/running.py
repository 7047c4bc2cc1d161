"""The real programs as a user runs them: the simulator and the command line, each a process of its own.

Starting Python and its libraries is most of what a command costs, so those of which there are many run `InProcess`.
"""

import json
import logging
import os
import select
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import structlog

from ingest.cli.root import run

_START_SECONDS = 30


@dataclass(slots=True)
class Simulator:
    """A running `ingest simulator`; its events are in `log` as they are written."""

    process: "subprocess.Popen[bytes]"
    port: int
    log: Path

    def events(self, *, after: int = 0, event: str = "") -> list[dict[str, Any]]:
        """Events with a higher `seq` than `after`, of one kind where named. An unfinished last line is left out."""
        whole = self.log.read_text(encoding="utf-8").rpartition("\n")[0]
        found = [json.loads(line) for line in whole.splitlines()]
        return [each for each in found if each["seq"] > after and event in ("", each["event"])]

    def bar_requests(self, *, after: int = 0) -> list[dict[str, Any]]:
        return [each for each in self.events(after=after, event="request") if each.get("message") == "historical"]

    @property
    def last_seq(self) -> int:
        return max((each["seq"] for each in self.events()), default=0)


@contextmanager
def simulator(folder: Path, *options: str) -> Iterator[Simulator]:
    """Start one on a free port; it is gone at the end."""
    log = folder / "simulator.jsonl"
    with log.open("wb") as sink:
        process = subprocess.Popen([sys.executable, "-m", "ingest", "simulator", *options], stdout=sink)
    try:
        yield Simulator(process, _port(process, log), log)
    finally:
        process.terminate()
        process.wait(timeout=20)


def _port(process: "subprocess.Popen[bytes]", log: Path) -> int:
    for _ in range(_START_SECONDS * 20):
        text = log.read_text(encoding="utf-8")
        if "\n" in text:
            first = json.loads(text.splitlines()[0])
            assert first["event"] == "listening"
            return int(first["port"])
        assert process.poll() is None, "the simulator ended before it listened"
        select.select([], [], [], 0.05)
    raise AssertionError("the simulator did not start")


@dataclass(frozen=True, slots=True)
class CommandLine:
    """`ingest` with a database and a gateway in its environment, in an empty folder."""

    folder: Path
    environment: dict[str, str]

    @classmethod
    def at(cls, folder: Path, *, port: int = 1, database_url: str = "", **more: str) -> "CommandLine":
        clean = {name: value for name, value in os.environ.items() if not name.startswith("INGEST_")}
        own = {"INGEST_HOME": str(folder / "home"), "INGEST_GATEWAY_PORT": str(port), "COLUMNS": "200"}
        own |= {"INGEST_DATABASE_URL": database_url} if database_url else {}
        return cls(folder, clean | own | more)

    def run(self, *words: str, seconds: float = 60, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            self._command(words),
            cwd=self.folder,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def start(self, *words: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            self._command(words),
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def json(self, *words: str) -> Any:
        """Run a command that must succeed with `--json`, and give its document."""
        done = self.run(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    @staticmethod
    def _command(words: Sequence[str]) -> list[str]:
        return [sys.executable, "-m", "ingest", *words]


@dataclass(frozen=True, slots=True)
class InProcess(CommandLine):
    """The same commands with the same words and the same exit codes, in this process. `start` begins a real one."""

    def run(self, *words: str, seconds: float = 60, **environment: str) -> "subprocess.CompletedProcess[str]":
        del seconds  # pytest's own limit holds
        out, err = StringIO(), StringIO()
        with (
            patch.dict(os.environ, self.environment | environment, clear=True),
            chdir(self.folder),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            try:
                code = run(words)
            finally:
                structlog.reset_defaults()
                logging.captureWarnings(capture=False)
        return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())
