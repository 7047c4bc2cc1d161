"""What is known of the way to IB: the line from TWS to IB, and each data farm by name. Pure: messages in, state out.

    1100, 2110        the line is broken          1101, 1102   it is back (2110 also ends with any farm's OK)
    2103 2105 2157    a farm is broken            2104 2106 2158   it is back
    2107 2108         a farm sleeps; it wakes on the next request and blocks nothing

A broken farm concerns its own region only, so one broken farm never blocks the rest. Which farm serves an instrument is
not told, however, so no emptiness is believed while any history farm is broken, nor for a while after it came back.
"""

from dataclasses import dataclass, field
from enum import Enum

BROKEN_FARM = {2103: "market data", 2105: "history", 2157: "definitions"}
WORKING_FARM = {2104: "market data", 2106: "history", 2158: "definitions"}
SLEEPING_FARM = {2108: "market data", 2107: "history"}
HISTORY_CODES = frozenset({162})
"""Codes by which the history farms themselves answer."""
_SETTLING_SECONDS = 30.0
"""After the line or a history farm came back, how long what it denies is still not believed."""


class Change(Enum):
    """What a message changed for the requests in flight."""

    NOTHING = "nothing"
    LINE_LOST = "line lost"
    LINE_RESTORED = "line restored"
    FARM = "farm"


@dataclass(slots=True)
class Connectivity:
    """The state of one session. A new session starts believing that everything works."""

    line_is_up: bool = True
    farms: dict[tuple[str, str], bool] = field(default_factory=dict)
    troubled_at: float | None = None  # when the line or a history farm was last heard to break
    _only_tws_said_so: bool = False
    _restored_at: float | None = None
    _farm_restored_at: float | None = None

    def note(self, code: int, text: str, now: float) -> Change:
        """Take in a message that names no request; `now` in monotonic seconds."""
        if code in (1100, 2110, 2105):
            self.troubled_at = now
        if code in (1100, 2110):
            return self._lose_line(code)
        if code in (1101, 1102):
            return self._restore_line(now)
        for table, works in ((BROKEN_FARM, False), (WORKING_FARM, True), (SLEEPING_FARM, True)):
            if code in table:
                return self._note_farm((table[code], farm_name(text)), works, code, now)
        return Change.NOTHING

    def serves_history(self) -> bool:
        """Whether requests for bars make sense: the line is up and not every known history farm is broken."""
        known = [works for (kind, _), works in self.farms.items() if kind == "history"]
        return self.line_is_up and (not known or any(known))

    def troubled_since(self, moment: float) -> bool:
        """Whether an answer that was due since then may have been lost on the way, through no fault of the request."""
        return not self.serves_history() or (self.troubled_at is not None and self.troubled_at >= moment)

    def is_trusted(self, now: float) -> bool:
        """Whether a refusal can be believed: nothing that definitions come through is, or just was, broken."""
        definitions = [works for (kind, _), works in self.farms.items() if kind == "definitions"]
        return self.line_is_up and _has_settled(self._restored_at, now) and (not definitions or any(definitions))

    def trusts_emptiness(self, now: float) -> bool:
        """Whether it can be believed that history has nothing: line and history farms are well, and have been."""
        history = [works for (kind, _), works in self.farms.items() if kind == "history"]
        settled = _has_settled(self._restored_at, now) and _has_settled(self._farm_restored_at, now)
        return self.line_is_up and settled and all(history)

    def _lose_line(self, code: int) -> Change:
        was_up, self.line_is_up = self.line_is_up, False
        self._only_tws_said_so = code == 2110 and (was_up or self._only_tws_said_so)
        return Change.LINE_LOST if was_up else Change.NOTHING

    def _restore_line(self, now: float) -> Change:
        self.line_is_up, self._only_tws_said_so, self._restored_at = True, False, now
        return Change.LINE_RESTORED

    def _note_farm(self, farm: tuple[str, str], works: bool, code: int, now: float) -> Change:
        if code in WORKING_FARM and not self.line_is_up and self._only_tws_said_so:
            self.farms[farm] = works
            return self._restore_line(now)
        before = self.farms.get(farm, True)
        self.farms[farm] = works
        if works and not before and farm[0] == "history":
            self._farm_restored_at = now
        return Change.NOTHING if before is works else Change.FARM


def _has_settled(restored_at: float | None, now: float) -> bool:
    return restored_at is None or now - restored_at >= _SETTLING_SECONDS


def farm_name(text: str) -> str:
    """The name at the end of a farm notice ("… is OK:ushmds", "… available upon demand.ushmds"); "" for none."""
    for separator in (":", "."):
        _, found, name = text.rpartition(separator)
        if found and name.strip() and " " not in name.strip():
            return name.strip()
    return ""
