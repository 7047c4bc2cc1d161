"""Every command that the product tells somebody to type can be typed."""

import ast
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from tests.unit.cli.commands import commands, parse, words_of

ROOT = Path(__file__).parents[3]
#: What may stand where a hint is filled in.
FILLED_IN = ("17", "AAPL", "--all", "plan AAPL -b 1d --start 2024-01-02")


def examples() -> list[str]:
    """The indented lines of the help texts, of those of a command."""
    return [
        line.strip()
        for _, command in commands()
        for block in (command.help or "").split("\n\n")
        if block.startswith(" ")
        for line in [" ".join(block.replace("\\[", "[").split())]
    ]


def hints() -> list[str]:
    """What stands as `ingest …` in the program's texts; a value that is filled in is a NUL."""
    found = {hint for _, command in commands() for hint in re.findall(r"`(ingest [^`]+)`", command.help or "")}
    for path in sorted((ROOT / "ingest").rglob("*.py")):
        for text in _texts(ast.parse(path.read_text(encoding="utf-8"))):
            found |= {" ".join(hint.split()) for hint in re.findall(r"`(ingest [^`]+)`", text)}
    return sorted(found)


def _texts(tree: ast.AST) -> Iterator[str]:
    """All that is no docstring."""
    silent = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if id(node) in silent:
            continue
        if isinstance(node, ast.JoinedStr):
            yield "".join(
                part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else "\0"
                for part in node.values
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def documented() -> list[str]:
    """Commands of the documents: typed after a prompt, or named in a sentence."""
    found = []
    for path in (ROOT / "README.md", ROOT / "jobs" / "README.md", ROOT / "CHANGELOG.md"):
        text = path.read_text(encoding="utf-8")
        found += re.findall(r"^\$ ((?:\w+=\S+ |\w+=\"[^\"]*\" )*ingest .+?)(?: {3,}#.*)?$", text, flags=re.MULTILINE)
        found += [hint for hint in re.findall(r"`(ingest [^`]+)`", text) if "|" not in hint]
    return sorted({" ".join(each.split()) for each in found})


@pytest.mark.parametrize("line", examples())
def test_an_example_of_the_help_can_be_typed(line: str) -> None:
    parse(words_of(line))


@pytest.mark.parametrize("line", documented())
def test_a_command_of_the_documents_can_be_typed(line: str) -> None:
    parse(words_of(re.sub(r"\b(ID|NAME|…)", "17", line)))


@pytest.mark.parametrize("hint", hints())
def test_a_command_that_a_message_advises_can_be_typed(hint: str) -> None:
    """Where something is filled in, with one of the usual things at least."""
    said: list[str] = []
    for filling in product(FILLED_IN, repeat=hint.count("\0")):
        rest = iter(filling)
        line = re.sub("\0", lambda _, rest=rest: next(rest), hint)  # type: ignore[misc]
        try:
            return parse(words_of(line.replace("…", "AAPL")))
        except Exception as error:
            said.append(f"{line}: {error}")
    raise AssertionError("\n".join(said))


def test_there_are_examples_and_hints_to_test() -> None:
    assert len(examples()) > 40
    assert len(hints()) > 20
    assert len(documented()) > 20
