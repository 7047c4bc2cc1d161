"""What an answer settles: a second look that was cut short or is disproved confirms nothing, nor does a young edge."""

from datetime import timedelta

import pyarrow as pa

from ingest.calendars import calendar_of
from ingest.domain.answer import GatewayLogin, HistoricalAnswer, RequestKind, RequestOutcome, RequestRecord
from ingest.domain.bar_size import BarSize
from ingest.domain.bars import BarBatch
from ingest.domain.ledger import State
from ingest.domain.request import Chunk
from ingest.domain.series import Origin
from ingest.domain.window import Window, Windows
from ingest.load import Settlement
from ingest.plan.planner import PlannedRequest
from ingest.plan.sizing import request_for
from ingest.store.series import SeriesRow
from ingest.worker.settling import DISPROVED, settle_answer
from tests.given import AAPL, at, bars_every, series, window

SERIES = series(bar_size=BarSize.MIN_5)
ROW = SeriesRow(1, 0, Origin.SYNTHETIC, SERIES)
#: What the first answer left out: the afternoon of the newest session.
AFTERNOON = window("2024-01-12 17:45", "2024-01-12 21:00")
MORNING = window("2024-01-12 14:30", "2024-01-12 17:45")
DAY_BEFORE = window("2024-01-11 14:30", "2024-01-11 21:00")


def settle(planned: PlannedRequest, now: str, *brought: Window) -> Settlement:
    step = timedelta(minutes=5)
    tables = [bars_every(step, each).table for each in brought]
    bars = BarBatch(pa.concat_tables(tables).combine_chunks()) if tables else BarBatch.empty()
    login = GatewayLogin("test", ("SIM1",), 200, 1)
    record = RequestRecord(RequestKind.BARS, SERIES, login, at(now), RequestOutcome.BARS)
    settled = settle_answer(ROW, planned, HistoricalAnswer(planned.request, bars, record))
    assert settled.settlement is not None
    return settled.settlement


def planned(asked: Window, now: str, *, second_look: bool, witnesses: Windows = ()) -> PlannedRequest:
    calendar = calendar_of(AAPL, use_rth=True)
    chunk = Chunk(SERIES, asked, calendar.overlapping(asked))
    request = request_for(chunk, calendar, now=at(now), second_look=second_look)
    return PlannedRequest(chunk, request, second_look, witnesses=witnesses)


def second_look(*brought: Window) -> list[State]:
    now = "2024-01-13 01:00"
    return [entry.state for entry in settle(planned(AFTERNOON, now, second_look=True), now, *brought).entries]


def facts(settlement: Settlement) -> list[tuple[State, Window]]:
    return [(entry.state, entry.window) for entry in settlement.entries]


def test_an_answer_that_lacks_even_the_morning_confirms_no_empty_afternoon() -> None:
    assert second_look(DAY_BEFORE) == [State.PENDING]


def test_an_answer_that_has_the_morning_confirms_the_empty_afternoon() -> None:
    assert second_look(DAY_BEFORE, MORNING) == [State.EMPTY_CONFIRMED]


def test_an_answer_with_the_afternoon_covers_it() -> None:
    assert second_look(DAY_BEFORE, MORNING, AFTERNOON) == [State.COVERED]


def test_no_data_where_the_second_look_reaches_bars_that_are_held_proves_nothing_and_says_so() -> None:
    now = "2024-01-13 01:00"
    (entry,) = settle(planned(AFTERNOON, now, second_look=True, witnesses=(MORNING,)), now).entries
    assert (entry.state, entry.reason) == (State.PENDING, DISPROVED)
    (entry,) = settle(planned(AFTERNOON, now, second_look=True), now).entries
    assert entry.state is State.EMPTY_CONFIRMED


def test_the_newest_edge_stays_open_and_its_last_bar_is_not_stored_while_silence_there_is_young() -> None:
    day, now = window("2024-01-12 14:30", "2024-01-12 18:00"), "2024-01-12 18:01"
    settlement = settle(planned(day, now, second_look=False), now, MORNING)
    assert facts(settlement) == [
        (State.COVERED, window("2024-01-12 14:30", "2024-01-12 17:40")),
        (State.PENDING, window("2024-01-12 17:40", "2024-01-12 18:00")),
    ]
    assert settlement.clean.table["ts"][-1].as_py() == at("2024-01-12 17:35")


def test_a_last_bar_older_than_the_edge_is_stored_and_only_young_silence_stays_open() -> None:
    day, now = window("2024-01-12 14:30", "2024-01-12 18:00"), "2024-01-12 18:01"
    early, late = window("2024-01-12 14:30", "2024-01-12 14:35"), window("2024-01-12 16:00", "2024-01-12 16:05")
    settlement = settle(planned(day, now, second_look=False), now, early, late)
    assert facts(settlement) == [
        (State.COVERED, window("2024-01-12 14:30", "2024-01-12 17:15")),
        (State.PENDING, window("2024-01-12 17:15", "2024-01-12 18:00")),
    ]
    assert len(settlement.clean) == 2


def test_an_answer_with_bars_up_to_its_end_covers_it_at_once() -> None:
    now = "2024-01-12 17:46"
    assert facts(settle(planned(MORNING, now, second_look=False), now, MORNING)) == [(State.COVERED, MORNING)]
