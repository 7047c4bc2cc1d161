"""A service whose event loop hangs ends itself, so that whoever started it (systemd, a container) starts it anew.

A hung loop answers no signal and gives no sign of life: its jobs are others' by then, and where there are no others
nothing goes on. The alarm is `faulthandler`'s: a thread of C that needs nothing of the interpreter.
"""

import asyncio
import faulthandler
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ingest.clock import SystemClock

_WALL = SystemClock()
#: So often in the time after which a loop counts as hung, the alarm is put off.
_BEATS = 10


@asynccontextmanager
async def ended_when_hung(seconds: float) -> AsyncIterator[None]:
    """While the body runs: a loop that has not come round for so long ends the process, with code 1 and the traceback
    of every thread on stderr. 0: never. One at a time in a process."""
    if not seconds:
        yield
        return
    beating = asyncio.create_task(_put_off(seconds), name="watchdog")
    try:
        yield
    finally:
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)
        faulthandler.cancel_dump_traceback_later()


async def _put_off(seconds: float) -> None:
    while True:
        faulthandler.dump_traceback_later(seconds, exit=True)
        await _WALL.sleep(seconds / _BEATS)
