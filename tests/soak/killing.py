"""Three worker processes on two logins, one of them killed with -9 every few seconds: all jobs end, nothing doubled.

Everything is real: two `ingest simulator` (one a login, pacing enforced), three `ingest worker`, sockets, a database.
All of them share one clock that is faster than the wall's, so that two minutes hold several of IB's budgets.
"""

import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from ingest.app.ordering import order_of
from ingest.app.queueing import fills_of
from ingest.clock import SystemClock
from ingest.domain.bar_size import BarSize
from ingest.domain.job import Fill, JobState
from ingest.domain.series import Origin, Series
from ingest.domain.what import WhatToShow
from ingest.domain.window import Window
from ingest.plan.spans import Spans
from ingest.simulator.market import open_market
from ingest.store import instruments, job_listing, jobs, posts
from ingest.store.series import listing
from ingest.worker.lines import Order
from tests.acceptance.running import CommandLine, Simulator, simulator
from tests.soak import judgement

_SHOWS = datetime(2024, 6, 15, 1, 0, tzinfo=UTC)  # a Friday night in New York: nothing falls due for hours
_END = date(2024, 6, 8)
_STOCKS = ("AAPL", "MSFT", "IBM", "GOOG", "AMZN", "NVDA", "TSLA", "BRK B", "KO", "SPY", "QQQ")
_GATEWAYS = ("a", "b")
_WORKERS = (("a1", "a"), ("a2", "a"), ("b1", "b"))
_LOOK_SECONDS = 0.2
_STRETCH_BEATS = 3
_SESSIONS = text("""
    SELECT application_name FROM pg_stat_activity
    WHERE datname = current_database() AND application_name LIKE 'ingest%' AND application_name NOT LIKE :own
""")

TRADES, MIDPOINT, BID, ASK, BID_ASK = (WhatToShow(name) for name in ("TRADES", "MIDPOINT", "BID", "ASK", "BID_ASK"))


@dataclass(frozen=True, slots=True)
class Work:
    """What is wanted of each stock: bars of a size since a date, one series for each kind of price."""

    size: BarSize
    start: date
    whats: tuple[WhatToShow, ...]


#: Large bars for two minutes of three processes, and about as many small ones as two logins may ask for meanwhile.
_WORK = (
    Work(BarSize.MIN_1, date(2023, 11, 1), (TRADES, MIDPOINT, BID, ASK)),
    Work(BarSize.DAY_1, date(2024, 1, 2), (TRADES, MIDPOINT, BID, ASK)),
    Work(BarSize.SEC_30, date(2024, 6, 5), (TRADES, MIDPOINT, BID_ASK)),
    Work(BarSize.SEC_5, date(2024, 6, 7), (TRADES, MIDPOINT)),
)


@dataclass(frozen=True, slots=True)
class Trial:
    """How long, how fast, how much. `latency` is an answer's in seconds of the shared clock, all others the wall's.

    A beat is half of what the workers took to come up together, or `least_beat`: somebody is killed every half to one
    and a half beats, and a login is busy when it was asked for bars within three. So a slow machine only slows it down.
    """

    seed: int = 1
    seconds: float = 120.0
    least_beat: float = 3.0
    scale: float = 10.0
    heartbeat: float = 1.0
    latency: float = 8.0
    concurrency: int = 4
    stocks: int = len(_STOCKS)
    work: tuple[Work, ...] = _WORK
    patience: float = 240.0


@dataclass(slots=True)
class Outcome:
    """What happened, and in `wrong` all that should not have."""

    trial: Trial
    beat: float = 0.0
    kills: int = 0
    after: float = 0.0
    minutes: float = 0.0
    jobs: int = 0
    bars: int = 0
    rescued: int = 0
    lost: int = 0
    again: int = 0
    requests: Counter[str] = field(default_factory=Counter)
    units: Counter[str] = field(default_factory=Counter)
    stretches: int = 0
    busy: Counter[str] = field(default_factory=Counter)
    violations: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not self.wrong

    def told(self) -> Iterator[str]:
        """For people, in lines."""
        yield f"{len(_WORKERS)} workers on {len(_GATEWAYS)} logins; a clock {self.trial.scale:g} times the wall's"
        yield f"{self.kills} kills in {self.trial.seconds:.0f} s; {self.rescued} times the dead left a job to others"
        yield f"{self.jobs} jobs done, the last of them {self.after:.0f} s after the last kill"
        allowed = 60 * (1 + self.minutes / 10)
        for name in _GATEWAYS:
            small = f"{self.units[name]} of at most {allowed:.0f} small ones in {self.minutes:.0f} minutes of the clock"
            shown = f"busy in {self.busy[name]} of {self.stretches} stretches of {_STRETCH_BEATS * self.beat:.0f} s"
            yield f"login {name}: {self.requests[name]:,} requests for bars, {small}; {shown}"
        yield f"{self.lost} requests were lost at a kill and made again; {self.again} asked for what was stored before"
        yield f"{self.bars:,} bars held; {self.violations.total()} pacing violations by the simulators' count"
        yield from (f"WRONG {each}" for each in self.wrong)


