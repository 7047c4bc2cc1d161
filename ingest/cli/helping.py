"""Help as people read it: brackets are brackets, and a paragraph fills the width there is.

Typer takes help texts for Rich's markup, which swallows what stands in square brackets, and keeps the source's line
breaks. The tree of commands is mended as a whole, so that no text has to know of it.
"""

from typing import Any

import typer
from rich.markup import escape


def readable(app: typer.Typer) -> Any:
    """The tree of commands of `app`, ready to be called, with help that is shown as it is written."""
    tree: Any = typer.main.get_command(app)
    _mend(tree)
    return tree


def _mend(command: Any) -> None:
    command.help = escape(_filled(command.help or "")) or None
    for parameter in command.params:
        if getattr(parameter, "help", None):
            parameter.help = escape(parameter.help)
    for each in getattr(command, "commands", {}).values():
        _mend(each)


def _filled(text: str) -> str:
    """Paragraphs in one line each; what is indented (examples) stays as it is."""
    return "\n\n".join(each if each.startswith(" ") else each.replace("\n", " ") for each in text.split("\n\n"))
