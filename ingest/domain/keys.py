"""What to say of keys and values in TOML files that cannot be meant: the same for settings and job files."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

_WORDS = {
    "missing": "is missing",
    "string_type": "must be a string in quotes",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "list_type": "must be a list in square brackets",
    "tuple_type": "must be a list in square brackets",
    "string_too_short": "must not be empty",
    "string_too_long": "must not be longer than {max_length} letters",
    "greater_than": "must be more than {gt:g}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
}


def unknown(name: str, known: Iterable[str]) -> str:
    """What to say of a key that means nothing here."""
    names = sorted(known)
    near = get_close_matches(name.lower(), names, n=1, cutoff=0.6)
    if near:
        return f"unknown key; did you mean {near[0]!r}?"
    return f"unknown key; known here are {', '.join(names)}"


def explained(error: Any) -> str:
    """Pydantic's finding (an ErrorDetails) in the words of a TOML file; what was written is only quoted of literals."""
    context = error.get("ctx", {})
    if (words := _WORDS.get(error["type"])) is not None:
        return words.format(**context)
    match error["type"]:
        case "literal_error":
            return f"must be {context['expected']}, not {error['input']!r}"
        case "value_error":
            return str(context["error"])
        case _:
            message = str(error["msg"])
            return message[:1].lower() + message[1:]
