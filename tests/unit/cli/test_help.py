"""What `--help` shows is what was written."""

import inspect
import re
from typing import Any

import pytest
import typer

from ingest.cli.root import app
from tests.unit.cli.commands import TREE, commands

WRITTEN = list(commands(typer.main.get_command(app)))
NAMES = [" ".join(path) or "ingest" for path, _ in WRITTEN]
BRACKETED = re.compile(r"\[[^\]]+\]")


def shown(
    path: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> str:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", width)
    TREE([*path, "--help"], standalone_mode=False, prog_name="ingest")
    return capsys.readouterr().out


@pytest.mark.parametrize(("path", "command"), WRITTEN, ids=NAMES)
def test_words_in_brackets_survive(
    path: tuple[str, ...], command: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [command.help or "", *(getattr(each, "help", None) or "" for each in command.params)]
    found = shown(path, capsys, monkeypatch, width=400)
    for word in BRACKETED.findall(" ".join(texts)):
        assert word in found


@pytest.mark.parametrize(("path", "command"), WRITTEN, ids=NAMES)
def test_a_paragraph_is_broken_where_the_terminal_ends_and_nowhere_else(
    path: tuple[str, ...], command: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [line.strip() for line in shown(path, capsys, monkeypatch, width=1000).splitlines()]
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        assert " ".join(paragraph.split()) in [" ".join(line.split()) for line in found]
