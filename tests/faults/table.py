"""The table of faults: one row each, with what the run must leave behind. A new fault is one more row.

`SPOT` is an hour that only one of the five requests of a scene overlaps, so a fault struck there concerns one chunk and
the others must come through untouched.
"""

from dataclasses import dataclass
from typing import Any

from ingest.domain.ledger import State
from ingest.errors import GatewayError, GatewayLost, GatewayRefused, GatewayUnreachable

SPOT = '["2024-05-20T14:00:00Z", "2024-05-20T15:00:00Z"]'


@dataclass(frozen=True, slots=True)
class Row:
    """A fault and its consequence. `leaves` None: the run gets through it and ends complete.

    Otherwise that is the state of all that could not be had, for the reason `says`; `permanent` that it is refused for
    good. `ends_with` is the error that ends the run, where one does.
    """

    what: str
    script: str
    leaves: State | None = None
    says: str = ""
    permanent: bool = False
    ends_with: type[GatewayError] | None = None

    def __str__(self) -> str:
        return self.what


def strikes(action: str, *, times: int | None = None, nth: int | None = None, message: str = "", **told: Any) -> str:
    """A fault of requests. For bars it strikes at the spot, every time unless `times` or `nth` says otherwise."""
    match = {"message": f'"{message or "historical"}"'} | ({} if message else {"window": SPOT})
    match |= {name: str(value) for name, value in (("times", times), ("nth", nth)) if value is not None}
    match |= {"client_id": str(told.pop("client_id"))} if "client_id" in told else {}
    words = ", ".join(f"{name} = {value}" for name, value in match.items())
    return f'[[fault]]\naction = "{action}"\nmatch = {{ {words} }}\n{_told(told)}'


def happens(action: str, after: float = 0.3, **told: Any) -> str:
    """A fault of the whole Gateway; by default while the first two requests are in flight."""
    return f'[[fault]]\naction = "{action}"\nafter = {after}\n{_told(told)}'


def _told(told: dict[str, Any]) -> str:
    return "".join(
        f'{name} = "{value}"\n' if isinstance(value, str) else f"{name} = {str(value).lower()}\n"
        for name, value in told.items()
    )


TIMED_OUT, FAILED, PENDING = State.TIMED_OUT, State.FAILED, State.PENDING
_NO_ANSWER = "no complete answer within 60 s"
_BROKEN = "The answer is broken"
_CLOSED = "closed the session"

ANSWERS: tuple[Row, ...] = (
    Row("a request that is never answered", strikes("silence"), TIMED_OUT, _NO_ANSWER),
    Row("a request that is not answered once", strikes("silence", times=1)),
    Row("an answer after the deadline", strikes("delay", seconds=200), TIMED_OUT, _NO_ANSWER),
    Row("an answer just before the deadline", strikes("delay", seconds=55)),
    Row("an answer in spite of its cancellation", strikes("deaf", seconds=200), TIMED_OUT, _NO_ANSWER),
    Row("an answer in spite of its cancellation, once", strikes("deaf", times=1, seconds=70)),
    Row("a socket closed instead of every answer", strikes("drop"), FAILED, _CLOSED),
    Row("a socket closed instead of an answer", strikes("drop", times=1)),
    Row("a socket closed three times instead of an answer", strikes("drop", times=3)),
    Row("an answer that is cut short without a word", strikes("truncated", fraction=0.5), PENDING, "cut short"),
    Row("an answer whose head is cut off", strikes("truncated", fraction=0.5, side="start")),
    Row("an answer that is cut short once", strikes("truncated", times=1)),
    Row("an answer whose head is cut off once", strikes("truncated", times=1, side="start")),
    Row("an answer that lacks its last three bars once", strikes("truncated", times=1, fraction=0.981)),
    Row("an answer that lacks its last bar once", strikes("truncated", times=1, fraction=0.994)),
    Row("an answer that lacks its first bar once", strikes("truncated", times=1, fraction=0.994, side="start")),
    Row("an answer with nothing but its end once", strikes("empty", times=1)),
    Row("an answer out of order", strikes("disorder"), FAILED, _BROKEN),
    Row("an answer out of order once", strikes("disorder", times=1)),
    Row("an answer with bars twice", strikes("duplicates", count=3), FAILED, _BROKEN),
    Row("an answer with bars twice, once", strikes("duplicates", times=1, count=3)),
    Row("an answer with bars outside its window", strikes("outside", count=2)),
    Row("an answer with NaN for a price", strikes("garbage_price", value="nan"), FAILED, _BROKEN),
    Row("an answer with infinity for a price", strikes("garbage_price", value="inf"), FAILED, _BROKEN),
    Row("an answer with the largest double for a price", strikes("garbage_price", value="huge"), FAILED, _BROKEN),
    Row("an answer with zero for a price", strikes("garbage_price", value="zero")),
    Row("an answer with a price below zero", strikes("garbage_price", value="negative")),
    Row("an answer with zero for a price once", strikes("garbage_price", times=1, value="zero")),
    Row("an answer with volumes in lots", strikes("lots"), FAILED, "lots"),
    Row("an answer with volumes in lots once", strikes("lots", times=1), FAILED, "lots"),
    Row("an answer without its end", strikes("missing_end"), TIMED_OUT, _NO_ANSWER),
    Row("an answer without its end once", strikes("missing_end", times=1)),
)

