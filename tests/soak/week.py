"""Five working days of `ingest run`: 500 series kept complete every evening, while a large backfill runs all the time.

Real programs: `ingest run` and the simulator, each a process, on a clock that both share and that runs hundreds of
times as fast as the wall. What counts is when each evening's update began, against when it was due, in slices.
"""

import re
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from ingest.app.standing import ledgers_of
from ingest.clock import SystemClock, blocking_sleep
from ingest.domain.job import JobState
from ingest.domain.window import Window
from ingest.simulator.market import open_market
from ingest.store import bars, job_listing, migrate, wishes
from ingest.store.embedded import EmbeddedServer
from ingest.store.engine import create_engine
from tests.acceptance.running import CommandLine, Simulator, simulator
from tests.soak.truth import difference

MONDAY = datetime(2024, 6, 10, 6, 0, tzinfo=UTC)
NIGHTLY, LARGE = "us-equities-nightly", "large-backfill"
SEED = 5
#: An answer takes so many seconds and so few are open, that the backfill lasts all week and the machine has time: what
#: is measured is when an evening begins, not how fast two cores are.
LATENCY = 300.0
CONCURRENCY = 8
#: By the wall: what a claim, an expansion and the machine's other work may take, which no clock makes faster.
SLICE_WALL_SECONDS = 1.5

_FIRINGS = text("""
    SELECT f.id, f.due_at, f.cause, f.fired_at, f.expanded_at, f.ended_at, f.outcome,
           count(j.id) AS jobs, min(e.at) AS first_start, max(e.at) AS last_start
    FROM ingest.firings f
    LEFT JOIN ingest_queue.procrastinate_jobs j ON j.args ->> 'firing' = f.id::text AND j.task_name = 'fill'
    LEFT JOIN LATERAL (
        SELECT min(at) AS at FROM ingest_queue.procrastinate_events WHERE job_id = j.id AND type = 'started'
    ) e ON true
    WHERE f.wish = :wish
    GROUP BY f.id ORDER BY f.due_at
""")
_SLICES = text("""
    SELECT count(*) FROM ingest_queue.procrastinate_events e JOIN ingest_queue.procrastinate_jobs j ON j.id = e.job_id
    WHERE e.type = 'started' AND j.args ->> 'wish' = :wish
""")


@dataclass(frozen=True, slots=True)
class Night:
    """One firing. Delays are the product's seconds after it was due; `complete` of the wish's series were."""

    due: datetime
    jobs: int
    first_start: float
    last_start: float
    ended: float
    complete: int
    series: int


@dataclass(slots=True)
class Week:
    """What happened. `slice_seconds` is a slice's length by the product's clock."""

    slice_seconds: float = 0.0
    nights: list[Night] = field(default_factory=list)
    series: int = 0
    bars: int = 0
    backfill_slices: int = 0
    backfill_left: int = 0
    violations: int = 0
    exit_code: int | None = None
    wrong: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not self.wrong and not self.violations and self.exit_code == 0


@dataclass(frozen=True, slots=True)
class _Time:
    """The clock that all programs share."""

    scale: float
    since: datetime

    def at(self, wall: datetime) -> datetime:
        return MONDAY + (wall - self.since) * self.scale

    @property
    def environment(self) -> dict[str, str]:
        return {
            "INGEST_CLOCK_SCALE": str(self.scale),
            "INGEST_CLOCK_SINCE": self.since.isoformat(),
            "INGEST_CLOCK_SHOWS": MONDAY.isoformat(),
        }


def week(folder: Path, *, stocks: int = 250, days: int = 5, scale: float = 800.0) -> Week:
    """Run it and judge it. Takes `days` days of the clock, and some seconds."""
    found = Week(slice_seconds=SLICE_WALL_SECONDS * scale)
    with EmbeddedServer.start(folder / "server", settings={"fsync": "off"}) as server:
        engine = create_engine(server.url)
        migrate.upgrade(engine)
        time = _Time(scale, SystemClock().now())
        shown = ("--now", MONDAY.isoformat(), "--since", time.since.isoformat(), "--time-scale", str(scale))
        market = f"synthetic+{stocks}"
        with simulator(folder, "--market", market, "--seed", str(SEED), "--latency", str(LATENCY), *shown) as sim:
            ingest = _command_line(folder, sim, server.url, time, found.slice_seconds)
            _write_jobs(folder, ingest, stocks)
            with (folder / "run.log").open("w") as log:
                found.exit_code = _live(ingest, engine, time, days, log)
            found.violations = len(sim.events(event="violation"))
        _judge(found, engine, time, stocks, time.at(SystemClock().now()))
        engine.dispose()
    return found


def _command_line(folder: Path, sim: Simulator, url: str, time: _Time, slice_seconds: float) -> CommandLine:
    return CommandLine.at(
        folder,
        port=sim.port,
        database_url=url,
        INGEST_GATEWAY_REQUEST_SECONDS="7200",
        INGEST_GATEWAY_CONCURRENCY=str(CONCURRENCY),
        INGEST_WORKER_SLICE_SECONDS=str(slice_seconds),
        **time.environment,
    )


