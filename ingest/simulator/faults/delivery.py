"""How bytes leave: whole, or in pieces with pauses, or with the socket closed behind them."""

from dataclasses import dataclass


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
