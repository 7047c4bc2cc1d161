"""Flags → `Wanted`: everything a person typed, checked before anything is opened."""

from ingest.app.ordering import Wanted
from ingest.cli.options import usage
from ingest.clock import Clock
from ingest.domain.bar_size import BarSize
from ingest.domain.what import WhatToShow
from ingest.errors import UsageError
from ingest.plan.wish import parse_edge, since_days, zone_named


def bar_sizes(given: list[str] | None) -> tuple[BarSize, ...]:
    """Raises UsageError naming the sizes there are."""
    try:
        return tuple(dict.fromkeys(BarSize.parse(text) for text in given or ()))
    except ValueError as error:
        raise usage(error) from None


def wanted(
    symbols: list[str],
    sizes: list[str],
    clock: Clock,
    *,
    start: str,
    end: str,
    days: int,
    what: str,
    outside_rth: bool,
    sec_type: str,
    exchange: str,
    currency: str,
    zone: str,
) -> Wanted:
    """Raises UsageError with one line for the first thing that makes no sense."""
    if not start and not days:
        raise UsageError("From when? Give --start 2024-01-02, or --days 30.")
    if start and days:
        raise UsageError("--start and --days exclude each other.", hint="Give one of them.")
    try:
        zone_named(zone)
        made = Wanted(
            symbols=tuple(symbols),
            bar_sizes=bar_sizes(sizes),
            start=parse_edge(start, zone) if start else since_days(clock.now(), days),
            end=parse_edge(end, zone) if end else None,
            what=WhatToShow.parse(what) if what else None,
            outside_rth=outside_rth,
            sec_type=sec_type,
            exchange=exchange,
            currency=currency,
        )
    except ValueError as error:
        raise usage(error) from None
    made.queries()
    return made