@dataclass(slots=True)
class Worker:
    """A worker process that is started again whenever it was killed. Its log goes on over all its lives."""

    gateway: str
    command: CommandLine
    log: Path
    process: "subprocess.Popen[bytes] | None" = None
    kills: int = 0
    seen: int = 0

    def start(self, seen: int = 0) -> None:
        """`seen` is the last event of its gateway's simulator before."""
        self.seen = seen
        with self.log.open("ab") as sink:
            words = [sys.executable, "-m", "ingest", "worker", "--gateway", self.gateway]
            where, environment = self.command.folder, self.command.environment
            self.process = subprocess.Popen(words, cwd=where, env=environment, stdout=sink, stderr=sink)

    @property
    def exit_code(self) -> int | None:
        return self.process.poll() if self.process is not None else None

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def end(self) -> None:
        """Ask it to end in order."""
        assert self.process is not None
        self.process.terminate()


@dataclass(slots=True)
class Stage:
    """The programs of a trial, and where they are."""

    trial: Trial
    engine: Engine
    clock: SystemClock
    simulators: dict[str, Simulator]
    command: CommandLine
    workers: list[Worker]

    @classmethod
    def set(cls, trial: Trial, engine: Engine, database_url: str, folder: Path, stack: ExitStack) -> "Stage":
        """Two gateways, the settings, and workers that are not started yet."""
        since = datetime.now(UTC)
        clock = SystemClock(trial.scale, _SHOWS, since)
        shared = ("--time-scale", str(trial.scale), "--now", _SHOWS.isoformat(), "--since", since.isoformat())
        own = ("--seed", str(trial.seed), "--latency", str(trial.latency))
        simulators = {}
        for name in _GATEWAYS:
            (folder / name).mkdir()
            simulators[name] = stack.enter_context(simulator(folder / name, *shared, *own))
        (folder / "ingest.toml").write_text(_settings(trial, since, simulators), encoding="utf-8")
        command = CommandLine.at(folder, port=simulators["a"].port, database_url=database_url)
        workers = [Worker(gateway, command, folder / f"worker-{name}.log") for name, gateway in _WORKERS]
        for worker in workers:
            stack.callback(worker.kill)
        return cls(trial, engine, clock, simulators, command, workers)

    def depth(self) -> Counter[JobState]:
        """How many jobs are in which state."""
        with self.engine.connect() as connection:
            found = job_listing.depth(connection)
        return sum((Counter({each.state: each.jobs}) for each in found), Counter())

    def has_work(self) -> bool:
        found = self.depth()
        return bool(found[JobState.WAITING] or found[JobState.RUNNING])


def run(trial: Trial, engine: Engine, database_url: str, folder: Path) -> Outcome:
    """The whole trial: queue, work, kill, wait, judge. The schema must be there."""
    outcome = Outcome(trial)
    with ExitStack() as stack:
        stage = Stage.set(trial, engine, database_url, folder, stack)
        orders = _queue(stage)
        outcome.beat = max(trial.least_beat, _start(stage) / 2)
        began = stage.clock.now()
        worked_until = _kill(stage, outcome)
        _wait_for_the_end(stage, outcome)
        outcome.minutes = (stage.clock.now() - began) / timedelta(minutes=1)
        _leave(stage, outcome)
        _judge(stage, outcome, orders, Window(began, worked_until))
    return outcome


def _settings(trial: Trial, since: datetime, simulators: Mapping[str, Simulator]) -> str:
    lines = [f"[gateway]\nconcurrency = {trial.concurrency}"]
    lines += [f"connect_seconds = {10 * trial.scale}\nrequest_seconds = {30 * trial.scale}"]
    lines += [f'[gateways.{name}]\nport = {each.port}\nlogin = "{name}"' for name, each in simulators.items()]
    lines += [f"[worker]\nheartbeat_seconds = {trial.heartbeat}"]
    lines += [f"[clock]\nscale = {trial.scale}\nsince = {since.isoformat()}\nshows = {_SHOWS.isoformat()}"]
    return "\n".join(lines) + "\n"


def _queue(stage: Stage) -> list[Order]:
    """One job for each stock, size and kind of price."""
    stocks = _STOCKS[: stage.trial.stocks]
    added = stage.command.run("instruments", "add", *stocks)
    assert added.returncode == 0, added.stderr
    with stage.engine.begin() as connection:
        known = [instruments.find(connection, name)[0].instrument for name in stocks]
        orders = [
            order_of(Series(instrument, each.size, what, True), each.start, _END, stage.clock)
            for instrument in known
            for each in stage.trial.work
            for what in each.whats
        ]
        jobs.queue_fills(connection, _fills(connection, stage, orders))
    return orders


def _fills(connection: Connection, stage: Stage, orders: Sequence[Order]) -> list[Fill]:
    """What there is to do; at the end nothing."""
    now = stage.clock.now()
    return fills_of(
        connection,
        orders,
        Origin.SYNTHETIC,
        wish="",
        firing=None,
        priority=0,
        now=now,
        spans=Spans(),
        retry_failed=True,
    )


