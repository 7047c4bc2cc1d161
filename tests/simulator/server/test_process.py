"""The simulator as a process of its own: what `run` prints and how it stops."""

import asyncio
import json
import signal
import sys

import pytest

from tests.simulator.server.raw_client import ask_history, connected

_PROGRAM = """
import asyncio
from ingest.simulator.clock import SimulatorClock
from ingest.simulator.server import run
from ingest.simulator.settings import ServerOptions
from tests.simulator.server.tiny import TinyMarket
asyncio.run(run(ServerOptions(), TinyMarket(), SimulatorClock(base=1704715200.0)))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_says_where_it_listens_logs_json_lines_and_stops_cleanly_when_told_to(number: signal.Signals) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _PROGRAM, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    first = json.loads(await process.stdout.readline())
    assert next(iter(first)) == "event"
    assert first["event"] == "listening"
    async with connected(first["port"]) as client:
        ask_history(client, 1)
        await client.next_of(108)
        process.send_signal(number)
        assert await client.is_closed()
    output, errors = await process.communicate()
    events = [json.loads(line)["event"] for line in output.splitlines()]
    assert (process.returncode, errors) == (0, b"")
    assert "answer" in events
    assert "stopping" in events
