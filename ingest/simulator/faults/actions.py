"""Everything that can be made to go wrong: the name of each misbehaviour, where it strikes and what it can be told.

A stage says when an action happens: instead of or before an answer, to its bars, to its bytes, while a client connects,
or to the whole Gateway at a given time. It decides which messages an action can be matched to.
"""

from dataclasses import dataclass
from typing import Literal

Stage = Literal["before", "bars", "bytes", "connect", "whole"]

#: Message kinds a fault can name, by the stages that make sense for them. A `violation` is a pacing rule just broken.
MESSAGES: dict[str, frozenset[Stage]] = {
    "historical": frozenset({"before", "bars", "bytes"}),
    "head_timestamp": frozenset({"before", "bytes"}),
    "contract": frozenset({"before"}),
    "symbols": frozenset({"before"}),
    "violation": frozenset({"before"}),
    "connect": frozenset({"connect"}),
    "start": frozenset({"before", "connect"}),
}


@dataclass(frozen=True, slots=True)
class Action:
    stage: Stage
    parameters: frozenset[str] = frozenset()
    required: frozenset[str] = frozenset()


def _takes(stage: Stage, *parameters: str, required: tuple[str, ...] = ()) -> Action:
    return Action(stage, frozenset((*parameters, *required)), frozenset(required))


ACTIONS: dict[str, Action] = {
    # Instead of an answer, or before it.
    "silence": _takes("before"),
    "error": _takes("before", "code", "text", "known"),
    "notice": _takes("before", "code", "text", "known"),
    "drop": _takes("before"),
    "delay": _takes("before", required=("seconds",)),
    "deaf": _takes("before", required=("seconds",)),
    # The bars of an answer.
    "truncated": _takes("bars", "fraction", "side"),
    "empty": _takes("bars"),
    "disorder": _takes("bars"),
    "duplicates": _takes("bars", "count"),
    "outside": _takes("bars", "count"),
    "garbage_price": _takes("bars", "value"),
    "lots": _takes("bars"),
    "filler": _takes("bars"),
    "wrong_count": _takes("bars", "count"),
    "missing_end": _takes("bars"),
    # The bytes of an answer.
    "slow": _takes("bytes", required=("seconds",)),
    "half_frame": _takes("bytes"),
    "split": _takes("bytes", "seconds", required=("size",)),
    "byte_by_byte": _takes("bytes"),
    "glued": _takes("bytes"),
    "align": _takes("bytes"),
    "bad_frame": _takes("bytes"),
    "unknown_message": _takes("bytes"),
    "stray_answer": _takes("bytes"),
    # While a client connects.
    "silent_handshake": _takes("connect"),
    "partial_handshake": _takes("connect"),
    "split_handshake": _takes("connect", "seconds"),
    "glued_handshake": _takes("connect"),
    "client_id_in_use": _takes("connect"),
    # The whole Gateway, at a time.
    "farm_down": _takes("whole", "farm", required=("seconds",)),
    "farm_inactive": _takes("whole"),
    "connection_lost": _takes("whole", "restored", "spurious_200", required=("seconds",)),
    "restart": _takes("whole", required=("seconds",)),
    "logout": _takes("whole", "restored", "spurious_200", required=("seconds",)),
    "drop_all": _takes("whole"),
    "broadcast": _takes("whole", "code", "text", "known"),
    # What becomes of a contract, from a time on; without one, from the start.
    "delisted": _takes("whole", required=("con_id",)),
    "renamed": _takes("whole", "symbol", "local_symbol", "long_name", required=("con_id",)),
    "moved": _takes("whole", "exchange", "primary_exchange", required=("con_id",)),
}

#: Which connect actions belong to the handshake and which to startApi.
AT_START = frozenset({"client_id_in_use"})


def fits(action: str, message: str) -> bool:
    """Whether an action can happen to a message kind."""
    stage = ACTIONS[action].stage
    if stage == "connect":
        return message == ("start" if action in AT_START else "connect")
    if action == "deaf":
        return message in ("historical", "head_timestamp")
    return message == "connect" and action == "drop" if message == "connect" else stage in MESSAGES[message]


def default_messages(action: str) -> tuple[str, ...]:
    """What an action is matched to when a script names no message."""
    if ACTIONS[action].stage == "connect":
        return ("start",) if action in AT_START else ("connect",)
    if ACTIONS[action].stage == "bars":
        return ("historical",)
    return (
        ("historical", "head_timestamp", "contract", "symbols")
        if ACTIONS[action].stage == "before"
        else (
            "historical",
            "head_timestamp",
        )
    )
