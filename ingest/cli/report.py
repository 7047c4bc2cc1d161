"""How a run's report looks: a table for people, a document for machines."""

from typing import Any

from rich.console import Group, RenderableType

from ingest.cli.jobs.words import count
from ingest.cli.screen import span, table
from ingest.progress import RunReport, SeriesReport


def report_table(report: RunReport) -> RenderableType:
    """One row per series, and below it every window that is not settled, with its reason."""
    made = table("series", "bars", "held", "not held", "state", right=("bars", "held", "not held"))
    for each in report.series:
        lacking = sum((held for state, held in each.held.items() if not state.is_settled), each.unknown)
        settled = sum((held for state, held in each.held.items() if state.is_settled), type(lacking)())
        made.add_row(
            str(each.series),
            f"{each.bars:,}" + (f" ({each.revised} revised)" if each.revised else ""),
            span(settled),
            span(lacking) if lacking else "–",
            "complete" if each.is_complete else "incomplete",
        )
    seconds = report.elapsed.total_seconds()
    rate = f", {report.bars / seconds:,.0f} bars/s" if seconds and report.bars else ""
    foot = f"{report.bars:,} new bars, {count(report.requests, 'request')} in {span(report.elapsed)}{rate}."
    return Group(made, *_problems(report), foot)


def report_json(report: RunReport) -> dict[str, Any]:
    return {
        "complete": report.is_complete,
        "stopped": report.stopped,
        "bars": report.bars,
        "requests": report.requests,
        "seconds": report.elapsed.total_seconds(),
        "series": [_series_json(each) for each in report.series],
    }


def _series_json(each: SeriesReport) -> dict[str, Any]:
    return {
        "series": str(each.series),
        "con_id": each.series.instrument.con_id,
        "bar_size": each.series.bar_size.value,
        "what_to_show": each.series.what.value,
        "use_rth": each.series.use_rth,
        "wish": [{"start": w.start, "end": w.end} for w in each.wish],
        "complete": each.is_complete,
        "bars": each.bars,
        "revised": each.revised,
        "quarantined": each.quarantined,
        "seconds": {state.value: held.total_seconds() for state, held in each.held.items()}
        | {"unknown": each.unknown.total_seconds()},
        "problems": [
            {"state": state.value, "reason": reason, "start": window.start, "end": window.end}
            for state, reason, window in each.problems
        ],
    }


def _problems(report: RunReport) -> list[str]:
    lines = []
    for each in report.series:
        for state, reason, window in each.problems[:8]:
            word = state.value.replace("_", " ")
            lines.append(f"  {each.series} {window}: {word}{' – ' + reason if reason else ''}")
        if len(each.problems) > 8:
            lines.append(f"  {each.series}: and {len(each.problems) - 8} more (ingest coverage shows all)")
    return lines