def _start(stage: Stage) -> float:
    """Start the workers; gives how many seconds it takes until both logins are asked for bars."""
    began = time.monotonic()
    for worker in stage.workers:
        worker.start()
    while not all(each.bar_requests() for each in stage.simulators.values()):
        assert time.monotonic() - began < 60, "the workers do not begin"
        time.sleep(_LOOK_SECONDS)
    return time.monotonic() - began


def _kill(stage: Stage, outcome: Outcome) -> datetime:
    """Kill one every few seconds, and start it again at once; each at least once. Gives when work last waited."""
    chance = random.Random(stage.trial.seed)
    end, worked_until = time.monotonic() + stage.trial.seconds, stage.clock.now()
    while (now := time.monotonic()) < end or outcome.kills < len(stage.workers):
        strike = now + outcome.beat * chance.uniform(0.5, 1.5)
        while time.monotonic() < strike:
            time.sleep(_LOOK_SECONDS)
            if stage.depth()[JobState.WAITING]:
                worked_until = stage.clock.now()
        victim = _victim(stage, chance)
        if victim is None:
            continue
        if victim.exit_code is not None:
            outcome.wrong.append(f"a worker of {victim.gateway} ended by itself with {victim.exit_code}")
        victim.kill()
        victim.kills += 1
        outcome.kills += 1
        victim.start(stage.simulators[victim.gateway].last_seq)
    return worked_until


def _victim(stage: Stage, chance: random.Random) -> Worker | None:
    """One of those that were killed least. Spared is one whose login has asked for nothing since it was started."""
    for worker in sorted(stage.workers, key=lambda each: (each.kills, chance.random())):
        if stage.simulators[worker.gateway].bar_requests(after=worker.seen):
            return worker
    return None


def _wait_for_the_end(stage: Stage, outcome: Outcome) -> None:
    began = time.monotonic()
    while stage.has_work():
        if time.monotonic() - began > stage.trial.patience:
            outcome.wrong.append(f"after {stage.trial.patience:.0f} s there is still work: {stage.depth()}")
            break
        time.sleep(_LOOK_SECONDS)
    outcome.after = time.monotonic() - began


def _leave(stage: Stage, outcome: Outcome) -> None:
    """End the workers in order; nothing of them may stay behind."""
    for worker in stage.workers:
        worker.end()
    for worker in stage.workers:
        assert worker.process is not None
        try:
            code = worker.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            outcome.wrong.append(f"a worker of {worker.gateway} does not end when told to")
        else:
            if code:
                outcome.wrong.append(f"a worker of {worker.gateway} ended with {code}")
    outcome.wrong += [f"{name} is left" for name in _left(stage)]
    for worker in stage.workers:
        lines = worker.log.read_text(encoding="utf-8").splitlines()
        outcome.rescued += sum(line.count(",") + 1 for line in lines if "jobs_rescued" in line)
        if any("Traceback" in line for line in lines):
            outcome.wrong.append(f"{worker.log.name} has a stack trace")


def _left(stage: Stage) -> list[str]:
    """Sessions of the database and rows of workers that nobody needs any more."""
    give_up_at = time.monotonic() + 5
    while True:
        with stage.engine.connect() as connection:
            found = list(connection.execute(_SESSIONS, {"own": f"%pid {os.getpid()} %"}).scalars())
            found += [f"the row of {row.gateway}, process {row.pid}" for row in posts.listing(connection)]
        if not found or time.monotonic() > give_up_at:
            return found
        time.sleep(_LOOK_SECONDS)


def _judge(stage: Stage, outcome: Outcome, orders: Sequence[Order], killing: Window) -> None:
    depth = stage.depth()
    outcome.jobs = depth[JobState.DONE]
    if outcome.jobs != len(orders) or depth.total() != len(orders):
        outcome.wrong.append(f"of {len(orders)} jobs: {dict(depth)}")
    with stage.engine.begin() as connection:
        outcome.wrong += [f"series {fill.series_id} is not complete" for fill in _fills(connection, stage, orders)]
        rows = listing(connection)
    market = open_market("synthetic", stage.trial.seed)
    outcome.bars, wrong = judgement.compare(market, stage.engine, rows, orders)
    asked = judgement.asked_of(stage.simulators)
    outcome.requests = Counter(each.login for each in asked)
    outcome.units = judgement.small_units(stage.simulators)
    outcome.lost, again = judgement.repeats(stage.engine, rows, asked)
    outcome.again = len(again)
    outcome.violations = judgement.violations_of(stage.simulators)
    stretches = judgement.cut(killing, timedelta(seconds=_STRETCH_BEATS * outcome.beat) * stage.trial.scale)
    outcome.stretches = len(stretches)
    outcome.busy = judgement.busy(asked, stretches)
    outcome.wrong += [
        *wrong,
        *judgement.failures_of(stage.simulators),
        *(f"asked again for what was stored: {each}" for each in again),
        *(f"violations of login and rule {name}: {count}" for name, count in outcome.violations.items()),
        *(
            f"login {name} was busy in {outcome.busy[name]} of {len(stretches)} stretches only"
            for name in _GATEWAYS
            if outcome.busy[name] < 0.9 * len(stretches)
        ),
    ]