def _write_jobs(folder: Path, ingest: CommandLine, stocks: int) -> None:
    """The shipped example on as many stocks, and a year of the same bars and more, behind everything else."""
    (folder / "jobs").mkdir()
    symbols = ", ".join(f'"S{number:04}"' for number in range(1, stocks + 1))
    nightly = ingest.run("jobs", "example", NIGHTLY).stdout
    nightly = re.sub(r"symbols = \[.*?\]", f"symbols = [{symbols}]", nightly, flags=re.DOTALL)
    nightly = nightly.replace('since = "1 year"', 'since = "10 days"')
    (folder / "jobs" / "nightly.toml").write_text(nightly, encoding="utf-8")
    large = f"""
        name = "{LARGE}"
        priority = -10
        [universe]
        symbols = [{symbols}]
        [[series]]
        bar_size = "5 mins"
        [[series]]
        bar_size = "30 mins"
        what = "MIDPOINT"
        [want]
        since = 2005-01-01
        until = 2024-06-01
    """
    (folder / "jobs" / "large.toml").write_text(large, encoding="utf-8")


def _live(ingest: CommandLine, engine: Engine, time: _Time, days: int, log: Any) -> int | None:
    """`ingest run` until the last evening is over; gives its exit code."""
    import subprocess

    process = subprocess.Popen(
        [sys.executable, "-m", "ingest", "run"], cwd=ingest.folder, env=ingest.environment, stdout=log, stderr=log
    )
    try:
        for file in ("large", "nightly"):
            done = ingest.run("jobs", "queue", f"jobs/{file}.toml")
            assert done.returncode == 0, done.stderr
        end, told = MONDAY + timedelta(days=days - 1, hours=26), MONDAY
        while (now := time.at(SystemClock().now())) < end and process.poll() is None:
            if now - told > timedelta(hours=12):
                told = now
                _tell(engine, now)
            blocking_sleep(1.0)
        process.terminate()
        return process.wait(timeout=60)
    finally:
        process.kill()
        process.wait()


def _tell(engine: Engine, now: datetime) -> None:
    with engine.connect() as connection:
        depth = job_listing.depth(connection)
    states = ", ".join(
        f"{sum(each.jobs for each in depth if each.state is state)} {state.value}"
        for state in JobState
        if any(each.state is state for each in depth)
    )
    sys.stdout.write(f"  {now:%a %H:%M}: {states}\n")
    sys.stdout.flush()


def _judge(found: Week, engine: Engine, time: _Time, stocks: int, end: datetime) -> None:
    with engine.connect() as connection:
        for row in connection.execute(_FIRINGS, {"wish": NIGHTLY}):
            if row.cause == "schedule":
                found.nights.append(_night(row, time))
        found.backfill_slices = connection.execute(_SLICES, {"wish": LARGE}).scalar_one()
        left = job_listing.listing(connection, wish=LARGE, states=[JobState.WAITING, JobState.RUNNING], limit=10_000)
        found.backfill_left = len(left)
        rows = wishes.series_of(connection, NIGHTLY)
        found.series = len(rows)
        market, span = open_market(f"synthetic+{stocks}", SEED), Window(MONDAY - timedelta(days=30), end)
        for series in rows:
            held = bars.read(connection, series)
            found.bars += held.num_rows
            if problem := difference(market, series, held, span):
                found.wrong.append(f"{series}: {problem}")
    found.wrong += [
        f"{each.row}: a stretch without proof" for each in ledgers_of(engine, rows, prove=True) if each.unproved
    ]
    _expect(found, 2 * stocks)


def _night(row: Any, time: _Time) -> Night:
    def after(moment: datetime | None) -> float:
        return float("inf") if moment is None else (time.at(moment) - row.due_at).total_seconds()

    outcome = row.outcome or {}
    complete, series = outcome.get("complete", 0), outcome.get("series", 0)
    return Night(
        row.due_at, row.jobs, after(row.first_start), after(row.last_start), after(row.ended_at), complete, series
    )


def _expect(found: Week, series: int) -> None:
    if found.series != series:
        found.wrong.append(f"{found.series} series instead of {series}")
    for night in found.nights:
        if night.first_start > found.slice_seconds:
            found.wrong.append(f"{night.due:%a}: began {night.first_start:.0f} s late")
        if (night.complete, night.series) != (series, series):
            found.wrong.append(f"{night.due:%a}: {night.complete} of {night.series} series complete")
    if not found.backfill_left:
        found.wrong.append("the backfill ended before the week did: it proves nothing")


def summary(found: Week) -> list[str]:
    """For people."""
    lines = [f"{found.series} series, {len(found.nights)} nights, a slice is {found.slice_seconds:.0f} s of the clock"]
    for night in found.nights:
        lines.append(
            f"  {night.due:%a %H:%M}: {night.jobs} jobs, the first began after {night.first_start:.0f} s "
            f"({night.first_start / found.slice_seconds:.2f} slices), the last after {night.last_start:.0f} s, "
            f"all ended after {night.ended / 60:.0f} min; {night.complete} of {night.series} complete"
        )
    lines.append(f"beside {found.backfill_slices:,} slices of a backfill, of which {found.backfill_left} jobs are left")
    lines.append(f"{found.bars:,} bars held; {found.violations} pacing violations; exit code {found.exit_code}")
    return lines + [f"WRONG {each}" for each in found.wrong]
