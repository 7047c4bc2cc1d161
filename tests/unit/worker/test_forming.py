"""A bar that was not over when it was asked for is neither stored nor covered, whatever grid its market keeps."""

from datetime import datetime, timedelta

import pytest

from ingest.calendars import calendar_of
from ingest.domain.answer import GatewayLogin, HistoricalAnswer, RequestKind, RequestOutcome, RequestRecord
from ingest.domain.bar_size import BarSize
from ingest.domain.instrument import Instrument
from ingest.domain.ledger import Ledger, State
from ingest.domain.request import Chunk, Duration, HistoricalRequest
from ingest.domain.series import Origin, Series
from ingest.domain.window import Window
from ingest.plan.planner import PlannedRequest, SeriesPlan, Situation, plan_series
from ingest.plan.reach import Limits, due_part, due_until
from ingest.plan.spans import Spans
from ingest.store.series import SeriesRow
from ingest.worker.forming import settle_final
from ingest.worker.settling import Settled
from tests.given import AAPL, ES, at, bars_at, series, window

INFY = Instrument(905, "INFY", "STK", "NSE", "INR", local_symbol="INFY", time_zone_id="Asia/Calcutta")
TOKYO = Instrument(906, "JGB", "FUT", "OSE.JPN", "JPY", local_symbol="JGB", time_zone_id="Japan")
MUMBAI = series(INFY, BarSize.HOUR_1)
COVERED = State.COVERED


def settled(asked: Series, held: Window, *starts: str, sent: datetime | None = None) -> Settled:
    calendar = calendar_of(asked.instrument, use_rth=True)
    sessions = calendar.overlapping(held) if calendar.is_known else None
    request = HistoricalRequest(asked, held.end, Duration(1, "D"))
    login = GatewayLogin("test", ("SIM1",), 200, 1)
    record = RequestRecord(RequestKind.BARS, asked, login, sent or at("2024-07-01"), RequestOutcome.BARS)
    answer = HistoricalAnswer(request, bars_at(*(at(f"{held.start:%Y-%m-%d} {start}") for start in starts)), record)
    row = SeriesRow(1, 0, Origin.SYNTHETIC, asked)
    return settle_final(row, PlannedRequest(Chunk(asked, held, sessions), request), answer)


def claims(found: Settled) -> tuple[int, list[tuple[State, Window]]]:
    """How many bars are stored, and what the ledger is told."""
    assert found.settlement is not None
    return len(found.settlement.clean), [(entry.state, entry.window) for entry in found.settlement.entries]


def test_the_hour_that_a_request_ends_in_is_left_open() -> None:
    held = window("2024-06-12 03:00", "2024-06-12 05:00")
    assert claims(settled(MUMBAI, held, "03:45", "04:30")) == (
        1,
        [(COVERED, Window(held.start, at("2024-06-12 04:30")))],
    )


def test_an_answer_that_is_nothing_but_the_forming_bar_settles_nothing_and_is_logged() -> None:
    found = settled(MUMBAI, window("2024-06-12 04:30", "2024-06-12 05:00"), "04:30")
    assert claims(found) == (0, [])


def test_a_bar_that_was_not_over_when_it_was_asked_for_is_left_open() -> None:
    held = window("2024-06-12 14:00", "2024-06-12 16:00")
    found = settled(series(AAPL, BarSize.HOUR_1), held, "14:00", "15:00", sent=at("2024-06-12 15:40"))
    assert claims(found) == (1, [(COVERED, window("2024-06-12 14:00", "2024-06-12 15:00"))])


def test_the_short_first_hour_of_a_session_is_over_at_the_next_full_hour() -> None:
    held = window("2024-06-12 13:30", "2024-06-12 14:00")
    assert claims(settled(series(AAPL, BarSize.HOUR_1), held, "13:30")) == (1, [(COVERED, held)])


def test_the_last_bar_of_a_session_is_over_at_its_close() -> None:
    held = window("2024-06-12 18:00", "2024-06-12 20:00")
    found = settled(series(AAPL, BarSize.HOUR_4), held, "18:00")
    assert claims(found) == (1, [(COVERED, held)])


def test_bars_of_several_hours_are_believed_at_their_full_length_only() -> None:
    held = window("2024-06-12 00:00", "2024-06-12 04:00")
    assert claims(settled(series(TOKYO, BarSize.HOUR_2), held, "01:00", "03:00"))[0] == 1
    assert claims(settled(series(TOKYO, BarSize.HOUR_2), held, "00:00", "02:00"))[0] == 2


def mumbai_at(moment: str, ledger: Ledger) -> SeriesPlan:
    wish = (window("2024-06-12 03:30", "2024-06-12 12:00"),)
    calendar = calendar_of(INFY, use_rth=True)
    return plan_series(Situation(MUMBAI, wish, ledger, calendar, Limits(at(moment)), Spans()))


@pytest.mark.parametrize(
    ("moment", "until"),
    [("05:10", "04:30"), ("05:30", "04:30"), ("05:31", "05:30"), ("06:10", "05:30")],
)
def test_only_whole_bars_of_the_markets_own_grid_are_due(moment: str, until: str) -> None:
    calendar = calendar_of(INFY, use_rth=True)
    assert due_until(MUMBAI, calendar, at(f"2024-06-12 {moment}")) == at(f"2024-06-12 {until}")


def test_a_wish_that_ends_inside_a_bar_is_widened_to_the_whole_bar() -> None:
    calendar = calendar_of(INFY, use_rth=True)
    wish = (window("2024-06-10 05:00", "2024-06-11 05:00"),)
    assert due_part(MUMBAI, wish, calendar, at("2024-06-20")) == (window("2024-06-10 04:30", "2024-06-11 05:30"),)


def test_the_bar_that_was_left_open_is_asked_for_whole_the_next_time() -> None:
    first = settled(MUMBAI, window("2024-06-12 03:30", "2024-06-12 05:00"), "03:45", "04:30")
    assert first.settlement is not None
    plan = mumbai_at("2024-06-12 12:00", Ledger().record(*first.settlement.entries))
    (planned,) = plan.requests
    assert planned.chunk.window.start == at("2024-06-12 04:30")
    rest = [f"{hour:02}:30" for hour in range(4, 10)]
    assert claims(settled(MUMBAI, planned.chunk.window, *rest))[0] == len(rest)


def test_markets_whole_hours_away_from_utc_keep_its_grid() -> None:
    for instrument in (AAPL, ES, TOKYO):
        calendar = calendar_of(instrument, use_rth=True)
        for size in (BarSize.MIN_5, BarSize.HOUR_1, BarSize.HOUR_4):
            moment = at("2024-06-12 15:47")
            late = moment - timedelta(minutes=1)
            assert due_until(series(instrument, size), calendar, moment) == size.floor(late)
