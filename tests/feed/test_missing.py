"""What is not held is told beside the data: every kind of hole, only where something is traded, and loudly."""

import time
import warnings
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given as assume
from hypothesis import settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from ingest import feed
from ingest.calendars import calendar_of
from ingest.domain.bar_size import BarSize
from ingest.domain.ledger import Entry, Ledger, State
from ingest.domain.window import Window, intersect, subtract, union
from ingest.errors import EXIT_INCOMPLETE, IngestError
from ingest.feed.asking import Moment
from ingest.feed.holes import missing, stretches
from tests import given
from tests.export import stock
from tests.store import settled

HOLES = [
    Entry(given.window("2024-01-02 14:30", "2024-01-02 15:00"), State.COVERED),
    Entry(given.window("2024-01-02 15:00", "2024-01-02 15:10"), State.PENDING, "came back empty once"),
    Entry(given.window("2024-01-02 15:10", "2024-01-02 16:00"), State.TIMED_OUT, "no answer in 60 s"),
    Entry(given.window("2024-01-02 16:00", "2024-01-02 17:00"), State.FAILED, "no permission", permanent=True),
    Entry(given.window("2024-01-02 17:00", "2024-01-03 17:00"), State.EMPTY_CONFIRMED, "twice nothing"),
]
#: (start, end, state) of the holes above, when two sessions are asked for.
TOLD = [
    ("2024-01-02 15:00", "2024-01-02 15:10", "pending"),
    ("2024-01-02 15:10", "2024-01-02 16:00", "timed_out"),
    ("2024-01-02 16:00", "2024-01-02 17:00", "failed"),
    ("2024-01-03 17:00", "2024-01-03 21:00", "unknown"),
]


@pytest.fixture
def holed(engine: Engine) -> Engine:
    stock.hold(engine, given.series(), settled.bars("2024-01-02 14:30", 30), HOLES)
    return engine


def told(frame: pd.DataFrame) -> list[tuple[str, str, str]]:
    text = "%Y-%m-%d %H:%M"
    rows = zip(frame["start"], frame["end"], frame["state"], strict=True)
    return [(start.strftime(text), end.strftime(text), state) for start, end, state in rows]


def test_every_kind_of_hole_is_told_with_its_reason(holed: Engine) -> None:
    frame = feed.missing("AAPL", "1m", "2024-01-02", "2024-01-04", source=holed)
    assert told(frame) == TOLD
    assert frame["reason"].tolist() == ["came back empty once", "no answer in 60 s", "no permission", ""]
    assert set(frame["symbol"]) == {"AAPL"}


def test_the_frame_carries_the_same_holes_and_can_still_be_written(holed: Engine, tmp_path: Path) -> None:
    with pytest.warns(feed.IncompleteWarning):
        frame = feed.bars("AAPL", "1m", "2024-01-02", "2024-01-04", source=holed)
    noted = pd.DataFrame(frame.attrs["missing"])
    noted[["start", "end"]] = noted[["start", "end"]].apply(pd.to_datetime)
    assert told(noted) == TOLD
    frame.to_parquet(tmp_path / "mine.parquet")
    assert pd.read_parquet(tmp_path / "mine.parquet").attrs == frame.attrs


def test_the_warning_names_series_and_windows_and_points_at_the_caller(holed: Engine) -> None:
    with pytest.warns(feed.IncompleteWarning) as caught:
        feed.bars("AAPL", "1m", "2024-01-02", "2024-01-04", source=holed)
    (one,) = [each for each in caught if each.category is feed.IncompleteWarning]
    assert one.filename == __file__
    assert str(one.message) == (
        "Not everything is held: AAPL 1m TRADES lacks [2024-01-02 15:00, 2024-01-02 15:10) pending, "
        "[2024-01-02 15:10, 2024-01-02 16:00) timed_out, [2024-01-02 16:00, 2024-01-02 17:00) failed "
        "and 1 more. `feed.missing` lists it, `ingest backfill` asks for it."
    )


def test_strict_makes_it_an_error_of_the_tree(holed: Engine) -> None:
    with pytest.raises(IngestError) as refused:
        feed.bars("AAPL", "1m", "2024-01-02", "2024-01-04", source=holed, strict=True)
    assert isinstance(refused.value, feed.IncompleteWarning)
    assert refused.value.exit_code == EXIT_INCOMPLETE
    assert len(refused.value.incomplete[0].missing) == 4
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frame = feed.bars("AAPL", "1m", "2024-01-02T14:30", "2024-01-02T15:00", source=holed, strict=True)
    assert (len(frame), frame.attrs["missing"]) == (30, [])


def test_a_series_that_was_never_begun_is_missing_whole(holed: Engine) -> None:
    frame = feed.missing("AAPL", "5m", "2024-01-02", "2024-01-04", source=holed)
    assert told(frame) == [("2024-01-02 14:30", "2024-01-03 21:00", "unknown")]


