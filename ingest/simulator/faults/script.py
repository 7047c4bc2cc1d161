"""Fault scripts: TOML in, validated values out.

[[fault]]
action = "error"
known = "pacing"                                # or code = 162 and text = "…"
match = { message = "historical", symbol = "AAPL", every = 5 }

[[fault]]
action = "restart"
seconds = 120
at = "2024-01-05T23:45:00-05:00"                # or after = 30.0, seconds from the start
every = 86400.0

[[fault]]
action = "renamed"                              # or delisted, moved
con_id = 900000001
symbol = "META"
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ingest.simulator.faults.actions import ACTIONS, MESSAGES, fits
from ingest.simulator.faults.catalogue import KNOWN


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
class Schedule:
    """When a fault of the whole Gateway strikes, in simulator time: at an instant, or `after` seconds; then `every`."""

    at: float | None = None
    after: float = 0.0
    every: float | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """One entry of a script. What an action does not take keeps its default and is not looked at."""

    action: str
    match: Match = field(default_factory=Match)
    schedule: Schedule = field(default_factory=Schedule)
    code: int = 0
    text: str = ""
    seconds: float = 0.0
    size: int = 1
    count: int = 1
    fraction: float = 0.5
    side: str = "end"  # which part of a truncated answer is missing
    value: str = "nan"  # nan, inf, huge, zero, negative
    farm: str = "hmds"  # hmds, market, secdef
    restored: int = 1102
    con_id: int = 0
    symbol: str = ""
    local_symbol: str = ""
    long_name: str = ""
    exchange: str = ""
    primary_exchange: str = ""
    spurious_200: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether it strikes the Gateway rather than a request."""
        return ACTIONS[self.action].stage == "whole"


@dataclass(frozen=True, slots=True)
class FaultScript:
    faults: tuple[Fault, ...] = ()


_CHOICES = {
    "side": ("start", "end"),
    "value": ("nan", "inf", "huge", "zero", "negative"),
    "farm": ("hmds", "market", "secdef"),
    "restored": (1101, 1102),
}
_SCHEDULE = frozenset({"at", "after", "every"})


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
    found = []
    for number, entry in enumerate(document.get("fault", []), 1):
        try:
            found.append(_fault(entry))
        except FaultScriptError as error:
            raise FaultScriptError(f"fault {number}: {error}") from error
    return FaultScript(tuple(found))


def _fault(entry: Mapping[str, Any]) -> Fault:
    action = entry.get("action", "")
    if action not in ACTIONS:
        raise FaultScriptError(f"unknown action {action!r}; there are {', '.join(sorted(ACTIONS))}")
    rule = ACTIONS[action]
    around = {"action"} | (_SCHEDULE if rule.stage == "whole" else {"match"})
    given = set(entry) - around
    if given - rule.parameters:
        raise FaultScriptError(f"{action} does not take {', '.join(sorted(given - rule.parameters))}")
    if rule.required - given:
        raise FaultScriptError(f"{action} needs {', '.join(sorted(rule.required - given))}")
    values = _quoted(action, {key: entry[key] for key in given}) if "code" in rule.parameters else dict(entry)
    values = {key: value for key, value in values.items() if key not in around}
    _check_types(values, Fault)
    for key, choices in _CHOICES.items():
        if key in values and values[key] not in choices:
            raise FaultScriptError(f"{key} is one of {', '.join(map(str, choices))}, not {values[key]}")
    if rule.stage == "whole":
        return Fault(action, schedule=_schedule(entry), **values)
    return Fault(action, match=_match(entry.get("match", {}), action), **values)


def _quoted(action: str, values: dict[str, Any]) -> dict[str, Any]:
    """Code and text, given or looked up by name."""
    name = values.pop("known", None)
    if name is None and not {"code", "text"} <= set(values):
        raise FaultScriptError(f"{action} needs a code and a text, or known = the name of both")
    if name is not None:
        if name not in KNOWN:
            raise FaultScriptError(f"no error is known as {name!r}; there are {', '.join(sorted(KNOWN))}")
        values = {"code": KNOWN[name].code, "text": KNOWN[name].text}
    return values


def _schedule(entry: Mapping[str, Any]) -> Schedule:
    values = {key: entry[key] for key in _SCHEDULE & set(entry)}
    if "at" in values:
        values["at"] = _instant(values["at"])
    _check_types(values, Schedule)
    return Schedule(**values)


def _match(entry: Mapping[str, Any], action: str) -> Match:
    unknown = set(entry) - {one.name for one in fields(Match)}
    if unknown:
        raise FaultScriptError(f"match does not know {', '.join(sorted(unknown))}")
    message = entry.get("message", "")
    if message and message not in MESSAGES:
        raise FaultScriptError(f"unknown message {message!r}; there are {', '.join(MESSAGES)}")
    if message and not fits(action, message):
        raise FaultScriptError(f"{action} cannot happen to {message}")
    values = dict(entry)
    if "window" in values:
        start, end = (_instant(one) for one in values.pop("window"))
        _check_types(values, Match)
        return Match(window=(start, end), **values)
    _check_types(values, Match)
    return Match(**values)


def _check_types(values: Mapping[str, Any], kind: type) -> None:
    """TOML is typed: a string where a number belongs is a mistake worth a sentence."""
    wanted = {one.name: getattr(one.type, "__name__", None) or str(one.type) for one in fields(kind)}
    for key, value in values.items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        text = wanted[key]
        good = (
            isinstance(value, bool)
            if "bool" in text
            else is_number and (isinstance(value, int) or "float" in text)
            if "int" in text or "float" in text
            else isinstance(value, str)
        )
        if not good:
            raise FaultScriptError(f"{key} = {value!r} is not of type {text}")


def _instant(value: object) -> float:
    """Epoch seconds of a TOML date-time or an ISO string; without a zone it is UTC."""
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError as error:
        raise FaultScriptError(f"{value!r} is not an instant") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
