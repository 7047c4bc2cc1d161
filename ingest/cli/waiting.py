"""`waiting`: a sign of life on a terminal, for what has no counter of its own and may take seconds."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer

from rich.console import Console

_PATIENCE_SECONDS = 0.5


@contextmanager
def waiting(what: str, *, after: float = _PATIENCE_SECONDS) -> Iterator[None]:
    """Show `what` is going on, on stderr, from half a second on until it is over; nothing where that is no terminal."""
    if not sys.stderr.isatty():
        yield
        return
    sign = Console(stderr=True, emoji=False, markup=False).status(f"{what} …")
    timer = Timer(after, sign.start)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        sign.stop()
