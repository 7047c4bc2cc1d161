"""What was typed and cannot be meant: one line that says what can."""

from importlib import metadata

import pytest

from ingest.cli.root import run


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("backfil AAPL", "There is no command 'backfil'; did you mean 'backfill'? See `ingest --help`."),
        ("jobs lst", "There is no command 'jobs lst'; did you mean 'jobs list'? See `ingest jobs --help`."),
        ("xyzzy", "There is no command 'xyzzy'. See `ingest --help`."),
        ("jobs show abc", "JOB must be a whole number, not 'abc'. See `ingest jobs show --help`."),
        ("jobs cancel 0", "JOBS must be 1 or more, not '0'. See `ingest jobs cancel --help`."),
        ("plan AAPL -b 1d --days x", "--days must be a whole number, not 'x'. See `ingest plan --help`."),
        ("simulator --faults none.toml", "none.toml cannot be read: no such file or directory."),
        ("simulator --now yesterday", "--now is a moment such as 2024-06-03T15:00Z, not 'yesterday'."),
        ("simulator --pacing slow", "--pacing is enforce, apply or off, not 'slow'."),
        ("simulator --latency soon", "--latency must be a number, not 'soon'. See `ingest simulator --help`."),
    ],
)
def test_what_cannot_be_meant_is_said_in_our_words(words: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words.split()) == 2
    assert capsys.readouterr().err == f"error: {said}\n"


@pytest.mark.parametrize("words", [[], ["jobs"], ["universe"], ["instruments"], ["notify"]])
def test_a_group_without_a_command_shows_its_help_and_no_error(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 2
    printed = capsys.readouterr()
    assert "Usage: " in printed.out
    assert "error" not in printed.err


def test_the_version_can_be_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"ingest {metadata.version('ingest')}\n"
