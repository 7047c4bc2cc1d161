"""A second look that was cut short like the first one confirms nothing."""

from datetime import timedelta

import pyarrow as pa

from ingest.calendars import calendar_of
from ingest.domain.answer import GatewayLogin, HistoricalAnswer, RequestKind, RequestOutcome, RequestRecord
from ingest.domain.bar_size import BarSize
from ingest.domain.bars import BarBatch
from ingest.domain.ledger import State
from ingest.domain.request import Chunk
from ingest.domain.series import Origin
from ingest.domain.window import Window
from ingest.plan.planner import PlannedRequest
from ingest.plan.sizing import request_for
from ingest.store.series import SeriesRow
from ingest.worker.settling import settle_answer
from tests.given import AAPL, at, bars_every, series, window

SERIES = series(bar_size=BarSize.MIN_5)
ROW = SeriesRow(1, 0, Origin.SYNTHETIC, SERIES)
#: What the first answer left out: the afternoon of the newest session.
AFTERNOON = window("2024-01-12 17:45", "2024-01-12 21:00")
MORNING = window("2024-01-12 14:30", "2024-01-12 17:45")
DAY_BEFORE = window("2024-01-11 14:30", "2024-01-11 21:00")


def second_look(*brought: Window) -> list[State]:
    calendar = calendar_of(AAPL, use_rth=True)
    chunk = Chunk(SERIES, AFTERNOON, calendar.overlapping(AFTERNOON))
    request = request_for(chunk, calendar, now=at("2024-01-13 01:00"), second_look=True)
    step = timedelta(minutes=5)
    tables = [bars_every(step, each) for each in brought]
    bars = BarBatch(pa.concat_tables([batch.table for batch in tables]).combine_chunks())
    login = GatewayLogin("test", ("SIM1",), 200, 1)
    record = RequestRecord(RequestKind.BARS, SERIES, login, at("2024-01-13 01:00"), RequestOutcome.BARS)
    answer = HistoricalAnswer(request, bars, record)
    settled = settle_answer(ROW, PlannedRequest(chunk, request, second_look=True), answer)
    assert settled.settlement is not None
    return [entry.state for entry in settled.settlement.entries]


def test_an_answer_that_lacks_even_the_morning_confirms_no_empty_afternoon() -> None:
    assert second_look(DAY_BEFORE) == [State.PENDING]


def test_an_answer_that_has_the_morning_confirms_the_empty_afternoon() -> None:
    assert second_look(DAY_BEFORE, MORNING) == [State.EMPTY_CONFIRMED]


def test_an_answer_with_the_afternoon_covers_it() -> None:
    assert second_look(DAY_BEFORE, MORNING, AFTERNOON) == [State.COVERED]
