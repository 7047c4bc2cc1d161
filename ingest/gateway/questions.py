"""The three historical questions (bars, head timestamp, schedule) as `Inquiry` values. Pure."""

from datetime import UTC, datetime

from ingest.domain.answer import RequestKind
from ingest.domain.bars import BarBatch
from ingest.domain.request import Duration, HistoricalRequest
from ingest.domain.request import Session as TradingSession
from ingest.domain.series import Series
from ingest.domain.window import Window
from ingest.gateway.answers import BarsCollector, HeadCollector, ScheduleCollector
from ingest.gateway.contracts import series_contract
from ingest.gateway.encoder import Encoder
from ingest.gateway.inquiry import Inquiry
from ingest.gateway.pacing import RequestCost


def bars(request: HistoricalRequest, window: Window | None, seconds: float) -> Inquiry[BarBatch]:
    """A request for bars as it is; nothing is rounded or split here."""
    series = request.series
    contract = series_contract(series.instrument)
    end, duration, size, what = request.end_text, str(request.duration), str(series.bar_size), str(series.what)
    return Inquiry(
        kind=RequestKind.BARS,
        series=series,
        asked=str(request),
        cost=RequestCost.of(request),
        write=lambda encoder, number: encoder.historical_bars(
            number, contract, end=end, duration=duration, bar_size=size, what=what, use_rth=series.use_rth
        ),
        cancel=Encoder.cancel_historical_bars,
        collector=lambda server_version: BarsCollector(server_version, series.bar_size.is_daily),
        seconds=seconds,
        window=window,
        end_text=end,
        duration=duration,
        size=len,
    )


def head(series: Series, seconds: float) -> Inquiry[datetime]:
    """The first moment of a series; IB leaves it open until it is cancelled."""
    contract = series_contract(series.instrument)
    return Inquiry(
        kind=RequestKind.HEAD,
        series=series,
        asked=f"{series}: head timestamp",
        cost=RequestCost.of_head(series),
        write=lambda encoder, number: encoder.head_timestamp(number, contract, str(series.what), series.use_rth),
        cancel=Encoder.cancel_head_timestamp,
        collector=lambda server_version: HeadCollector(),
        seconds=seconds,
        stays_open=True,
    )


def schedule(
    series: Series, end: datetime | None, duration: Duration, seconds: float
) -> Inquiry[tuple[TradingSession, ...]]:
    """The sessions of `duration` up to `end` (None: now)."""
    contract = series_contract(series.instrument)
    end_text = "" if end is None else f"{end.astimezone(UTC):%Y%m%d-%H:%M:%S}"
    return Inquiry(
        kind=RequestKind.SCHEDULE,
        series=series,
        asked=f"{series}: schedule",
        cost=RequestCost.of_schedule(series),
        write=lambda encoder, number: encoder.schedule(
            number, contract, end=end_text, duration=str(duration), use_rth=series.use_rth
        ),
        cancel=Encoder.cancel_historical_bars,
        collector=lambda server_version: ScheduleCollector(),
        seconds=seconds,
        end_text=end_text,
        duration=str(duration),
        size=len,
    )
