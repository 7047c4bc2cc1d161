"""`run_async`: an event loop for one command."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run_async(main: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run`, without its cost for large results.

    At its end `asyncio.run` restores the handler of Ctrl-C; `signal` then makes, for an error message that nobody sees,
    the text of that handler, of the task it belongs to, and of the task's result: seconds for a plan of thousands of
    requests. So the task has none.
    """
    results: list[T] = []

    async def keep() -> None:
        results.append(await main)

    asyncio.run(keep())
    return results[0]
