"""Real daily bars through everything: simulator, socket, client, database, Parquet, feed. Every value equal."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ingest import feed
from tests.acceptance.running import CommandLine, simulator

DATA = Path(__file__).parents[1] / "data" / "us_daily_wiki_2000_2013.parquet"
SYMBOLS = ("AAPL", "FB", "GOOG", "IBM", "MSFT")
PRICES = ("open", "high", "low", "close", "volume")


@pytest.fixture(scope="module")
def source() -> pd.DataFrame:
    frame = pd.read_parquet(DATA).sort_values(["symbol", "ts"])
    assert len(frame) == 12_154
    return frame.reset_index(drop=True)


@pytest.mark.parametrize("version", ["200", "225"])
def test_thirteen_years_of_real_bars_come_out_as_they_went_in(
    tmp_path: Path, database_url: str, source: pd.DataFrame, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("backfill", *SYMBOLS, "-b", "1d", "--start", "2000-03-01", "--end", "2013-03-02")
    with simulator(tmp_path, "--market", str(DATA), "--now", "2013-03-08T12:00:00Z") as sim:
        ingest = CommandLine.at(
            tmp_path, port=sim.port, database_url=database_url, INGEST_GATEWAY_MAX_SERVER_VERSION=version
        )
        first = ingest.run(*words)
        assert first.returncode == 0, first.stderr
        again = ingest.run(*words)
        assert again.returncode == 0
        assert "0 new bars, 0 requests" in again.stdout
    exported = ingest.json("export", "--to", str(tmp_path / "snapshots"))
    monkeypatch.setenv("INGEST_DATABASE_URL", database_url)
    for origin in (None, Path(exported["path"])):
        frame = feed.bars(list(SYMBOLS), "1d", "2000-03-01", "2013-03-02", source=origin)
        assert_equal(frame, source)


def assert_equal(frame: pd.DataFrame, source: pd.DataFrame) -> None:
    got = frame.sort_values(["symbol", "ts"]).reset_index(drop=True)
    assert got["symbol"].tolist() == source["symbol"].tolist()
    assert got["ts"].tolist() == source["ts"].tolist()
    for name in PRICES:
        assert np.array_equal(got[name].to_numpy(dtype=float), source[name].to_numpy()), name
