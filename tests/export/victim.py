"""A process that exports until it is killed: `python -m tests.export.victim URL TARGET`, a command per line on stdin.

`after N` kills the next export just before its N-th system call that makes something lasting (N from 1) and answers
"killed", or "done" when there were fewer. `within S` kills an endless row of exports S seconds after the first began.
Each export runs in a forked child that makes its own connections; the parent stays without threads.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from ingest.clock import SystemClock
from ingest.export import Selection, export
from ingest.store.engine import create_engine

assert pd.__version__  # pyarrow imports it when first used, which would slow every child by a third of a second

#: Everything an export does that outlives it goes through one of these.
_LASTING = ("fsync", "mkdir", "rename", "replace", "symlink", "unlink", "rmdir")


def main(url: str, target: Path) -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        word, amount = line.split()
        pid = os.fork()
        if pid == 0:
            _child(url, target, word, amount)
        if word == "within":
            time.sleep(float(amount))
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        sys.stdout.write("killed\n" if os.WIFSIGNALED(status) else "done\n" if status == 0 else "failed\n")
        sys.stdout.flush()


def _child(url: str, target: Path, word: str, amount: str) -> None:
    engine = create_engine(url, pooled=False)
    if word == "after":
        _arm(int(amount), target)
        export(engine, Selection(), target, clock=SystemClock(), keep_last=2)
        os._exit(0)
    while True:
        export(engine, Selection(), target, clock=SystemClock(), keep_last=2)


def _arm(number: int, target: Path) -> None:
    """Make the `number`-th lasting call on the target a kill."""
    left = [number]

    def counts(arguments: tuple[Any, ...], options: dict[str, Any]) -> bool:
        paths = [os.fspath(each) for each in arguments if isinstance(each, str | Path)]
        return not paths or "dir_fd" in options or any(path.startswith(str(target)) for path in paths)

    def deadly(call: Callable[..., Any]) -> Callable[..., Any]:
        def instead(*arguments: Any, **options: Any) -> Any:
            if counts(arguments, options):
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **options)

        return instead

    for name in _LASTING:
        setattr(os, name, deadly(getattr(os, name)))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
