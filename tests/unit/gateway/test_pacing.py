import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ingest.domain.answer import GatewayLogin, RequestKind, RequestOutcome, RequestRecord
from ingest.domain.bar_size import BarSize
from ingest.domain.instrument import Instrument
from ingest.domain.request import Duration, HistoricalRequest
from ingest.domain.series import Series
from ingest.domain.what import WhatToShow
from ingest.gateway.pacing import Pacer, PacingRules, RequestCost, wait_after

AAPL = Instrument(265598, "AAPL", "STK", "SMART", "USD")
SECONDS = Series(AAPL, BarSize.SEC_5, WhatToShow.TRADES)
MINUTES = Series(AAPL, BarSize.MIN_1, WhatToShow.TRADES)
END = datetime(2024, 1, 10, 15, tzinfo=UTC)
EXACT = PacingRules(guard=0.0)


def bars(series: Series, hours_back: int = 0) -> RequestCost:
    return RequestCost.of(HistoricalRequest(series, END - timedelta(hours=hours_back), Duration(3600, "S")))


def test_small_bars_and_heads_cost_and_minutes_do_not() -> None:
    assert bars(SECONDS).units == 1
    assert bars(Series(AAPL, BarSize.SEC_30, WhatToShow.BID_ASK)).units == 2
    assert bars(MINUTES).units == 0
    assert RequestCost.of_head(MINUTES).units == 1
    assert RequestCost.of_head(Series(AAPL, BarSize.DAY_1, WhatToShow.BID_ASK)).units == 2


def test_everything_historical_is_open_until_it_ends() -> None:
    assert all(cost.opens for cost in (bars(MINUTES), RequestCost.of_head(MINUTES), RequestCost.of_schedule(MINUTES)))
    assert not RequestCost.of_lookup().opens


def test_an_identical_request_waits_fifteen_seconds_and_a_different_one_does_not() -> None:
    pacer = Pacer(EXACT)
    pacer.sent(1000.0, bars(SECONDS))
    assert pacer.wait(1000.0, bars(SECONDS, 1)) == 0
    assert pacer.wait(1001.0, bars(SECONDS)) == pytest.approx(14.0)
    assert pacer.wait(1015.0, bars(SECONDS)) > 0
    assert pacer.wait(math.nextafter(1015.0, math.inf), bars(SECONDS)) == 0


def test_a_sixth_request_for_one_contract_waits_for_the_two_seconds_to_pass() -> None:
    pacer = Pacer(EXACT)
    for number in range(5):
        pacer.sent(1000.0 + number / 10, bars(SECONDS, number))
    assert pacer.wait(1000.5, bars(SECONDS, 9)) == pytest.approx(1.5)
    assert pacer.wait(1000.5, bars(Series(AAPL, BarSize.SEC_5, WhatToShow.BID))) == 0


def test_bid_ask_counts_twice_in_the_burst_as_well() -> None:
    pacer, quotes = Pacer(EXACT), Series(AAPL, BarSize.SEC_5, WhatToShow.BID_ASK)
    for number in range(2):
        assert pacer.wait(1000.0, bars(quotes, number)) == 0
        pacer.sent(1000.0, bars(quotes, number))
    assert pacer.wait(1000.0, bars(quotes, 2)) == pytest.approx(2.0)


def test_the_guard_widens_every_window() -> None:
    pacer = Pacer(PacingRules(guard=2.0))
    pacer.sent(1000.0, bars(SECONDS))
    assert pacer.wait(1015.0, bars(SECONDS)) == pytest.approx(2.0)


def test_the_sixty_first_unit_waits_for_the_first_to_leave_the_window() -> None:
    pacer = Pacer(PacingRules(guard=0.0, open_requests=50))
    for number in range(60):
        pacer.sent(1000.0 + 3 * number, bars(SECONDS, number))
        pacer.ended(bars(SECONDS, number))
    assert pacer.units_left(1180.0) == 0
    assert pacer.wait(1200.0, bars(SECONDS, 99)) == pytest.approx(400.0)
    assert pacer.wait(1200.0, bars(Series(AAPL, BarSize.SEC_5, WhatToShow.BID_ASK))) == pytest.approx(403.0)
    assert pacer.wait(1200.0, bars(MINUTES)) == 0
    assert pacer.units_left(1606.5) == 3


def test_room_for_open_requests_is_made_only_by_one_that_ends() -> None:
    pacer = Pacer(PacingRules(open_requests=2))
    for number in range(2):
        pacer.sent(1000.0, bars(MINUTES, number))
    assert pacer.wait(9999.0, bars(MINUTES, 5)) == math.inf
    assert pacer.wait(9999.0, RequestCost.of_lookup()) == 0
    pacer.ended(bars(MINUTES))
    assert pacer.wait(9999.0, bars(MINUTES, 5)) == 0


