"""What the Gateway refuses by itself, before a request leaves the house. Pure: no market, no pacing."""

from dataclasses import dataclass

from ingest.simulator.manners import texts
from ingest.simulator.manners.durations import Duration, judge_step, parse_duration
from ingest.simulator.manners.instants import End, parse_end
from ingest.simulator.market.types import BAR_SIZES, BarSize
from ingest.simulator.wire.requests import HistoricalRequest
from ingest.simulator.wire.versions import FRACTIONAL_SIZES

_SIZES: dict[str, BarSize] = {
    **{size.text: size for size in BAR_SIZES},
    "1 week": next(size for size in BAR_SIZES if size.unit == "week"),
    "1 month": next(size for size in BAR_SIZES if size.unit == "month"),
}

#: The documented list, and the three the Gateway accepts beside it.
LEGAL_WHAT = frozenset(
    (
        "TRADES",
        "AGGTRADES",
        "ADJUSTED_LAST",
        "MIDPOINT",
        "BID",
        "ASK",
        "BID_ASK",
        "HISTORICAL_VOLATILITY",
        "OPTION_IMPLIED_VOLATILITY",
        "FEE_RATE",
        "YIELD_BID",
        "YIELD_ASK",
        "YIELD_BID_ASK",
        "YIELD_LAST",
        "SCHEDULE",
        "INDICATIVE_AUCTION_PRICE_SIZE",
        "NAV_LAST",
        "YIELD_MARK",
    )
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A historical request that passed: its strings turned into values."""

    request: HistoricalRequest
    size: BarSize
    duration: Duration
    end: End


def validate(request: HistoricalRequest, *, version: int, now: float, local_zone: str) -> Wanted | texts.Refusal:
    """The request with its strings understood, or the first refusal IB would give."""
    size = _SIZES.get(request.bar_size)
    if size is None:
        return texts.invalid(f"Historical data bar size setting is invalid. Legal ones are: {texts.LEGAL_BAR_SIZES}")
    duration = parse_duration(request.duration)
    if isinstance(duration, texts.Refusal):
        return duration
    refusal = _judge_words(request, size, version) or _judge_end(request)
    if refusal is not None:
        return refusal
    end = parse_end(request.end, now, local_zone)
    if isinstance(end, texts.Refusal):
        return end
    return judge_step(duration, size) or Wanted(request, size, duration, end)


def _judge_words(request: HistoricalRequest, size: BarSize, version: int) -> texts.Refusal | None:
    what, sec_type = request.what, request.contract.sec_type
    if what not in LEGAL_WHAT:
        return texts.invalid(f"What to show value of {what} rejected.")
    if request.format_date not in (1, 2, 3):
        return texts.invalid(f"Date formatting selection of {request.format_date} rejected.")
    if what == "SCHEDULE" and size.unit != "day":
        return texts.SCHEDULE_DAILY_ONLY
    if what == "ADJUSTED_LAST" and size.unit in ("week", "month"):
        return texts.invalid("Multi day bar size not supported with adjusted last")
    if sec_type == "CRYPTO" and what == "TRADES":
        return texts.expected_instead("AGGTRADES", "TRADES")
    if sec_type == "CASH" and version < FRACTIONAL_SIZES:
        return texts.OLD_CLIENT
    return None


def _judge_end(request: HistoricalRequest) -> texts.Refusal | None:
    if request.keep_up_to_date:
        return texts.invalid(
            "End date not supported with live updates" if request.end else "Live updates are not simulated."
        )
    if not request.end:
        return None
    if request.what == "ADJUSTED_LAST":
        return texts.invalid("End date not supported with adjusted last")
    return texts.CONTFUT_END if request.contract.sec_type == "CONTFUT" else None
