"""`ingest backfill`: make series complete over a window, now, or by the queue."""

import typer

from ingest.cli.jobs.words import Priority, Queue
from ingest.cli.looping import run_async
from ingest.cli.options import (
    BarSizes,
    Currency,
    Days,
    End,
    Exchange,
    Json,
    OutsideRth,
    SecType,
    Start,
    Symbols,
    Verbose,
    What,
    Zone,
)


def backfill(
    symbols: Symbols,
    bar_size: BarSizes,
    start: Start = "",
    end: End = "",
    days: Days = 0,
    what: What = "",
    outside_rth: OutsideRth = False,
    sec_type: SecType = "",
    exchange: Exchange = "",
    currency: Currency = "",
    tz: Zone = "UTC",
    retry_failed: bool = typer.Option(False, "--retry-failed", help="Ask again for what IB refused for good."),
    queue: Queue = False,
    priority: Priority = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> int:
    """Make series complete over a window: ask IB for what the ledger does not hold, and only for that.

    Ctrl-C stops cleanly, and the same command again continues. Exit code 0: complete; 9: done, but not everything could
    be had (the report says what and why, and the next run asks again). With --queue workers do it, one job a series.

    Examples:

      ingest backfill AAPL MSFT --bar-size 1m --start 2024-01-01

      ingest backfill ESZ6 -b 1m -b 1d --days 30 --outside-rth

      ingest backfill EUR.USD --bar-size 1h --start 2020-01-01 --what MIDPOINT

      ingest backfill AAPL MSFT -b 1m --start 2010-01-01 --queue --priority 10
    """
    from ingest.app.connecting import clock_of
    from ingest.app.ordering import orders_of
    from ingest.app.queueing import queue_wanted
    from ingest.cli.jobs.words import refuse_priority
    from ingest.cli.queued import run_queueing
    from ingest.cli.running import run_orders
    from ingest.cli.wanted import wanted
    from ingest.config import load_settings

    refuse_priority(priority, queue=queue)
    settings = load_settings()
    clock = clock_of(settings)
    asked = wanted(
        symbols,
        bar_size,
        clock,
        start=start,
        end=end,
        days=days,
        what=what,
        outside_rth=outside_rth,
        sec_type=sec_type,
        exchange=exchange,
        currency=currency,
        zone=tz,
    )
    if queue:
        return run_queueing(
            settings,
            lambda engine: queue_wanted(
                settings, engine, asked, clock, priority=priority or 0, retry_failed=retry_failed
            ),
            as_json=as_json,
            verbose=verbose,
        )
    return run_async(
        run_orders(
            settings,
            clock,
            lambda gateway, engine: orders_of(gateway, engine, asked, clock),
            retry_failed=retry_failed,
            as_json=as_json,
            verbose=verbose,
        )
    )
