"""Names in paths: whatever an instrument is called, its folder stays inside, is its own, and gives the name back."""

from pathlib import Path, PurePosixPath, PureWindowsPath

import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import example
from hypothesis import given as assume
from hypothesis import strategies as st

from ingest.domain.bar_size import BarSize
from ingest.domain.instrument import Instrument
from ingest.domain.series import Origin
from ingest.export.paths import file_name, quoted, series_folder, unquoted
from ingest.store.series import SeriesRow
from tests import given
from tests.store import settled

HOSTILE = [
    "../../x", "ES/Z6", "BRK B", "CON", "con.txt", "é", "..", ".", ".hidden", "a.", " ", "a\\b", "C:", "x\0y", "%2F",
    "~root", "LPT1", "symbol=AAPL", "*", "日本", "\n", "nul", "AAPL",
]  # fmt: skip
SAFE = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.%")


@pytest.mark.parametrize("name", HOSTILE, ids=repr)
def test_hostile_names_make_one_harmless_segment(name: str) -> None:
    check(name)


@assume(st.text(min_size=1), st.sampled_from(["", ".", "/", "..", " ", "con", "aux.", "~"]))
@example("on", "C")
def test_any_name_comes_back_and_makes_one_harmless_segment(name: str, prefix: str) -> None:
    check(prefix + name)
    check(name + prefix)


def check(name: str) -> None:
    segment = quoted(name)
    assert unquoted(segment) == name
    assert set(segment) <= SAFE
    assert segment not in (".", "..") and not segment.startswith(".") and not segment.endswith(".")
    for made in (PurePosixPath("root") / segment, PureWindowsPath("root") / segment):
        assert made.parts == ("root", segment)
    assert not _is_reserved(segment)


def _is_reserved(segment: str) -> bool:
    """Windows' own rule, written out: the part before the first dot names a device."""
    devices = {"CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in range(10))}
    return segment.partition(".")[0].upper() in devices


@assume(st.text(min_size=1), st.text(min_size=1))
def test_two_names_never_share_a_segment(one: str, other: str) -> None:
    assert (quoted(one) == quoted(other)) == (one == other)


def test_an_empty_name_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        quoted("")


def test_common_names_stay_readable() -> None:
    assert [quoted(name) for name in ("AAPL", "EUR.USD", "ES-CONT", "BRK B")] == [
        "AAPL",
        "EUR.USD",
        "ES-CONT",
        "BRK%20B",
    ]


def test_every_part_of_a_series_key_makes_another_folder() -> None:
    one, other = Instrument(1, "X", "STK", "SMART", "USD"), Instrument(2, "X", "STK", "MEXI", "MXN")
    rows = [
        SeriesRow(1, 0, origin, given.series(instrument, size, use_rth=use_rth))
        for origin in Origin
        for instrument in (one, other)
        for size in (BarSize.MIN_1, BarSize.DAY_1)
        for use_rth in (True, False)
    ]
    assert len({series_folder(row) for row in rows}) == len(rows) == 16


def test_only_short_bars_are_split_by_year() -> None:
    assert file_name(BarSize.MIN_1, 2024) == file_name(BarSize.SEC_5, 2024) == "2024.parquet"
    assert file_name(BarSize.MIN_30, 2024) == file_name(BarSize.DAY_1, 1999) == "bars.parquet"


@pytest.mark.parametrize("name", ["BRK B", "é", "ES/Z6", "CON"])
def test_hive_readers_see_the_name_itself(tmp_path: Path, name: str) -> None:
    folder = tmp_path / f"symbol={quoted(name)}"
    folder.mkdir()
    pq.write_table(settled.bars("2024-01-02", 2).table, folder / "2024.parquet")
    read = ds.dataset(tmp_path, format="parquet", partitioning="hive").to_table()
    assert read["symbol"].to_pylist() == [name, name]
