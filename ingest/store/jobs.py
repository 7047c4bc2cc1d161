"""What is done to jobs: put in, widened, cancelled, paused, retried, rescued.

The queue is Procrastinate's (schema `ingest_queue`); its workers claim and finish jobs themselves. New jobs go in by
its own SQL function, in the caller's transaction: a firing and its job are there together or not at all.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import bindparam

from ingest.domain.bar_size import BarSize
from ingest.domain.job import Fill, Kind, Lane, Queued
from ingest.domain.window import Window, Windows, normalise
from ingest.store.sql import statement

_LOCK_SPACE = 0x1B04  # the first of the two keys of a wish's advisory lock; the second is its name's hash

_REVIVE = text("SELECT ingest_queue.procrastinate_retry_job_v2(:job_id, now(), NULL, :lane, NULL)")
_HOLD_WISH = text("SELECT pg_advisory_xact_lock(:space, hashtext(:wish))")


def queue_fills(connection: Connection, fills: Sequence[Fill]) -> tuple[Queued, ...]:
    """Queue jobs, one answer for each in order. A job of the same wish and series that still waits is widened instead.

    Two who queue for one wish at the same time come one after the other.
    """
    if not fills:
        return ()
    for wish in sorted({fill.wish for fill in fills}):
        connection.execute(_HOLD_WISH, {"space": _LOCK_SPACE, "wish": wish})
    paused = paused_wishes(connection)
    waiting, running = _present(connection, {fill.series_id for fill in fills})
    answers: dict[int, Queued] = {}
    new: list[tuple[int, Fill]] = []
    for place, fill in enumerate(fills):
        now_running = tuple(running.get(fill.series_id, ()))
        known = waiting.get((fill.series_id, fill.wish, fill.retry_failed))
        if known is None:
            new.append((place, fill))
        else:
            _widen(connection, known, fill)
            answers[place] = Queued(fill.series_id, known["id"], merged=True, running=now_running)
    made = _insert(connection, [_row_of(fill, paused) for _, fill in new])
    for (place, fill), job_id in zip(new, made, strict=True):
        answers[place] = Queued(fill.series_id, job_id, running=tuple(running.get(fill.series_id, ())))
    return tuple(answers[place] for place in range(len(fills)))


def queue_expansion(connection: Connection, wish: str, firing_id: int, priority: int) -> int:
    """Queue the expansion of a firing. Gives the job's id."""
    return _control(connection, Kind.EXPAND, wish, firing_id, priority)


def queue_conclusion(connection: Connection, wish: str, firing_id: int, priority: int) -> int:
    """Queue what follows when all fills of a firing have ended. Gives the job's id."""
    return _control(connection, Kind.CONCLUDE, wish, firing_id, priority)


def cancel(connection: Connection, job_ids: Collection[int]) -> tuple[int, ...]:
    """Cancel what waits; ask what runs to stop. Gives the ids of those; the others had ended or never were."""
    cancelled = text("SELECT ingest_queue.procrastinate_cancel_job_v1(:job_id, true, false)")
    found = [connection.execute(cancelled, {"job_id": each}).scalar() for each in sorted(job_ids)]
    return tuple(int(each) for each in found if each is not None)


def retry(connection: Connection, job_ids: Collection[int], *, retry_failed: bool = False) -> dict[int, int]:
    """Queue ended jobs again, from their first round: by old id the new one (the same for those that had failed)."""
    given = {"job_ids": sorted(job_ids), "retry_failed": retry_failed}
    found = connection.execute(statement("jobs_retry"), given).mappings().all()
    paused = paused_wishes(connection)
    again: dict[int, int] = {}
    for row in found:
        lane = Lane.PAUSED if row["args"]["wish"] in paused and row["task_name"] != Kind.CONCLUDE else row["queue_name"]
        if row["status"] == "failed":
            connection.execute(_REVIVE, {"job_id": row["id"], "lane": lane})
            again[row["id"]] = row["id"]
        else:
            (again[row["id"]],) = _insert(connection, [dict(row) | {"queue_name": lane}])
    return again


def pause(connection: Connection, scope: str, name: str = "") -> int:
    """Pause everything ("all"), a "gateway", or a "universe" (a wish, or all of one named universe).

    Gives how many waiting jobs were taken out. What runs gives way at the end of its slice.
    """
    given = {"scope": scope, "name": name}
    connection.execute(text("INSERT INTO ingest.pauses VALUES (:scope, :name) ON CONFLICT DO NOTHING"), given)
    if scope != "universe":
        return 0
    return connection.execute(statement("jobs_pause"), {"name": name}).rowcount


def resume(connection: Connection, scope: str, name: str = "") -> tuple[bool, int]:
    """End a pause: whether there was one, and how many jobs wait again."""
    given = {"scope": scope, "name": name}
    ended = connection.execute(text("DELETE FROM ingest.pauses WHERE scope = :scope AND name = :name"), given).rowcount
    return bool(ended), restore(connection)


