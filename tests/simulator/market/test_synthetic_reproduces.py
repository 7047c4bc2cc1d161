"""The same seed gives the same market, in any process and any order of questions."""

import os
import subprocess
import sys
from collections.abc import Callable

import numpy as np

from ingest.simulator.market.synthetic.market import SyntheticMarket
from ingest.simulator.market.synthetic.noise import draw, stream
from ingest.simulator.market.types import BAR_SIZES, Bars

Same = Callable[[Bars, Bars], bool]

START, END = 1_704_067_200, 1_704_672_000

PROGRAM = """
import hashlib, sys
from ingest.simulator.market.synthetic.market import SyntheticMarket
from ingest.simulator.market.types import BAR_SIZES, Bars
market, digest = SyntheticMarket(int(sys.argv[1])), hashlib.sha256()
for contract in market.contracts()[::9]:
    for what in ("TRADES", "BID_ASK", "ADJUSTED_LAST"):
        for size in BAR_SIZES[5::4]:
            bars = market.bars(contract, what, size, 1_704_067_200, 1_704_672_000, use_rth=False)
            for name in Bars.__slots__:
                digest.update(getattr(bars, name).tobytes())
print(digest.hexdigest())
"""


def digest(seed: int, hash_seed: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(seed)], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_two_processes_draw_the_same_market_and_another_seed_another() -> None:
    first, again, other = digest(7, "1"), digest(7, "2"), digest(8, "1")
    assert len(first) == 64
    assert first == again
    assert first != other


def test_the_noise_is_the_published_splitmix() -> None:
    """The first outputs of SplitMix64 from state 1234567, as its authors print them."""
    place = np.arange(1, 6, dtype=np.int64)
    assert draw(1234567, place).tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


def test_streams_are_told_apart_by_every_part_of_their_name() -> None:
    names = [
        (7, 1),
        (7, 2),
        (8, 1),
        (71,),
        (7, "1"),
        (7, 1, "day"),
        (7, 1, "dax"),
        (2**64 + 7, 1),
        (-7, 1),
        (0,),
        (0, 0),
    ]
    assert len({stream(*name) for name in names}) == len(names)


def test_the_order_of_questions_does_not_matter(same: Same) -> None:
    forward, backward = SyntheticMarket(7), SyntheticMarket(7)
    questions = [(contract, size) for contract in forward.contracts()[::15] for size in BAR_SIZES[5::3]]

    def answers(market: SyntheticMarket, order: int) -> list[Bars]:
        told = [market.bars(one, "MIDPOINT", size, START, END, use_rth=False) for one, size in questions[::order]]
        return told[::order]

    assert all(same(one, two) for one, two in zip(answers(forward, 1), answers(backward, -1), strict=True))


def test_a_known_market_stays_what_it_is() -> None:
    """Stored captures and demos name prices; a change here is a change of every synthetic price."""
    market = SyntheticMarket(1)
    (size,) = [size for size in BAR_SIZES if size.unit == "day"]
    bars = market.bars(market.contracts()[0], "TRADES", size, START, END, use_rth=True)
    text = " ".join(f"{close:.2f}/{volume:.0f}" for close, volume in zip(bars.close, bars.volume, strict=True))
    assert text == "187.11/29883529 192.19/27217182 191.24/24338624 198.32/27140726"
