"""Seconds without a word are a riddle; a sign in a file is dirt."""

import io
import select

import pytest

from ingest.cli.waiting import waiting


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def a_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """In the place of stderr; not in a fixture, after which pytest puts its own there."""
    found = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr", found)
    return found


def test_what_takes_its_time_shows_that_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = a_terminal(monkeypatch)
    with waiting("Planning", after=0.0):
        for _ in range(500):
            if "Planning …" in terminal.getvalue():
                break
            select.select([], [], [], 0.01)
    assert "Planning …" in terminal.getvalue()


def test_what_is_over_at_once_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = a_terminal(monkeypatch)
    with waiting("Planning", after=60.0):
        pass
    assert "Planning" not in terminal.getvalue()


def test_nothing_is_shown_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with waiting("Planning", after=0.0):
        select.select([], [], [], 0.05)
    assert capsys.readouterr() == ("", "")
