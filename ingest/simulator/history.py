"""Historical answers: asking the market, spelling the bars, keeping the result."""

from dataclasses import dataclass

import numpy as np

from ingest.simulator.cache import AnswerCache, EncodedBars
from ingest.simulator.manners import texts
from ingest.simulator.manners.validation import Wanted
from ingest.simulator.market.types import Bars, Contract, Market
from ingest.simulator.settings import ServerOptions
from ingest.simulator.window import Window
from ingest.simulator.wire import answers
from ingest.simulator.wire.bars import BarStyle, encode_bars
from ingest.simulator.wire.contract_answers import tick_text
from ingest.simulator.wire.times import dashed, date_style, stamp
from ingest.simulator.wire.versions import (
    FRACTIONAL_SIZES,
    INSTRUMENT_TIME_ZONE,
    VOLUME_IN_SHARES,
    answers_in_protobuf,
)

_LOT = 100

#: Decimals of what is not a price on the tick grid: volatilities, fees and yields.
_RATE_DECIMALS = 8
_ON_TICK = frozenset({"TRADES", "AGGTRADES", "ADJUSTED_LAST", "BID", "ASK"})
_RATES = frozenset({"HISTORICAL_VOLATILITY", "OPTION_IMPLIED_VOLATILITY", "FEE_RATE"})


@dataclass(frozen=True, slots=True)
class HistoryAnswer:
    """Frames ready to send: warnings, data, end marker (empty where the version has none)."""

    data: bytes
    end: bytes
    count: int
    warning: tuple[int, str] | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """Under which id an answer goes out, and by how much its announced count is wrong."""

    req_id: int
    miscount: int = 0


@dataclass(slots=True)
class HistoryDesk:
    """Answers questions about the past from a market, remembering encoded rows."""

    market: Market
    options: ServerOptions
    cache: AnswerCache

    def zone_name(self, version: int, contract: Contract) -> str:
        """Old clients and operators who chose so read the Gateway's zone, everyone else the instrument's."""
        if version < INSTRUMENT_TIME_ZONE or self.options.zone_attributes == "operator":
            return self.options.time_zone
        return contract.time_zone_id

    def encoded(self, version: int, contract: Contract, wanted: Wanted, window: Window) -> EncodedBars:
        """The rows of an answer, from the cache where they are."""
        style = self.style(version, contract, wanted)
        key = (contract.con_id, contract.sec_type, wanted.request.what, wanted.size.text, wanted.request.use_rth)
        whole_key = (*key, window.start, window.end, style)
        found = self.cache.get(whole_key)
        if found is None:
            found = encode(self.bars(contract, wanted, window), style)
            self.cache.put(whole_key, found)
        return found

    def bars(self, contract: Contract, wanted: Wanted, window: Window) -> Bars:
        request = wanted.request
        return self.market.bars(contract, request.what, wanted.size, window.start, window.end, use_rth=request.use_rth)

    def style(self, version: int, contract: Contract, wanted: Wanted) -> BarStyle:
        in_lots = version < VOLUME_IN_SHARES and contract.sec_type == "STK" and contract.currency == "USD"
        return BarStyle(
            dates=date_style(version, wanted.request.format_date, intraday=wanted.size.unit == "seconds"),
            zone_name=self.zone_name(version, contract),
            decimals=price_decimals(contract, wanted.request.what),
            protobuf=answers_in_protobuf(version, 17),
            volume_divisor=_LOT if in_lots else 1,
            whole_volumes=version < FRACTIONAL_SIZES,
        )

    def answer(
        self, version: int, contract: Contract, wanted: Wanted, window: Window, rows: EncodedBars, *, told: Told
    ) -> HistoryAnswer:
        """Rows dressed as the answer to one request."""
        zone_name, req_id = self.zone_name(version, contract), told.req_id
        start, end = (stamp(version, at, zone_name) for at in (window.told_start, window.told_end))
        head = answers.historical_head(version, req_id, rows.count + told.miscount, start, end)
        data = answers.historical_data(version, head, rows.rows)
        return HistoryAnswer(data, answers.historical_end(version, req_id, start, end), rows.count, rows.warning)


def encode(bars: Bars, style: BarStyle) -> EncodedBars:
    """The bars' rows and, for clients that cannot take fractional sizes, the warning about the first one trimmed."""
    warning = None
    if style.whole_volumes and len(bars):
        told = bars.volume / style.volume_divisor
        cut = np.flatnonzero((bars.volume > 0) & (told != np.trunc(told)))
        if len(cut):
            first = float(told[cut[0]])
            warning = texts.trimmed(tick_text(first), str(int(first)))
    return EncodedBars(encode_bars(bars, style), len(bars), warning)


def price_decimals(contract: Contract, what: str) -> int:
    """Decimals of the tick; averages and midpoints fall between ticks and get one more."""
    if what in _RATES:
        return _RATE_DECIMALS
    tick = tick_text(contract.min_tick)
    decimals = len(tick.partition(".")[2])
    return decimals if what in _ON_TICK else decimals + 1


def schedule(version: int, req_id: int, contract: Contract, window: Window) -> bytes:
    """The SCHEDULE answer; empty bytes where no session lies in the window."""
    zone_name = contract.time_zone_id
    sessions = [
        answers.ScheduledSession(dashed(one.open, zone_name), dashed(one.close, zone_name), f"{one.day:%Y%m%d}")
        for one in window.sessions
    ]
    return answers.historical_schedule(version, req_id, zone_name, sessions) if sessions else b""
