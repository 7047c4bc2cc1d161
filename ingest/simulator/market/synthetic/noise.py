"""Noise as a function of place: the n-th word of a stream can be asked for without the ones before it.

This is SplitMix64, whose n-th output is a mix of `key + n · golden ratio`. A stateful generator would need one instance
per contract and day, so that the answer does not depend on what was asked first; here order cannot matter, a hundred
sessions are drawn in one numpy call, and integer arithmetic gives the same words on every machine.
"""

import numpy as np

from ingest.simulator.market.arrays import Ints, Words

_GOLDEN = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1

#: Standard deviation of `bell`: four uniform 16-bit lanes summed.
BELL_DEVIATION = 65536 / 3**0.5


def _mix(word: int) -> int:
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & _MASK
    return word ^ (word >> 31)


def stream(*parts: int | str) -> int:
    """The key of the stream that these parts name, the same in every process (`hash` is not)."""
    key = 0
    for part in parts:
        number = part if isinstance(part, int) else int.from_bytes(part.encode(), "big")
        while True:
            key = _mix((key + _GOLDEN + (number & _MASK)) & _MASK)
            number >>= 64
            if number in (0, -1):
                break
    return key


def draw(key: int | Words, place: Ints) -> Words:
    """The words at `place` of the stream `key` (or of one stream for each place)."""
    base = np.uint64(key) if isinstance(key, int) else key
    word = place.astype(np.uint64) * np.uint64(_GOLDEN) + base
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))


def bits(word: Words, low: int, width: int) -> Ints:
    """`width` bits of each word from bit `low` on, as a number in `[0, 2**width)`."""
    return ((word >> np.uint64(low)) & np.uint64((1 << width) - 1)).astype(np.int64)


def bell(word: Words) -> Ints:
    """Close to normal, mean zero, deviation `BELL_DEVIATION`; whole numbers, so that sums are exact in any order."""
    return bits(word, 0, 16) + bits(word, 16, 16) + bits(word, 32, 16) + bits(word, 48, 16) - 131070
