"""Runs all benchmarks, prints a table and writes `bench.json`.

python -m tests.bench            everything, about a minute
python -m tests.bench --quick    smaller amounts, for a look
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from ingest.cli.screen import configure_logs
from tests.bench import decoding, loading, pacing, planning, queueing


@dataclass(frozen=True, slots=True)
class Figure:
    """A ratio, what it must reach, and the raw numbers it was made of."""

    name: str
    ratio: float
    must: str
    holds: bool
    of: str


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="smaller amounts")
    parser.add_argument("--json", type=Path, default=Path("bench.json"), help="where the JSON goes")
    chosen = parser.parse_args()
    configure_logs(verbose=False)
    with tempfile.TemporaryDirectory(prefix="ingest-bench-") as folder:
        os.environ["INGEST_HOME"] = folder
        figures = [*_loading(Path(folder), quick=chosen.quick), *_decoding(), *_planning()]
        figures += [*_queue(Path(folder), quick=chosen.quick), *_pacing(Path(folder), quick=chosen.quick)]
    for figure in figures:
        mark = "ok  " if figure.holds else "MISS"
        sys.stdout.write(f"{mark} {figure.name:64} {figure.ratio:8.2f}  (must be {figure.must})  {figure.of}\n")
    chosen.json.write_text(json.dumps([asdict(figure) for figure in figures], indent=2) + "\n", encoding="utf-8")
    return 0 if all(figure.holds for figure in figures) else 1


def _figure(name: str, ratio: float, must: str, holds: Callable[[float], bool], of: str) -> Figure:
    return Figure(name, round(ratio, 3), must, holds(ratio), of)


def _loading(folder: Path, *, quick: bool) -> list[Figure]:
    seen = loading.measure(folder, symbols=2 if quick else 4, repeats=1 if quick else 3)
    of = f"ours {seen.ours:,.0f}, ib_async + to_sql {seen.ib_async:,.0f}, raw COPY {seen.copy:,.0f} bars/s"
    return [
        _figure("socket to commit, against ib_async + to_sql", seen.ours / seen.ib_async, "≥ 3", lambda r: r >= 3, of),
        _figure("socket to commit, against raw binary COPY", seen.ours / seen.copy, "≥ 0.4", lambda r: r >= 0.4, of),
    ]


def _decoding() -> list[Figure]:
    figures = []
    for name, cost in decoding.measure():
        of = f"ours {cost.ours:.3f}, ibapi {cost.stock:.3f} µs/bar, ours with 50 open {cost.ours_open:.3f}"
        figures.append(
            _figure(f"decode CPU, ibapi / ours, {name}", cost.stock / cost.ours, "≥ 5", lambda r: r >= 5, of)
        )
        flat = cost.ours_open / cost.ours
        figures.append(_figure(f"decode CPU, 50 open / 1 open, {name}", flat, "≤ 1.25", lambda r: r <= 1.25, of))
    return figures


def _planning() -> list[Figure]:
    issued, fewest = planning.measure()
    of = f"{issued} issued, {fewest} needed"
    return [_figure("requests issued / fewest possible", issued / fewest, "1.00", lambda r: r == 1.0, of)]


def _queue(folder: Path, *, quick: bool) -> list[Figure]:
    carried, claims = queueing.measure(folder, quick=quick)
    worst = max(claims.long, claims.long_paused, claims.long_other_lane, claims.same_series)
    of = (
        f"{claims.short:.2f} ms; from a long queue {claims.long:.2f}, most of it paused {claims.long_paused:.2f}, "
        f"in another lane {claims.long_other_lane:.2f}, thousands for one series {claims.same_series:.2f}"
    )
    return [
        _figure("queue, jobs a second", carried.per_second, "≥ 300", lambda r: r >= 300, f"{carried.jobs:,} jobs"),
        _figure("claim, 100,000 queued / 400 queued", worst / claims.short, "≤ 2", lambda r: r <= 2, of),
    ]


def _pacing(folder: Path, *, quick: bool) -> list[Figure]:
    small = pacing.small_bars(folder, groups=3 if quick else pacing.GROUPS)
    large = pacing.large_bars(seconds=150 if quick else pacing.LARGE_SECONDS)
    took = f"{small.took:,.0f} s, at best {small.best:,.0f} s, {small.violations} violations"
    rates = f"{large.learning:.2f} against {large.knowing:.2f} answers/s, {large.allowed} open at the end"
    keeps = small.violations == 0
    return [
        _figure(
            "small bars, time / least possible", small.took / small.best, "≤ 1.02", lambda r: r <= 1.02 and keeps, took
        ),
        _figure("large bars, learning / knowing", large.learning / large.knowing, "≥ 0.9", lambda r: r >= 0.9, rates),
    ]


if __name__ == "__main__":
    sys.exit(main())
