"""Job files for tests: a right one, and ways to make it wrong."""

from pathlib import Path

RIGHT = """\
name = "nightly"

[universe]
symbols = ["AAPL", "BRK B"]

[[series]]
bar_size = "1 day"

[[series]]
bar_size = "1 min"
hours = "all"

[want]
since = 2024-01-02
until = 2024-02-01
"""


def write(folder: Path, text: str, name: str = "job.toml") -> Path:
    """Whole or not at all: who follows the folder never sees half of it."""
    path = folder / name
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)
    return path


def right_but(old: str, new: str) -> str:
    """The right file with one text in it replaced."""
    assert RIGHT.count(old) == 1, old
    return RIGHT.replace(old, new)
