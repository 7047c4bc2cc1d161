"""How fast a million bars come out, against `pandas.read_sql` of the same rows: `python -m tests.feed.speed [rows]`.

Each way is run three times in one process on one private server; the best time counts. Figures, not assertions.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pandas as pd
from sqlalchemy import Engine, text

from ingest import feed
from ingest.cli.screen import say
from ingest.clock import SystemClock
from ingest.domain.ledger import Entry, State
from ingest.domain.window import Window
from ingest.export import Selection, export, verify
from ingest.store import migrate
from ingest.store.embedded import EmbeddedServer
from ingest.store.engine import create_engine
from tests import given
from tests.export import stock
from tests.store import settled

_START = "2015-01-02 00:00"
_QUERY = text(
    "SELECT ts, open, high, low, close, volume, wap, bar_count FROM ingest.bars_intraday"
    " WHERE series_id = 1 AND epoch = 0 ORDER BY ts"
)


def main(rows: int) -> None:
    with tempfile.TemporaryDirectory() as folder, EmbeddedServer.start(Path(folder)) as server:
        engine = create_engine(server.url)
        migrate.upgrade(engine)
        window = Window(given.at(_START), given.at(_START) + rows * timedelta(minutes=1))
        series = given.series(given.BTC)
        stock.hold(engine, series, settled.bars(_START, rows), [Entry(window, State.COVERED)])
        _compare(engine, Path(folder) / "snapshots", window, rows)
        engine.dispose()


def _compare(engine: Engine, target: Path, window: Window, rows: int) -> None:
    asked = ("BTC.USD", "1m", window.start, window.end)
    slow = _best("pandas.read_sql", rows, lambda: pd.read_sql(_QUERY, engine))
    _best("export", rows, lambda: export(engine, Selection(), target, clock=SystemClock()), times=1)
    _best("verify", rows, lambda: verify(target), times=1)
    ways: dict[str, Callable[[], object]] = {
        "feed.bars, database → pandas": lambda: feed.bars(*asked, what="TRADES", source=engine),
        "feed.bars, database → arrow": lambda: feed.bars(*asked, what="TRADES", engine="arrow", source=engine),
        "feed.bars, snapshot → pandas": lambda: feed.bars(*asked, what="TRADES", source=target),
        "feed.bars, snapshot → arrow": lambda: feed.bars(*asked, what="TRADES", engine="arrow", source=target),
    }
    for name, way in ways.items():
        say(f"{'':32}{slow / _best(name, rows, way):.1f} × read_sql")
    frame = feed.bars(*asked, what="TRADES", source=target)
    _best("feed.resample 1m → 1h", rows, lambda: feed.resample(frame, "1h"))


def _best(name: str, rows: int, way: Callable[[], object], *, times: int = 3) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        way()
        taken.append(time.perf_counter() - began)
    say(f"{name:32}{min(taken):8.2f} s {rows / min(taken):12,.0f} bars/s")
    return min(taken)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
