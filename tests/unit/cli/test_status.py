"""The table of series: narrow enough for a terminal of eighty columns, and plain about where bars are from."""

from datetime import timedelta

from rich.console import Console

from ingest.app.standing import Standing
from ingest.cli.status import status_table
from ingest.domain.bar_size import BarSize
from ingest.domain.ledger import State
from ingest.domain.series import Origin
from tests import given


def standing(size: BarSize = BarSize.MIN_1, origin: Origin = Origin.SYNTHETIC, *, complete: bool = True) -> Standing:
    first, last = given.at("2024-01-02 14:30"), given.at("2024-06-03 13:29")
    unsettled: dict[str, timedelta] = {} if complete else {State.TIMED_OUT: timedelta(hours=3)}
    return Standing(given.series(bar_size=size), origin.value, 40_928, first, last, timedelta(0), unsettled)


def lines(*rows: Standing) -> list[str]:
    console = Console(width=80, record=True, file=None)
    with console.capture() as captured:
        console.print(status_table(rows))
    return [line.rstrip() for line in captured.get().splitlines()]


def test_a_series_fits_on_a_line_of_eighty_columns() -> None:
    heading, row = lines(standing(complete=False))
    assert row == "AAPL 1m TRADES      40,928  2024-01-02  2024-06-03 13:29       –  3 h timed_out"
    assert heading.startswith("series (synthetic)")


def test_bars_of_a_day_have_no_time() -> None:
    assert "2024-06-03  " in lines(standing(BarSize.DAY_1))[1]


def test_real_bars_need_no_word_and_of_a_mixture_each_has_its_own() -> None:
    assert lines(standing(origin=Origin.LIVE))[0].split()[:2] == ["series", "bars"]
    mixed = lines(standing(origin=Origin.LIVE), standing())
    assert [line.split()[:2] for line in mixed[:1]] == [["series", "origin"]]
    assert ("live" in mixed[1], "synthetic" in "".join(mixed[2:])) == (True, True)
