"""`ingest update`: bring what is held up to the last closed bar, now, or by the queue."""

import asyncio

from ingest.cli.jobs.words import Priority, Queue
from ingest.cli.looping import run_async
from ingest.cli.options import Json, OutsideRth, SomeBarSizes, SomeSymbols, Verbose, What


def update(
    symbols: SomeSymbols = None,
    bar_size: SomeBarSizes = None,
    what: What = "",
    outside_rth: OutsideRth = False,
    queue: Queue = False,
    priority: Priority = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> int:
    """Bring series up to date: from the end of what is held to the last closed bar, what failed before, and what was
    asked for and never came, because a run was stopped (`ingest forget` takes that back).

    Only series that a backfill has begun; without symbols, all of them. Made for a nightly cron line. With --queue
    workers do it, one job a series.

    Examples:

      ingest update

      ingest update AAPL MSFT --bar-size 1d --json

      ingest update --queue
    """
    from sqlalchemy import Engine

    from ingest.app.connecting import clock_of
    from ingest.app.ordering import begun, update_orders
    from ingest.app.queueing import QueuedSeries, queue_update
    from ingest.cli.held import held_series, none_held
    from ingest.cli.jobs.words import count, refuse_priority
    from ingest.cli.queued import run_queueing
    from ingest.cli.running import run_orders
    from ingest.config import load_settings
    from ingest.gateway.client import Gateway
    from ingest.worker.lines import Order

    refuse_priority(priority, queue=queue)
    settings = load_settings()
    clock = clock_of(settings)
    idle = ""

    async def queued(engine: Engine) -> tuple[QueuedSeries, ...]:
        rows = held_series(engine, symbols, bar_size, what, outside_rth=outside_rth or None)
        return await queue_update(settings, engine, rows, clock, priority=priority or 0)

    async def orders(gateway: Gateway, engine: Engine) -> list[Order]:
        rows = held_series(engine, symbols, bar_size, what, outside_rth=outside_rth or None, origin=gateway.origin)
        made = await asyncio.to_thread(update_orders, engine, rows, clock)
        nonlocal idle
        if not made and (held := len(begun(engine, rows))):
            idle = f"Nothing to do: {count(held, 'series is', 'series are')} up to date, to the last closed bar."
        elif not made:
            idle = f"Nothing to do. {none_held(symbols, bar_size, what, origin=gateway.origin)}"
        return made

    if queue:
        return run_queueing(settings, queued, as_json=as_json, verbose=verbose)
    return run_async(run_orders(settings, clock, orders, as_json=as_json, verbose=verbose, idle=lambda: idle))
