"""Durations, end times, validation and pacing as pure functions."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.simulator.manners.durations import Duration, calendar_start, judge_step, months_before, parse_duration
from ingest.simulator.manners.instants import End, parse_end
from ingest.simulator.manners.latency import Latency
from ingest.simulator.manners.pacing import MessageRate, PacedRequest, PacingLedger
from ingest.simulator.manners.texts import BAD_END, Refusal
from ingest.simulator.manners.validation import Wanted, validate
from ingest.simulator.market.types import BAR_SIZES
from ingest.simulator.wire.requests import ContractQuery, HistoricalRequest
from tests.simulator.server.tiny import at

NOW = at("2024-01-08T12:00:00")
_SIZES = {size.text: size for size in BAR_SIZES}
_GOOD = HistoricalRequest(1, ContractQuery(265598, sec_type="STK"), "", "1 min", "1 D", use_rth=True, what="TRADES")


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("1 D", Duration(1, "D")),
        ("86400 S", Duration(86400, "S")),
        ("60", Duration(60, "S")),
        ("68 Y", Duration(68, "Y")),
    ],
)
def test_a_duration_is_a_number_and_a_unit_or_seconds_alone(text: str, duration: Duration) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "Historical data request duration not specified."),
        *(
            (text, "When specifying a unit, historical data request duration format is integer{SPACE}unit (S|D|W|M|Y).")
            for text in ("1D", "1  D", "D", "1.5 D", "1 d", "1 Q", " 1 D")
        ),
        ("0 D", "Historical data requested duration is invalid."),
        ("29 S", "Historical data requested duration is invalid."),
        ("86401 S", "Historical data request for greater than 86400 seconds rejected."),
        ("366 D", "Historical data requests for durations longer than 365 days must be made in years."),
        ("53 W", "Historical data request for durations longer than 52 weeks must be made in years."),
        ("13 M", "Historical data request for durations longer than 12 months must be made in years."),
        ("69 Y", "Historical data requested duration is invalid."),
    ],
)
def test_a_duration_IB_does_not_take_is_refused_in_its_words(text: str, cause: str) -> None:  # noqa: N802
    assert parse_duration(text) == Refusal(321, f"Error validating request.-'bM' : cause - {cause}")


@pytest.mark.parametrize(
    ("size", "duration", "text"),
    [
        ("1 secs", Duration(2000, "S"), None),
        ("1 secs", Duration(2001, "S"), "Time length exceed max."),
        ("1 secs", Duration(1, "D"), "invalid step: 1"),
        ("5 secs", Duration(1, "D"), None),
        ("5 secs", Duration(1, "W"), "invalid step: 5"),
        ("30 secs", Duration(1, "Y"), "invalid step: 30"),
        ("1 min", Duration(1, "Y"), None),
        ("1 day", Duration(68, "Y"), None),
    ],
)
def test_bars_too_small_for_the_duration_are_refused_by_the_service(
    size: str, duration: Duration, text: str | None
) -> None:
    refusal = judge_step(duration, _SIZES[size])
    assert (refusal and refusal.text) == (text and f"Historical Market Data Service error message:{text}")


@pytest.mark.parametrize(
    ("unit", "count", "start"),
    [
        ("S", 3600, "2024-03-11T15:00:00"),
        # Across the change to summer time the wall clock stays the same, so the day is an hour short.
        ("D", 2, "2024-03-09T17:00:00"),
        ("W", 1, "2024-03-04T17:00:00"),
        ("M", 1, "2024-02-11T17:00:00"),
        ("Y", 1, "2023-03-11T17:00:00"),
    ],
)
def test_the_reported_start_is_calendar_time_at_the_same_wall_clock(unit: str, count: int, start: str) -> None:
    end = at("2024-03-11T16:00:00")
    assert calendar_start(end, Duration(count, unit), "US/Eastern") == at(start)  # type: ignore[arg-type]


def test_a_month_before_the_31st_ends_where_that_month_does() -> None:
    assert months_before(datetime(2024, 3, 31, tzinfo=UTC), 1) == datetime(2024, 2, 29, tzinfo=UTC)
    assert months_before(datetime(2024, 3, 31, tzinfo=UTC), 13) == datetime(2023, 2, 28, tzinfo=UTC)


@given(
    st.integers(0, 40_000).map(lambda day: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)),
    st.integers(1, 800),
)
def test_months_before_goes_back_that_many_months_and_keeps_the_day_where_it_can(moment: datetime, months: int) -> None:
    earlier = months_before(moment, months)
    assert (moment.year - earlier.year) * 12 + moment.month - earlier.month == months
    assert earlier.day == moment.day or (earlier.day < moment.day and earlier.day >= 28)


@pytest.mark.parametrize(
    ("text", "instant", "implied"),
    [
        ("", "2024-01-08T12:00:00", False),
        ("20240105 16:00:00 US/Eastern", "2024-01-05T21:00:00", False),
        ("20240105 16:00:00 America/Chicago", "2024-01-05T22:00:00", False),
        ("20240105 16:00:00 UTC", "2024-01-05T16:00:00", False),
        ("20240105-16:00:00", "2024-01-05T16:00:00", False),
        ("20240105 16:00:00", "2024-01-05T21:00:00", True),
        ("20240105  16:00:00", "2024-01-05T21:00:00", True),
        ("16:00:00 US/Eastern", "2024-01-08T21:00:00", False),
    ],
)
def test_an_end_time_is_read_in_its_zone_or_the_gateways(text: str, instant: str, *, implied: bool) -> None:
    assert parse_end(text, NOW, "US/Eastern") == End(at(instant), implied)


@pytest.mark.parametrize(
    "text",
    [
        "20240105",
        "2024-01-05 16:00:00",
        "20240105 25:00:00",
        "20241305 16:00:00",
        "20240105-16:00:00 US/Eastern",
        "20240105 16:00:00 Mars/Olympus",
        "20240105 16:00:00 US",
        "20240105 16:00:00 ../etc/passwd",
        "tomorrow",
    ],
)
def test_an_end_time_in_no_known_form_is_10314(text: str) -> None:
    assert parse_end(text, NOW, "US/Eastern") == BAD_END


@pytest.mark.parametrize("text", [size.text for size in BAR_SIZES] + ["1 week", "1 month"])
def test_every_bar_size_of_IBs_list_is_taken_and_two_long_names(text: str) -> None:  # noqa: N802
    request = replace(_GOOD, bar_size=text, duration="60 S" if "sec" in text else "1 D")
    assert isinstance(validate(request, version=200, now=NOW, local_zone="UTC"), Wanted)


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"bar_size": "1 sec"}, 321, "1 hour, 2 hours, 3 hours, 4 hours, 8 hours, 1 day, 1W, 1M"),
        ({"bar_size": "1 mins"}, 321, "Historical data bar size setting is invalid. Legal ones are: 1 secs, 5 secs,"),
        ({"what": "LAST"}, 321, "cause - What to show value of LAST rejected."),
        ({"format_date": 4}, 321, "cause - Date formatting selection of 4 rejected."),
        ({"what": "ADJUSTED_LAST", "bar_size": "1W"}, 321, "Multi day bar size not supported with adjusted last"),
    ],
)
def test_words_IB_does_not_know_are_refused(changes: dict[str, str | int], code: int, words: str) -> None:  # noqa: N802
    refusal = validate(replace(_GOOD, **changes), version=200, now=NOW, local_zone="UTC")  # type: ignore[arg-type]
    assert isinstance(refusal, Refusal)
    assert refusal.code == code
    assert words in refusal.text


def test_a_client_without_fractions_gets_no_forex() -> None:
    forex = replace(_GOOD, contract=ContractQuery(sec_type="CASH"), what="MIDPOINT")
    refusal = validate(forex, version=157, now=NOW, local_zone="UTC")
    assert isinstance(refusal, Refusal)
    assert refusal.code == 10285
    assert isinstance(validate(forex, version=163, now=NOW, local_zone="UTC"), Wanted)


def _one(identity: int, instrument: str = "AAPL", cost: int = 1) -> PacedRequest:
    return PacedRequest(f"{instrument} {identity}", instrument, cost)


def _play(*sent: tuple[float, PacedRequest]) -> list[str | None]:
    ledger, verdicts = PacingLedger(), []
    for when, request in sent:
        verdicts.append(ledger.judge(request, when))
        ledger.enter(request, when)
    return list(verdicts)


def test_the_same_request_within_fifteen_seconds_is_a_violation() -> None:
    assert _play((0, _one(1)), (14.9, _one(1))) == [None, "identical"]
    assert _play((0, _one(1)), (15.0, _one(1))) == [None, None]


def test_the_sixth_request_for_one_contract_within_two_seconds_is_a_violation() -> None:
    assert _play(*((at_once * 0.3, _one(at_once)) for at_once in range(6))) == [None] * 5 + ["burst"]
    assert _play(*((apart * 0.4, _one(apart)) for apart in range(6))) == [None] * 6
    assert _play(*((0, _one(nth, f"contract {nth}")) for nth in range(6))) == [None] * 6


def test_the_sixty_first_request_in_ten_minutes_is_a_violation() -> None:
    spread = [(nth * 9.0, _one(nth, f"contract {nth}")) for nth in range(60)]
    assert _play(*spread, (599.9, _one(99))) == [None] * 60 + ["total"]
    assert _play(*spread, (600.0, _one(99))) == [None] * 61


def test_BID_ASK_costs_two_in_the_burst_and_in_the_total() -> None:  # noqa: N802
    assert _play(*((0, _one(nth, cost=2)) for nth in range(3))) == [None, None, "burst"]
    spread = [(nth * 9.0, _one(nth, f"contract {nth}", cost=2)) for nth in range(31)]
    assert _play(*spread) == [None] * 30 + ["total"]


_REQUESTS = st.lists(
    st.tuples(st.floats(0, 60), st.integers(0, 3), st.sampled_from(["AAPL", "MSFT"]), st.sampled_from([1, 2])),
    max_size=80,
)


@given(_REQUESTS)
def test_waiting_as_long_as_the_ledger_says_never_breaks_a_rule(steps: list[tuple[float, int, str, int]]) -> None:
    ledger, now = PacingLedger(), 0.0
    for gap, identity, instrument, cost in steps:
        request = _one(identity, instrument, cost)
        now += gap
        now += ledger.wait_seconds(request, now)
        assert ledger.judge(request, now) is None
        ledger.enter(request, now)


def test_the_ledger_forgets_what_is_older_than_ten_minutes() -> None:
    ledger = PacingLedger()
    for nth in range(1000):
        ledger.enter(_one(nth), nth * 100.0)
        ledger.judge(_one(nth), nth * 100.0)
    assert ledger.total == 6


def test_fifty_messages_a_second_are_welcome_and_one_more_is_a_strike() -> None:
    rate = MessageRate(50)
    assert [rate.exceeded(nth / 100) for nth in range(51)] == [False] * 50 + [True]
    assert not any(rate.exceeded(1 + nth / 49) for nth in range(200))
    assert rate.strikes == 1


def test_overload_makes_each_query_above_the_limit_cost_time() -> None:
    latency = Latency(0.1, 0.001, soft_limit=3, overload_seconds=2)
    assert [latency.overload(count) for count in (0, 3, 4, 6)] == [0, 0, 1, 3]
    assert latency.seconds(100, overload=3) == pytest.approx(6.2)
    assert Latency().overload(1000) == 0
