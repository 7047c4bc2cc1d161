"""A loop that hangs ends its process, and says where; one that is only slow does not. Each in a process of its own."""

import subprocess
import sys

PROGRAM = """
import asyncio, time
from ingest.health.watchdog import ended_when_hung

async def main():
    async with ended_when_hung({seconds}):
        {body}
    {after}

asyncio.run(main())
print("ended by itself")
"""


def run(body: str, *, seconds: float = 0.5, after: str = "pass") -> "subprocess.CompletedProcess[str]":
    program = PROGRAM.format(seconds=seconds, body=body, after=after)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)


def test_a_loop_that_hangs_ends_its_process_and_says_where() -> None:
    ended = run("await asyncio.sleep(0); time.sleep(50)")
    assert ended.returncode == 1
    assert "in main" in ended.stderr
    assert ended.stdout == ""


def test_a_loop_that_comes_round_goes_on_however_long_it_takes() -> None:
    ended = run("for _ in range(30): time.sleep(0.05); await asyncio.sleep(0)")
    assert (ended.returncode, ended.stdout) == (0, "ended by itself\n"), ended.stderr


def test_what_follows_is_not_watched() -> None:
    ended = run("await asyncio.sleep(0)", after="time.sleep(1)")
    assert (ended.returncode, ended.stdout) == (0, "ended by itself\n"), ended.stderr


def test_zero_seconds_are_never() -> None:
    ended = run("await asyncio.sleep(0); time.sleep(1)", seconds=0.0)
    assert (ended.returncode, ended.stdout) == (0, "ended by itself\n"), ended.stderr