def test_nights_weekends_and_holidays_are_not_missing(holed: Engine) -> None:
    assert feed.missing("AAPL", "1m", "2024-01-02T21:00", "2024-01-03T14:30", source=holed).empty
    weekend = ("2024-01-05T21:00", "2024-01-08T14:30")
    new_year = ("2023-12-29T21:00", "2024-01-02T14:30")
    for start, end in (weekend, new_year):
        assert feed.missing("AAPL", "1m", start, end, source=holed).empty
        assert len(feed.coverage("AAPL", "1m", start, end, source=holed)) == 1
    assert told(feed.missing("AAPL", "1m", "2024-01-04T02:00", "2024-01-05T15:00", source=holed)) == [
        ("2024-01-04 14:30", "2024-01-05 15:00", "unknown")
    ]


def test_daily_bars_are_missing_by_session_dates(engine: Engine) -> None:
    covered = Entry(given.window("2024-01-03", "2024-01-04"), State.COVERED)
    stock.hold(engine, given.series(bar_size=BarSize.DAY_1), settled.bars("2024-01-03", 1), [covered])
    frame = feed.missing("AAPL", "1d", date(2023, 12, 30), date(2024, 1, 8), source=engine)
    assert told(frame) == [
        ("2024-01-02 00:00", "2024-01-03 00:00", "unknown"),
        ("2024-01-04 00:00", "2024-01-06 00:00", "unknown"),
    ]


def test_time_that_is_not_over_is_not_missing() -> None:
    minutes, days = given.series(), given.series(bar_size=BarSize.DAY_1)
    now = given.at("2024-01-03 15:30") + timedelta(seconds=37)
    wish = given.window("2024-01-02 14:30", "2024-01-10")
    assert [hole.window for hole in missing(minutes, stretches(Ledger(), wish), now)] == [
        given.window("2024-01-02 14:30", "2024-01-03 15:30")
    ]
    wish = given.window("2024-01-02", "2024-01-10")
    assert [hole.window for hole in missing(days, stretches(Ledger(), wish), now)] == [
        given.window("2024-01-02", "2024-01-03")
    ]


def test_without_an_end_everything_up_to_now_is_meant(holed: Engine) -> None:
    frame = feed.missing("AAPL", "1m", "2024-01-03", source=holed)
    assert len(frame) == 1
    last = frame["end"].iloc[-1].to_pydatetime()
    assert timedelta(0) <= datetime.now(UTC) - last < timedelta(days=5)


def test_coverage_tiles_the_window(holed: Engine) -> None:
    frame = feed.coverage("AAPL", "1m", "2024-01-01T00:00", "2024-01-05T00:00", source=holed)
    assert frame["start"].iloc[0] == pd.Timestamp("2024-01-01", tz="UTC")
    assert frame["end"].iloc[-1] == pd.Timestamp("2024-01-05", tz="UTC")
    assert (frame["end"].iloc[:-1].array == frame["start"].iloc[1:].array).all()
    states = ["unknown", "covered", "pending", "timed_out", "failed", "empty_confirmed", "unknown"]
    assert frame["state"].tolist() == states


@pytest.fixture
def in_tokyo() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("in_tokyo")
def test_edges_mean_what_they_mean_at_the_command_line(holed: Engine) -> None:
    """A date is the session, a datetime an instant, in UTC wherever we are; a pandas Timestamp is a datetime."""
    ways: list[tuple[Moment, Moment]] = [
        ("2024-01-02", "2024-01-03"),
        (date(2024, 1, 2), "20240103"),
        (given.at("2024-01-02 14:30"), datetime(2024, 1, 3, 14, 30)),  # noqa: DTZ001
        (pd.Timestamp("2024-01-02 09:30", tz="America/New_York"), pd.Timestamp("2024-01-03 14:30")),
        ("2024-01-02T09:30-05:00", "2024-01-03T14:30Z"),
    ]
    frames = [feed.coverage("AAPL", "1m", start, end, source=holed) for start, end in ways]
    for frame in frames[1:]:
        pd.testing.assert_frame_equal(frame, frames[0])


@settings(max_examples=50, deadline=None)
@assume(given.ledgers_on_grid(), given.windows_on_grid(), st.integers(0, 300))
def test_what_is_missing_is_exactly_the_traded_time_not_held(ledger: Ledger, wish: Window, minutes: int) -> None:
    """Against plain window arithmetic, on a market that trades all the time."""
    series, now = given.series(given.BTC), given.ZERO + minutes * given.MINUTE
    tiles = stretches(ledger, wish)
    assert union([tile.window for tile in tiles]) == (wish,)
    assert sum((tile.window.span for tile in tiles), timedelta()) == wish.span
    held = ledger.windows(State.COVERED, State.EMPTY_CONFIRMED)
    over = intersect([wish], [Window(given.ZERO - timedelta(days=1), now)])
    assert union([hole.window for hole in missing(series, tiles, now)]) == subtract(over, held)


@settings(max_examples=50, deadline=None)
@assume(st.integers(0, 20_000), st.integers(1, 20_000))
def test_a_hole_begins_and_ends_in_trading_time(start: int, length: int) -> None:
    series = given.series(given.ES, use_rth=False)
    wish = Window(given.ZERO + start * given.MINUTE, given.ZERO + (start + length) * given.MINUTE)
    hours = [session.hours for session in calendar_of(given.ES, use_rth=False).overlapping(wish)]
    traded = intersect([wish], hours)
    found = [hole.window for hole in missing(series, stretches(Ledger(), wish), given.at("2025-01-01"))]
    assert found == ([Window(traded[0].start, traded[-1].end)] if traded else [])
