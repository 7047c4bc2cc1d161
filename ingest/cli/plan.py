"""`ingest plan`: what a backfill would ask, cost and take, before anything is sent."""

from typing import Any

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
    What,
    Zone,
)


def plan(
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
    as_json: Json = False,
) -> None:
    """Show what a backfill with the same words would ask for, its pacing cost and the time to expect.

    Sends no history request. The gateway is asked only for contracts the database does not know yet, and for chains.

    Examples:

      ingest plan AAPL MSFT --bar-size 1m --start 2020-01-01

      ingest plan ES:FUT:202612 -b 5s --days 10 --json
    """
    from ingest.app.connecting import clock_of
    from ingest.app.preview import plan_preview
    from ingest.cli.screen import emit_json, show
    from ingest.cli.waiting import waiting
    from ingest.cli.wanted import wanted
    from ingest.config import load_settings
    from ingest.database import Database

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
    with waiting("Planning"), Database.open(settings) as database:
        preview = run_async(plan_preview(settings, database.engine, asked, clock))
    if as_json:
        emit_json(plan_json(preview))
    else:
        show(plan_table(preview))


def plan_table(preview: Any) -> Any:
    """One row per series, and below it what it all costs."""
    from rich.console import Group

    from ingest.cli.jobs.words import count
    from ingest.cli.screen import span, table

    made = table("series", "requests", "each", "from", "to", "settled without asking", right=("requests",))
    for each in preview.plans:
        missing = each.missing
        made.add_row(
            str(each.series),
            str(len(each.requests)),
            str(each.requests[0].request.duration) if each.requests else "–",
            f"{missing[0].start:%Y-%m-%d %H:%M}" if missing else "–",
            f"{missing[-1].end:%Y-%m-%d %H:%M}" if missing else "–",
            "; ".join(sorted({entry.reason for entry in each.ruled})) or "–",
        )
    cost = preview.cost
    lines = [
        f"{count(cost.requests, 'request')} for bars{f', {cost.heads} for head timestamps' if cost.heads else ''}."
    ]
    if cost.small_units:
        lines.append(
            f"{cost.small_units} of them count under IB's rules for small requests (60 in 10 minutes); "
            f"{preview.units_left} can go at once."
        )
    lines.append(f"Time to expect: {span(cost.eta)} at {preview.seconds_per_request:.1f} s an answer.")
    lines += _lessons(preview)
    if not cost.requests:
        lines = ["Nothing to ask for: everything that is due is settled in the ledger."]
    return Group(made, *lines)


def _lessons(preview: Any) -> list[str]:
    """What earlier runs learned of this login, where it changes the plan."""
    slow = f"; {preview.too_many_open} were slow" if preview.too_many_open is not None else ""
    lines = [f"Requests kept open at once: {preview.open_requests} of at most {preview.open_ceiling}{slow}."]
    for each in preview.spans:
        refused = f", {each.refused} {each.span.unit} was refused" if each.refused is not None else ""
        lines.append(
            f"Learned for {each.bar_size.alias} {each.sec_type}: {each.span} a request instead of "
            f"{each.configured}{refused}."
        )
    return lines


def plan_json(preview: Any) -> dict[str, Any]:
    cost = preview.cost
    return {
        "requests": cost.requests,
        "head_timestamps": cost.heads,
        "small_units": cost.small_units,
        "small_units_left": preview.units_left,
        "eta_seconds": cost.eta.total_seconds(),
        "open_requests": preview.open_requests,
        "open_requests_ceiling": preview.open_ceiling,
        "learned_spans": [
            {
                "bar_size": each.bar_size.value,
                "sec_type": each.sec_type,
                "span": str(each.span),
                "configured": str(each.configured),
                "refused": each.refused,
            }
            for each in preview.spans
        ],
        "series": [
            {
                "series": str(each.series),
                "con_id": each.series.instrument.con_id,
                "calendar": each.calendar.name,
                "requests": [
                    {
                        "start": planned.chunk.window.start,
                        "end": planned.chunk.window.end,
                        "end_date_time": planned.request.end_text,
                        "duration": str(planned.request.duration),
                        "second_look": planned.second_look,
                    }
                    for planned in each.requests
                ],
                "ruled": [
                    {"start": e.window.start, "end": e.window.end, "state": e.state.value, "reason": e.reason}
                    for e in each.ruled
                ],
            }
            for each in preview.plans
        ],
    }
