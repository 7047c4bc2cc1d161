"""`ReplayMarket`: recorded bars, exactly as recorded at their own size and added up at coarser ones."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from ingest.simulator.market.arrays import Floats
from ingest.simulator.market.replay.contracts import Identity, contract_of, venue_of
from ingest.simulator.market.replay.hours import with_bars, with_days
from ingest.simulator.market.replay.reading import SIZES, read
from ingest.simulator.market.replay.tape import Tape, play, serves, tape
from ingest.simulator.market.timetable import DAY_SECONDS, Timetable, day_number
from ingest.simulator.market.types import BAR_SIZES, Bars, BarSize, Contract, Session

FIRST_CON_ID = 950_000_001
_MOST_DECIMALS = 10

_IDENTITY = list(Identity.__slots__)


@dataclass(frozen=True, slots=True)
class Recording:
    """All that is recorded of one contract: per whatToShow its tapes, finest first."""

    contract: Contract
    table: Timetable
    tapes: dict[str, tuple[Tape, ...]]


class ReplayMarket:
    """The market that a file, or a folder of files, describes."""

    def __init__(self, place: Path) -> None:
        groups = read(place).groupby(_IDENTITY, sort=True)
        recordings = [_recording(FIRST_CON_ID + number, rows) for number, (_, rows) in enumerate(groups)]
        self._recordings = {recording.contract.con_id: recording for recording in recordings}

    def contracts(self) -> Sequence[Contract]:
        """Every contract that is recorded, by symbol."""
        return tuple(recording.contract for recording in self._recordings.values())

    def has_series(self, contract: Contract, what: str) -> bool:
        """Whether anything of the series is recorded, at any bar size."""
        return what in self._recordings[contract.con_id].tapes or (what == "SCHEDULE" and contract.sec_type != "OPT")

    def head(self, contract: Contract, what: str) -> int | None:
        """When the first recorded bar began."""
        tapes = self._recordings[contract.con_id].tapes.get(what, ())
        return min((int(one.begins[0]) for one in tapes), default=None)

    def sessions(self, contract: Contract, first: date, last: date, *, use_rth: bool) -> Sequence[Session]:
        """The venue's sessions, and those that only the recording knows of."""
        table = self._recordings[contract.con_id].table
        return table.between(day_number(first), day_number(last)).sessions(use_rth=use_rth)

    def bars(self, contract: Contract, what: str, size: BarSize, start: int, end: int, *, use_rth: bool) -> Bars:
        """See `Market.bars`. A size finer than any that is recorded has no bars."""
        recording = self._recordings[contract.con_id]
        able = [one for one in recording.tapes.get(what, ()) if serves(one.size, size)]
        if not able:
            return _bars_of(pd.DataFrame(columns=["ts", "open", "high", "low", "close", "volume", "wap", "count"]))
        return play(able[-1], recording.table, size, start, end, use_rth=use_rth)


def _recording(con_id: int, rows: pd.DataFrame) -> Recording:
    identity = Identity(*(str(rows[column].iloc[0]) for column in _IDENTITY))
    venue = venue_of(identity)
    series = [(str(what), SIZES[str(bar)], _bars_of(part)) for (what, bar), part in rows.groupby(["what", "bar"])]
    series.sort(key=lambda one: BAR_SIZES.index(one[1]))
    dated = [bars.start // DAY_SECONDS for _, size, bars in series if size.unit == "day"]
    table = with_days(venue, np.unique(np.concatenate([*dated, np.empty(0, np.int64)])))
    for _, size, bars in series:
        if size.unit == "seconds":
            table = with_bars(table, venue, bars.start, size.seconds)
    tapes: dict[str, tuple[Tape, ...]] = {}
    for what, size, bars in series:
        tapes[what] = (*tapes.get(what, ()), tape(size, bars, table))
    contract = contract_of(con_id, identity, str(rows["timezone"].iloc[0]))
    finest = min(contract.min_tick, *(_tick(bars) for _, _, bars in series))
    return Recording(replace(contract, min_tick=finest), table, tapes)


def _tick(bars: Bars) -> float:
    """The step that recorded prices need: the Gateway tells prices with the tick's decimals, so it must lose none."""
    prices = np.concatenate([bars.open, bars.high, bars.low, bars.close])
    for decimals in range(_MOST_DECIMALS):
        if np.array_equal(np.round(prices, decimals), prices):
            return float(10.0**-decimals)
    return float(10.0**-_MOST_DECIMALS)


def _bars_of(rows: pd.DataFrame) -> Bars:
    """The columns, with −1 for what is not recorded."""

    def numbers(name: str, missing: float | None = None) -> Floats:
        column = rows[name].to_numpy(dtype=np.float64)
        return column if missing is None else np.where(np.isnan(column), missing, column)

    return Bars(
        rows["ts"].to_numpy(dtype=np.int64),
        numbers("open"),
        numbers("high"),
        numbers("low"),
        numbers("close"),
        numbers("volume", -1.0),
        numbers("wap", -1.0),
        numbers("count", -1.0).astype(np.int32),
    )