def test_messages_stay_below_the_rate_and_a_head_counts_for_its_cancel_too() -> None:
    pacer = Pacer(PacingRules(messages_per_second=4, guard=0.0))
    pacer.sent(1000.0, RequestCost.of_head(MINUTES))
    pacer.sent(1000.2, RequestCost.of_lookup())
    assert pacer.wait(1000.3, RequestCost.of_lookup()) == 0
    pacer.sent(1000.3, RequestCost.of_lookup())
    assert pacer.wait(1000.4, RequestCost.of_lookup()) == pytest.approx(0.6)


def test_symbol_searches_are_a_second_apart() -> None:
    pacer = Pacer(EXACT)
    pacer.sent(1000.0, RequestCost.of_search())
    assert pacer.wait(1000.4, RequestCost.of_search()) == pytest.approx(0.6)
    assert pacer.wait(1000.4, RequestCost.of_lookup()) == 0


def test_a_violation_pauses_everybody_for_a_minute() -> None:
    pacer = Pacer(EXACT)
    pacer.violated(1000.0)
    assert pacer.violations == 1
    for cost in (bars(MINUTES), bars(SECONDS), RequestCost.of_lookup()):
        assert pacer.wait(1010.0, cost) == 50
        assert pacer.wait(1060.0, cost) == 0


def test_a_log_in_any_order_seeds_the_budget() -> None:
    pacer = Pacer(PacingRules(guard=0.0))
    past = [(100.0 + number, bars(SECONDS, number)) for number in range(59)]
    pacer.recall(1000.0, [(0.0, bars(SECONDS, 100)), *past])
    assert pacer.wait(1000.5, bars(SECONDS, 99)) == pytest.approx(900 - 58 + 600 - 1000.5)
    pacer.recall(1000.0, [])
    assert pacer.wait(1000.5, bars(SECONDS, 99)) == 0


def test_a_request_that_has_still_to_leave_counts_from_when_it_leaves_at_the_latest() -> None:
    assert wait_after(EXACT, [(-2.0, bars(SECONDS))], bars(SECONDS)) == pytest.approx(17.0)
    assert wait_after(EXACT, [(16.0, bars(SECONDS))], bars(SECONDS)) == 0


@pytest.mark.parametrize("kind", list(RequestKind))
def test_a_logged_request_costs_what_it_cost_when_it_was_sent(kind: RequestKind) -> None:
    request = HistoricalRequest(SECONDS, END, Duration(3600, "S"))
    login = GatewayLogin("main", ("DU1",), 200, 1)
    record = RequestRecord(
        kind, SECONDS, login, END, RequestOutcome.BARS, end_text=request.end_text, duration=str(request.duration)
    )
    expected = {
        RequestKind.BARS: RequestCost.of(request),
        RequestKind.HEAD: RequestCost.of_head(SECONDS),
        RequestKind.SCHEDULE: RequestCost.of_schedule(SECONDS),
    }
    assert RequestCost.of_record(record) == expected[kind]


def test_memory_is_bounded_by_the_windows() -> None:
    pacer = Pacer(PacingRules(guard=0.0))
    for number in range(500):
        cost = bars(SECONDS, number)
        moment = 1000.0 + 20 * number
        assert pacer.wait(moment, cost) == 0
        pacer.sent(moment, cost)
        pacer.ended(cost)
    assert len(pacer._spent) <= 32
    assert len(pacer._identical) <= 2
    assert len(pacer._bursts) <= 1
    assert len(pacer._messages) <= 1


@pytest.mark.parametrize(
    "wrong", [{"open_requests": 0}, {"open_requests": 51}, {"messages_per_second": 51}, {"guard": -0.1}]
)
def test_rules_beyond_ibs_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"IB allows|guard"):
        PacingRules(**wrong)  # type: ignore[arg-type]


def test_a_request_leaves_as_much_of_the_budget_to_others_as_it_is_told() -> None:
    modest = replace(bars(SECONDS), spare=6)
    spent = [(30.0 + number, bars(SECONDS, number)) for number in range(54)]
    assert wait_after(EXACT, spent, modest) > 500
    assert wait_after(EXACT, spent, bars(SECONDS, 99)) == 0
    assert wait_after(EXACT, spent[:-1], modest) == 0


def test_one_that_would_leave_more_than_there_is_still_goes_when_nobody_else_does() -> None:
    assert wait_after(EXACT, [], replace(bars(Series(AAPL, BarSize.SEC_5, WhatToShow.BID_ASK)), spare=60)) == 0
