"""Fault scripts: TOML in, validated values out.

[[fault]]
action = "error"
code = 162
text = "Historical Market Data Service error message:Historical data request pacing violation"
match = { message = "historical", symbol = "AAPL", every = 5 }
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

#: Message kinds a fault can name.
MESSAGES = ("historical", "head_timestamp", "contract", "symbols")

#: Action → the parameters it takes.
ACTIONS: dict[str, frozenset[str]] = {
    "silence": frozenset(),
    "error": frozenset({"code", "text"}),
    "drop": frozenset(),
    "delay": frozenset({"seconds"}),
}


class FaultScriptError(ValueError):
    """The script cannot mean anything; the message names the entry and the word."""


@dataclass(frozen=True, slots=True)
class Match:
    """Which requests a fault hits. Empty fields match everything.

    `nth`, `every` and `probability` are counted over the requests that fit the rest; `times` limits how often it hits.
    `window` is hit by any request whose resolved window overlaps it (epoch seconds).
    """

    message: str = ""
    client_id: int | None = None
    symbol: str = ""
    sec_type: str = ""
    bar_size: str = ""
    what: str = ""
    window: tuple[float, float] | None = None
    nth: int | None = None
    every: int | None = None
    probability: float | None = None
    seed: int = 0
    times: int | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """One entry of a script."""

    action: str
    match: Match = field(default_factory=Match)
    code: int = 0
    text: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class FaultScript:
    faults: tuple[Fault, ...] = ()


def load_script(path: Path) -> FaultScript:
    return parse_script(path.read_text("utf-8"))


def parse_script(text: str) -> FaultScript:
    """The script in a TOML text; raises `FaultScriptError`."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FaultScriptError(str(error)) from error
    unknown = set(document) - {"fault"}
    if unknown:
        raise FaultScriptError(f"a script holds [[fault]] entries only, not {sorted(unknown)}")
    return FaultScript(tuple(_fault(entry, at) for at, entry in enumerate(document.get("fault", []), 1)))


def _fault(entry: Mapping[str, Any], at: int) -> Fault:
    action = entry.get("action", "")
    if action not in ACTIONS:
        raise FaultScriptError(f"fault {at}: unknown action {action!r}; there are {', '.join(sorted(ACTIONS))}")
    given = set(entry) - {"action", "match"}
    if given - ACTIONS[action]:
        raise FaultScriptError(f"fault {at}: {action} does not take {', '.join(sorted(given - ACTIONS[action]))}")
    if action == "error" and not {"code", "text"} <= given:
        raise FaultScriptError(f"fault {at}: an error needs a code and a text")
    return Fault(match=_match(entry.get("match", {}), at), **{key: entry[key] for key in {"action", *given}})


def _match(entry: Mapping[str, Any], at: int) -> Match:
    unknown = set(entry) - {one.name for one in fields(Match)}
    if unknown:
        raise FaultScriptError(f"fault {at}: match does not know {', '.join(sorted(unknown))}")
    if entry.get("message", MESSAGES[0]) not in MESSAGES:
        raise FaultScriptError(f"fault {at}: unknown message {entry['message']!r}; there are {', '.join(MESSAGES)}")
    values = dict(entry)
    if "window" in values:
        start, end = (_instant(one, at) for one in values["window"])
        values["window"] = (start, end)
    return Match(**values)


def _instant(value: object, at: int) -> float:
    """Epoch seconds of a TOML date-time or an ISO string; without a zone it is UTC."""
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError as error:
        raise FaultScriptError(f"fault {at}: {value!r} is not an instant") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