BYTES: tuple[Row, ...] = (
    Row("an answer that trickles in", strikes("slow", seconds=50)),
    Row("an answer that trickles in for too long", strikes("slow", seconds=200), TIMED_OUT, _NO_ANSWER),
    Row("half a frame and then nothing more", strikes("half_frame"), FAILED, _CLOSED),
    Row("half a frame and then nothing more, once", strikes("half_frame", times=1)),
    Row("frames split into seven bytes at a time", strikes("split", size=7)),
    Row("frames split into single bytes", strikes("byte_by_byte")),
    Row("frames split with pauses inside", strikes("split", size=1000, seconds=0.5)),
    Row("frames glued to others", strikes("glued")),
    Row("a burst of a multiple of 4096 bytes", strikes("align")),
    Row("an unreadable frame before each answer", strikes("bad_frame"), FAILED, _BROKEN),
    Row("an unreadable frame before an answer", strikes("bad_frame", times=1)),
    Row("a message of an unknown kind", strikes("unknown_message")),
    Row("an answer nobody asked for", strikes("stray_answer")),
)

_HEADS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("never", "silence", {}),
    ("late", "delay", {"seconds": 200}),
    ("refused", "error", {"known": "no_head"}),
    ("refused for pacing", "error", {"known": "pacing"}),
    ("an unknown error", "error", {"known": "unheard_of"}),
    ("a closed socket", "drop", {}),
    ("half a frame", "half_frame", {}),
    ("an unreadable frame before it", "bad_frame", {}),
)
HEADS: tuple[Row, ...] = tuple(
    Row(f"a head timestamp: {what}", strikes(action, message="head_timestamp", **told)) for what, action, told in _HEADS
)

CONNECTING: tuple[Row, ...] = (
    Row(
        "a handshake that is never answered",
        strikes("silent_handshake", message="connect"),
        ends_with=GatewayUnreachable,
    ),
    Row("half a handshake", strikes("partial_handshake", message="connect"), ends_with=GatewayUnreachable),
    Row("a socket that closes at once", strikes("drop", message="connect"), ends_with=GatewayUnreachable),
    Row("a handshake in pieces", strikes("split_handshake", message="connect", seconds=2)),
    Row("a handshake glued to what follows", strikes("glued_handshake", message="connect")),
    Row("a session that never starts", strikes("silence", message="start"), ends_with=GatewayRefused),
    Row("a session that starts late", strikes("delay", message="start", seconds=15)),
    Row("a session that is closed at its start", strikes("drop", message="start"), ends_with=GatewayRefused),
    Row("a client id that a stale session holds", strikes("client_id_in_use", message="start", times=2)),
    Row("a client id that another program holds", strikes("client_id_in_use", message="start", client_id=3)),
    Row(
        "a Gateway on which no client id is free",
        strikes("client_id_in_use", message="start"),
        ends_with=GatewayRefused,
    ),
    Row("a locked account", strikes("error", message="start", known="locked"), ends_with=GatewayRefused),
    *(
        Row(f"a lost session and then {what}", happens("drop_all") + strikes(action, message=message, nth=2))
        for what, action, message in (
            ("a silent handshake", "silent_handshake", "connect"),
            ("half a handshake", "partial_handshake", "connect"),
            ("a socket that closes at once", "drop", "connect"),
            ("a session that does not start", "silence", "start"),
            ("its client id in use", "client_id_in_use", "start"),
        )
    ),
)

_LOST = GatewayLost
INCIDENTS: tuple[Row, ...] = (
    Row("a lost socket", happens("drop_all")),
    Row("a restart of two minutes", happens("restart", seconds=120)),
    Row("a restart that does not end", happens("restart", seconds=80_000), FAILED, "stayed away", ends_with=_LOST),
    *(
        Row(f"a {farm} farm that breaks {when}", happens("farm_down", after, farm=farm, seconds=seconds))
        for farm in ("hmds", "market", "secdef")
        for when, after, seconds in (("at the start", 0.0, 100), ("for a moment", 0.3, 5), ("for an hour", 0.3, 3600))
    ),
    Row(
        "a history farm that stays broken",
        happens("farm_down", farm="hmds", seconds=90_000),
        FAILED,
        "history farm",
        ends_with=_LOST,
    ),
    Row("a sleeping farm", happens("farm_inactive")),
    *(
        Row(
            f"IB out of reach for {seconds} s, then {restored}",
            happens("connection_lost", seconds=seconds, restored=restored, spurious_200=spurious),
        )
        for restored in (1101, 1102)
        for seconds, spurious in ((3, False), (300, True), (5000, False))
    ),
    Row(
        "IB out of reach for good",
        happens("connection_lost", seconds=90_000),
        FAILED,
        "no connection to IB",
        ends_with=_LOST,
    ),
    Row("a login that is gone for ten minutes", happens("logout", seconds=600)),
    Row("a login that is gone for the weekend", happens("logout", seconds=90_000), FAILED, "", ends_with=_LOST),
)
