"""A run's report calls a state by its name, and counts as people do."""

from datetime import timedelta

import pytest

from ingest.cli.report import report_table
from ingest.cli.screen import show
from ingest.domain.bar_size import BarSize
from ingest.domain.ledger import State
from ingest.domain.series import Series
from ingest.domain.what import WhatToShow
from ingest.progress import RunReport, SeriesReport
from tests.given import AAPL, window

WINDOW = window("2024-01-02 15:00", "2024-01-02 15:10")


def printed(state: State, reason: str, capsys: pytest.CaptureFixture[str]) -> str:
    series = Series(AAPL, BarSize.MIN_1, WhatToShow.TRADES)
    held, problems = {state: WINDOW.span}, ((state, reason, WINDOW),)
    one = SeriesReport(series, 1, (WINDOW,), held, timedelta(0), problems, 0, 0, 0)
    show(report_table(RunReport((one,), requests=1, elapsed=timedelta(seconds=2))))
    return capsys.readouterr().out


def test_a_window_that_waits_for_a_second_look_is_pending_as_everywhere(capsys: pytest.CaptureFixture[str]) -> None:
    assert "pending – came back empty once" in printed(State.PENDING, "came back empty once", capsys)


def test_one_request_is_one_request(capsys: pytest.CaptureFixture[str]) -> None:
    assert ", 1 request in 2 s." in printed(State.PENDING, "", capsys)


def test_what_ib_said_in_brackets_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert "failed – no permission [ushmds]" in printed(State.FAILED, "no permission [ushmds]", capsys)
