"""A `Job` as a JSON document and back, without loss: what the database keeps of a wish, and of each firing of it.

Edges stay readable: "2024-01-02" is a session, "2024-01-02T14:30:00+00:00" an instant, "3 years" an `Ago`. An instant
comes back as the same instant with the same offset, whatever its zone was called.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from ingest.domain.bar_size import BarSize
from ingest.domain.what import WhatToShow
from ingest.plan.wish import Edge
from ingest.wishes.job import AfterClose, Ago, Cron, ExportWish, Job, SeriesWish, Universe, Want


def document_of(job: Job) -> dict[str, Any]:
    """Only strings, numbers, booleans, None, lists and dicts."""
    return {
        "name": job.name,
        "path": str(job.path),
        "description": job.description,
        "priority": job.priority,
        "universe": _universe_document(job.universe),
        "series": [_series_document(wish) for wish in job.series],
        "want": {"since": _written(job.want.since), "until": _written(job.want.until)},
        "schedule": _schedule_document(job.schedule),
        "export": None if job.export is None else {"to": str(job.export.to), "keep_last": job.export.keep_last},
    }


def job_of(document: Mapping[str, Any]) -> Job:
    """What `document_of` was given. Raises KeyError or ValueError for a document it did not write."""
    want, export = document["want"], document["export"]
    since = _read(want["since"])
    if since is None:
        raise ValueError("the document wants nothing: since is missing")
    return Job(
        name=document["name"],
        path=Path(document["path"]),
        universe=_universe(document["universe"]),
        series=tuple(_series(each) for each in document["series"]),
        want=Want(since, _read(want["until"])),
        schedule=_schedule(document["schedule"]),
        export=None if export is None else ExportWish(Path(export["to"]), export["keep_last"]),
        priority=document["priority"],
        description=document["description"],
    )


def _universe_document(universe: Universe) -> dict[str, Any]:
    return {
        "name": universe.name,
        "symbols": list(universe.symbols),
        "sec_type": universe.sec_type,
        "exchange": universe.exchange,
        "currency": universe.currency,
        "file": None if universe.file is None else str(universe.file),
    }


def _universe(document: Mapping[str, Any]) -> Universe:
    return Universe(
        symbols=tuple(document["symbols"]),
        sec_type=document["sec_type"],
        exchange=document["exchange"],
        currency=document["currency"],
        file=None if document["file"] is None else Path(document["file"]),
        name=document["name"],
    )


def _series_document(wish: SeriesWish) -> dict[str, Any]:
    what = None if wish.what is None else wish.what.value
    return {"bar_size": wish.bar_size.value, "what": what, "outside_rth": wish.outside_rth}


def _series(document: Mapping[str, Any]) -> SeriesWish:
    what = None if document["what"] is None else WhatToShow(document["what"])
    return SeriesWish(BarSize(document["bar_size"]), what, document["outside_rth"])


def _schedule_document(schedule: Cron | AfterClose | None) -> dict[str, Any] | None:
    match schedule:
        case Cron(expression, time_zone):
            return {"cron": expression, "time_zone": time_zone}
        case AfterClose(calendar, delay):
            return {"after_close": calendar, "delay_seconds": delay.total_seconds()}
        case None:
            return None


def _schedule(document: Mapping[str, Any] | None) -> Cron | AfterClose | None:
    if document is None:
        return None
    if "cron" in document:
        return Cron(document["cron"], document["time_zone"])
    return AfterClose(document["after_close"], timedelta(seconds=document["delay_seconds"]))


def _written(edge: Edge | Ago | None) -> str | None:
    match edge:
        case None:
            return None
        case Ago():
            return str(edge)
        case _:
            return edge.isoformat()


def _read(text: str | None) -> Edge | Ago | None:
    if text is None:
        return None
    if " " in text:
        return Ago.parse(text)
    return datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text)
