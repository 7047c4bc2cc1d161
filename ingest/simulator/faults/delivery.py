"""How bytes leave: whole, in pieces with pauses, padded, mixed with rubbish, or with the socket closed behind them."""

from dataclasses import dataclass

from ingest.simulator.faults.script import Fault
from ingest.simulator.wire import answers
from ingest.simulator.wire.framing import protobuf_frame, text_frame
from ingest.simulator.wire.versions import answers_in_protobuf

#: The official client reads this many bytes at a time, and takes a full read for "more is coming".
RECEIVE_BYTES = 4096

#: Pieces a slow answer is spread over.
_SLOW_PIECES = 16

_PADDING_NOTICE = (2106, "HMDS data farm connection is OK:ushmds")


@dataclass(frozen=True, slots=True)
class Delivery:
    """Pieces in order, each followed by a pause in simulator seconds. Pieces are flushed apart from each other."""

    pieces: tuple[tuple[bytes, float], ...]
    then_close: bool = False


def whole(frames: bytes) -> Delivery:
    return Delivery(((frames, 0.0),))


def last_words(frames: bytes) -> Delivery:
    """The frames, and then the socket closes."""
    return Delivery(((frames, 0.0),), then_close=True)


def in_pieces(frames: bytes, size: int, pause: float) -> Delivery:
    return Delivery(tuple((frames[at : at + size], pause) for at in range(0, len(frames), size)))


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An answer about to leave, and what a fault needs to know about its reader."""

    version: int
    req_id: int
    frames: bytes
    now: float


def delivered(fault: Fault | None, answer: Outgoing) -> Delivery:
    """The answer on its way out, as the fault has it."""
    frames = answer.frames
    match fault.action if fault else "":
        case "slow":
            assert fault is not None
            return in_pieces(frames, -(-len(frames) // _SLOW_PIECES), fault.seconds / _SLOW_PIECES)
        case "half_frame":
            return last_words(frames[: len(frames) // 2])
        case "split":
            assert fault is not None
            return in_pieces(frames, fault.size, fault.seconds)
        case "byte_by_byte":
            return in_pieces(frames, 1, 0.0)
        case "glued":
            return whole(_notice(answer) + frames + _notice(answer))
        case "align":
            return whole(frames + padding(answer, -len(frames) % RECEIVE_BYTES))
        case "bad_frame":
            return whole(_bad_frame(answer) + frames)
        case "unknown_message":
            return whole(answers.unknown_message(answer.version) + frames)
        case _:
            return whole(frames)


def _notice(answer: Outgoing, more: str = "") -> bytes:
    code, text = _PADDING_NOTICE
    return answers.error(answer.version, -1, code, text + more, answer.now)


def padding(answer: Outgoing, missing: int) -> bytes:
    """A harmless notice of exactly `missing` bytes, or that and one whole receive more where it would not fit."""
    if missing == 0:
        return b""
    bare = len(_notice(answer))
    for size in (missing, missing + RECEIVE_BYTES, missing + 2 * RECEIVE_BYTES):
        # A length inside protobuf grows with the text, so the right number of dots is looked for.
        for dots in range(max(0, size - bare - 8), max(0, size - bare + 1)):
            if len(notice := _notice(answer, "." * dots)) == size:
                return notice
    raise AssertionError(f"no notice is {missing} bytes long")


def _bad_frame(answer: Outgoing) -> bytes:
    """A historical answer whose fields are not what they should be."""
    if answers_in_protobuf(answer.version, 17):
        return protobuf_frame(17, b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x12\x7f\x0a")
    return text_frame(answer.version, 17, answer.req_id, "three", "20240105", "not", "a", "price")