def restore(connection: Connection) -> int:
    """Put back into their lanes all jobs whose wish is not paused, and say how many: also those that were put aside by
    somebody who did not see yet that the pause had just ended."""
    return connection.execute(statement("jobs_resume")).rowcount


def pauses(connection: Connection) -> frozenset[tuple[str, str]]:
    """What is paused, as (scope, name)."""
    return frozenset((row.scope, row.name) for row in connection.execute(text("SELECT scope, name FROM ingest.pauses")))


def is_outranked(connection: Connection, job_id: int | None) -> bool:
    """Whether a job must leave some of the budget for small bars to others, queued or scheduled, that go before it.

    None: what is done by hand, beside the queue.
    """
    small = [size.value for size in BarSize if size.is_small]
    found = connection.execute(statement("job_is_outranked"), {"job": job_id, "small": small})
    return bool(found.scalar_one())


def paused_wishes(connection: Connection) -> frozenset[str]:
    """The names of wishes that are paused, by themselves or by their universe."""
    return frozenset(connection.execute(statement("paused_wishes")).scalars())


def rescue(connection: Connection, silent_seconds: float) -> tuple[int, ...]:
    """Give back to the queue what workers hold that gave no sign for so long, or are gone. Gives the jobs' ids."""
    given = {"seconds": silent_seconds, "paused": sorted(paused_wishes(connection))}
    return tuple(connection.execute(statement("jobs_rescue"), given).scalars())


def prune(connection: Connection, keep_days: float) -> int:
    """Forget jobs that ended so many days ago, with what was noted of them."""
    return connection.execute(statement("jobs_prune"), {"days": keep_days}).rowcount


def _present(connection: Connection, series_ids: Iterable[int]) -> tuple[dict[Any, Any], dict[int, list[int]]]:
    """Fills of these series: those that wait, by series, wish and `retry_failed`; and the ids of those that run."""
    found = connection.execute(statement("jobs_of_series"), {"locks": [_lock(each) for each in series_ids]})
    waiting: dict[Any, Any] = {}
    running: dict[int, list[int]] = {}
    for row in found.mappings():
        series_id = row["args"]["series"]
        if row["status"] == "doing":
            running.setdefault(series_id, []).append(row["id"])
        else:
            waiting.setdefault((series_id, row["args"]["wish"], row["args"]["retry_failed"]), row)
    return waiting, running


def _widen(connection: Connection, known: Mapping[str, Any], fill: Fill) -> None:
    windows = normalise([*windows_of(known["args"]), *fill.windows])
    args = known["args"] | {
        "windows": _plain(windows),
        "firing": fill.firing if fill.firing is not None else known["args"]["firing"],
        "estimate": max(fill.estimate, known["args"]["estimate"]),
    }
    widened = statement("job_widen").bindparams(bindparam("args", type_=JSONB))
    connection.execute(widened, {"id": known["id"], "args": args, "priority": fill.priority})


def _row_of(fill: Fill, paused: Collection[str]) -> dict[str, Any]:
    args = {
        "series": fill.series_id,
        "windows": _plain(fill.windows),
        "wish": fill.wish,
        "firing": fill.firing,
        "retry_failed": fill.retry_failed,
        "estimate": fill.estimate,
        "lane": fill.lane.value,
    }
    return {
        "queue_name": Lane.PAUSED if fill.wish in paused else fill.lane,
        "task_name": Kind.FILL,
        "priority": fill.priority,
        "lock": _lock(fill.series_id),
        "args": args,
    }


def _control(connection: Connection, kind: Kind, wish: str, firing_id: int, priority: int) -> int:
    lane = Lane.PAUSED if kind is Kind.EXPAND and wish in paused_wishes(connection) else Lane.CONTROL
    args = {"wish": wish, "firing": firing_id, "lane": Lane.CONTROL.value}
    row = {"queue_name": lane, "task_name": kind, "priority": priority, "lock": f"{kind}:{firing_id}", "args": args}
    (made,) = _insert(connection, [row])
    return made


def _insert(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    if not rows:
        return []
    put = statement("jobs_insert").bindparams(bindparam("jobs", type_=JSONB))
    fields = ("queue_name", "task_name", "priority", "lock", "args")
    given = [{name: row[name] for name in fields} for row in rows]
    return list(connection.execute(put, {"jobs": given}).scalars())


def _lock(series_id: int) -> str:
    return f"series:{series_id}"


def _plain(windows: Windows) -> list[list[str]]:
    return [[window.start.isoformat(), window.end.isoformat()] for window in windows]


def windows_of(args: Mapping[str, Any]) -> Windows:
    """The windows of a fill's arguments."""
    return normalise(Window(*map(datetime.fromisoformat, edges)) for edges in args.get("windows", ()))
