"""One truth: the database and a snapshot of it give the same answers to the last bit, notes and warnings included."""

import warnings
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from sqlalchemy import Engine

from ingest import feed
from ingest.clock import FakeClock
from ingest.domain.bar_size import BarSize
from ingest.domain.ledger import Entry, State
from ingest.export import Selection, export
from tests import given
from tests.export import stock
from tests.store import settled

QUESTIONS: list[tuple[Any, str, Any, Any, dict[str, Any]]] = [
    ("AAPL", "1m", "2024-01-02", "2024-01-04", {}),
    ("AAPL", "1m", "2023-12-29", "2024-01-05", {}),
    (["msft", "AAPL", "aapl"], "1 min", date(2023, 12, 1), datetime(2024, 1, 2, 16, 31, tzinfo=UTC), {}),
    ("con_id:265598", "1m", "2024-01-02T14:45", "2024-01-02T14:46", {}),
    ("AAPL", "1m", "2024-01-02", "2024-01-04", {"use_rth": False}),
    ("AAPL", "1m", "2024-01-02", "2024-01-04", {"origin": "synthetic"}),
    ("AAPL", "1d", "2023-12-01", "2024-02-01", {}),
    ("EUR.USD", "1m", "2024-01-02", "2024-01-03", {"use_rth": False}),
    ("EUR.USD", "1m", "2024-01-02", "2024-01-03", {"what": "midpoint"}),
    (["AAPL", "MSFT"], "5m", "2024-01-02", "2024-01-04", {}),
]


@pytest.fixture
def snapshots(engine: Engine, tmp_path: Path) -> Path:
    """The mixture, in the database and in a snapshot of it, with a hole of every kind."""
    stock.hold_mixture(engine)
    holes = [
        Entry(given.window("2024-01-02 14:30", "2024-01-02 15:00"), State.COVERED),
        Entry(given.window("2024-01-02 15:00", "2024-01-02 15:10"), State.PENDING, "came back empty once"),
        Entry(given.window("2024-01-02 15:10", "2024-01-02 16:00"), State.TIMED_OUT, "no answer in 60 s"),
        Entry(given.window("2024-01-02 16:00", "2024-01-02 17:00"), State.FAILED, "no permission", permanent=True),
        Entry(given.window("2024-01-02 17:00", "2024-01-03 17:00"), State.EMPTY_CONFIRMED, "twice nothing"),
    ]
    stock.hold(engine, given.series(stock.MSFT), settled.bars("2024-01-02 14:30", 30, price=370), holes)
    export(engine, Selection(), tmp_path / "snapshots", clock=FakeClock(given.at("2024-02-01")))
    return tmp_path / "snapshots"


@pytest.mark.parametrize("asked", QUESTIONS, ids=str)
def test_a_snapshot_answers_as_its_database_does(
    engine: Engine, snapshots: Path, asked: tuple[Any, str, Any, Any, dict[str, Any]]
) -> None:
    *arguments, options = asked
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        by_database = feed.bars(*arguments, **options, source=engine)
        by_snapshot = feed.bars(*arguments, **options, source=snapshots)
        arrow = [feed.bars(*arguments, **options, engine="arrow", source=one) for one in (engine, snapshots)]
        polars = [feed.bars(*arguments, **options, engine="polars", source=one) for one in (engine, snapshots)]
    assert_frame_equal(by_database, by_snapshot, check_exact=True)
    assert by_database.attrs == by_snapshot.attrs
    assert arrow[0].equals(arrow[1], check_metadata=True)
    assert polars[0].equals(polars[1], null_equal=True)
    assert polars[0].schema == polars[1].schema
    lacks = {str(each.message) for each in told if each.category is feed.IncompleteWarning}
    assert len(lacks) == (1 if by_database.attrs["missing"] else 0)
    for question in (feed.missing, feed.coverage):
        assert_frame_equal(
            question(*arguments, **options, source=engine), question(*arguments, **options, source=snapshots)
        )


def test_the_questions_are_not_all_about_nothing(engine: Engine, snapshots: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sizes = [len(feed.bars(*asked[:4], **asked[4], source=snapshots)) for asked in QUESTIONS]
    assert sizes == [390, 780, 121 + 390 + 121, 1, 600, 40, 5, 500, 500, 0]


def test_every_engine_gives_the_same_bars(snapshots: Path) -> None:
    asked = ("AAPL", "1m", "2024-01-02", "2024-01-03")
    pandas = feed.bars(*asked, source=snapshots)
    arrow = feed.bars(*asked, engine="arrow", source=snapshots)
    polars = feed.bars(*asked, engine="polars", source=snapshots)
    assert polars.to_arrow().cast(arrow.schema).equals(arrow)
    for name in arrow.column_names:
        assert [None if pd.isna(value) else value for value in pandas[name]] == arrow[name].to_pylist()
    assert pandas["volume"].isna().sum() == pandas["wap"].isna().sum() == 130
    assert pandas["bar_count"].isna().sum() == 195


def test_a_frame_has_one_shape_whether_full_or_empty(engine: Engine, snapshots: Path) -> None:
    full = feed.bars("AAPL", "1m", "2024-01-02", "2024-01-03", source=engine)
    with pytest.warns(feed.IncompleteWarning):
        empty = feed.bars("AAPL", "5m", "2024-01-02", "2024-01-03", source=engine)
    assert full.dtypes.to_dict() == empty.dtypes.to_dict()
    assert list(full.columns) == ["symbol", "ts", "open", "high", "low", "close", "volume", "wap", "bar_count"]
    assert str(full.dtypes["ts"]) == "datetime64[us, UTC]"
    assert str(full.dtypes["bar_count"]) == "Int32"
    assert all(str(full.dtypes[name]) == "float64" for name in ("open", "high", "low", "close", "volume", "wap"))


def test_what_is_held_is_listed_the_same_by_both(engine: Engine, snapshots: Path) -> None:
    by_database, by_snapshot = feed.series(source=engine), feed.series(source=snapshots)
    assert_frame_equal(by_database, by_snapshot)
    assert len(by_database) == 6
    assert set(by_database["state"]) == {"complete", "incomplete"}
    assert by_database.query("symbol == 'MSFT'")["state"].item() == "incomplete"
    assert by_database.query("symbol == 'AAPL' and bar_size == '1d'")["rows"].item() == 5
    assert feed.series(source=snapshots, origin="synthetic")["symbol"].tolist() == ["AAPL"]


def test_a_snapshot_of_a_stretch_claims_nothing_outside_of_it(engine: Engine, snapshots: Path, tmp_path: Path) -> None:
    chosen = Selection(bar_sizes=(BarSize.MIN_1,), start=date(2024, 1, 2), end=given.at("2024-01-02 15:00"))
    export(engine, chosen, tmp_path / "part", clock=FakeClock(given.at("2024-02-01")))
    asked = ("AAPL", "1m", "2023-12-29", "2024-01-03")
    with pytest.warns(feed.IncompleteWarning):
        part = feed.bars(*asked, source=tmp_path / "part")
    assert len(part) == 30
    assert [(hole["start"][:16], hole["end"][:16], hole["state"]) for hole in part.attrs["missing"]] == [
        ("2023-12-29T14:30", "2023-12-29T21:00", "unknown"),
        ("2024-01-02T15:00", "2024-01-02T21:00", "unknown"),
    ]
    assert feed.bars(*asked, source=engine).attrs["missing"] == []
