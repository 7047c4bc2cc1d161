"""The long soaks: a month of bad nights, a week beside a backfill, and two minutes of workers that are killed.

python -m tests.soak                           all: 200 series for 30 days, 500 for a week, kills for 120 s
python -m tests.soak --only nights --series 20 --days 5
python -m tests.soak --only killing --seconds 30 --seed 2
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from ingest.cli.screen import configure_logs
from ingest.store import migrate
from ingest.store.embedded import EmbeddedServer
from ingest.store.engine import create_engine
from tests.soak import killing, nights, week


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("nights", "week", "killing"), default="")
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--series", type=int, default=200, help="of the nights")
    parser.add_argument("--days", type=int, default=30, help="of the nights")
    parser.add_argument("--seconds", type=float, default=120.0, help="of the killing")
    chosen = parser.parse_args()
    configure_logs(verbose=False)
    soaks = {
        "nights": lambda: _nights(chosen.series, chosen.days, chosen.seed),
        "week": _week,
        "killing": lambda: _killing(chosen.seconds, chosen.seed),
    }
    results = [_timed(soak) for name, soak in soaks.items() if chosen.only in ("", name)]
    return 0 if all(results) else 1


def _nights(series: int, days: int, seed: int) -> bool:
    with _database() as (engine, _url, folder):
        diary = nights.soak(engine, folder, series=series, days=days, seed=seed)
    _say(f"{diary.series} series, {diary.nights} nights, {diary.requests:,} requests, {diary.faults:,} faults")
    _say(f"{diary.incomplete} nights could not get everything; {len(diary.ended_early)} ended early")
    for each in diary.ended_early:
        _say(f"  {each}")
    _say(f"{diary.bars:,} bars held; {diary.violations} pacing violations by the simulator's count")
    for each in diary.wrong:
        _say(f"WRONG {each}")
    return diary.is_clean


def _week() -> bool:
    with tempfile.TemporaryDirectory(prefix="ingest-soak-") as folder:
        found = week.week(Path(folder))
    for line in week.summary(found):
        _say(line)
    return found.is_clean


def _killing(seconds: float, seed: int) -> bool:
    with _database() as (engine, url, folder):
        outcome = killing.run(killing.Trial(seed=seed, seconds=seconds), engine, url, folder)
    for line in outcome.told():
        _say(line)
    return outcome.is_clean


@contextmanager
def _database() -> Iterator[tuple[Engine, str, Path]]:
    """A database of its own, its URL, and an empty folder; gone at the end."""
    with (
        tempfile.TemporaryDirectory(prefix="ingest-soak-") as folder,
        EmbeddedServer.start(Path(folder) / "home", settings={"fsync": "off"}) as server,
    ):
        engine = create_engine(server.url)
        migrate.upgrade(engine)
        yield engine, server.url, Path(folder)
        engine.dispose()


def _timed(soak: Callable[[], bool]) -> bool:
    began = time.monotonic()
    clean = soak()
    _say(f"{'clean' if clean else 'NOT CLEAN'} after {time.monotonic() - began:.0f} s")
    return clean


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
